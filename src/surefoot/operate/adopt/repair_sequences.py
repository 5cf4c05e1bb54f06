"""Repairs of sequences: created with the number to continue from, changed, and given to their column."""

from surefoot.catalogue.model import Catalogue, Sequence
from surefoot.catalogue.relations import Column
from surefoot.operate.adopt import repair_comments
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, literal, quoted


def create(sequence: Sequence) -> str:
    """Return the statement that creates the sequence."""
    return f"create sequence {quoted(sequence.name)} {_options(sequence)};"


def owned_by(sequence: Sequence) -> list[str]:
    """Return the statements that give the sequence to its column and set it after the column's highest value."""
    if sequence.owner is None:
        return []
    name, column, table = quoted(sequence.name), quoted(sequence.owner.column), quoted(sequence.owner.table)
    return [
        f"alter sequence {name} owned by {table}.{column};",
        f"select setval({literal(name)}, max({column})) from {table} having max({column}) > 0;",  # noqa: S608  # quoted
    ]


def identity(catalogue: Catalogue, table: str, column: Column) -> str:
    """Return GENERATED … AS IDENTITY with the options of the column's sequence in the catalogue."""
    sequence = next(
        (each for each in catalogue.sequences
         if each.owner and (each.owner.table, each.owner.column) == (table, column.name)),
        None,
    )  # fmt: skip
    options = f" (sequence name {quoted(sequence.name)} {_numbers(sequence)})" if sequence else ""
    return f"generated {column.identity} as identity{options}"


def missing(sequence: Sequence) -> Repair:
    """Create the sequence; it continues from the highest value of its column."""
    lines = [create(sequence), *owned_by(sequence)]
    return harmless(*(Statement(Phase.SEQUENCE, line) for line in lines))


def differs(attribute: str, new: Sequence, old: Sequence) -> Repair:
    """Repair one attribute of an existing sequence."""
    on = f"alter sequence {quoted(new.name)}"
    if attribute == "owner":
        owner = f"{quoted(new.owner.table)}.{quoted(new.owner.column)}" if new.owner else "none"
        return harmless(Statement(Phase.DEFAULT, f"{on} owned by {owner};"))
    if attribute == "comment":
        return harmless(repair_comments.required("sequence", quoted(new.name), new.comment))
    if attribute == "persistence":
        return harmless(
            Statement(Phase.SEQUENCE, f"{on} set {'logged' if new.persistence != 'unlogged' else 'unlogged'};")
        )
    if attribute in {"type", "minimum", "maximum"} and new.maximum < old.maximum:
        return decision(
            "the counter ends earlier than it does now; PostgreSQL refuses where it is past that",
            Statement(Phase.SEQUENCE, f"{on} {_options(new)};"),
        )
    return harmless(Statement(Phase.SEQUENCE, f"{on} {_options(new)};"))


def _options(sequence: Sequence) -> str:
    return f"as {sequence.type} {_numbers(sequence)}"


def _numbers(sequence: Sequence) -> str:
    return (
        f"start with {sequence.start} increment by {sequence.increment} minvalue {sequence.minimum}"
        f" maxvalue {sequence.maximum} cache {sequence.cache} {'cycle' if sequence.cycle else 'no cycle'}"
    )
