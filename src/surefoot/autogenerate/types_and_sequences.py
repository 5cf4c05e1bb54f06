"""Create, change and retire domains, composite types and free sequences; enum types have a room of their own."""

from collections.abc import Iterator

from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, quoted, text
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.enum_changes import enums
from surefoot.autogenerate.matching import changed_pairs
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.model import Domain, Sequence

SET_ASIDE = """
do $$
begin
    if to_regclass({name_text}) is not null then
        create schema if not exists retired;
        alter sequence {name} owned by none;
        alter sequence {name} set schema retired;
    end if;
end
$$
"""
MOVED = "lint: ban-set-schema the models use it no more, or not yet"
TAKE_BACK = """
do $$
begin
    if to_regclass({name_text}) is null and to_regclass({aside_text}) is not null then
        execute format('alter sequence {aside} set schema %I', current_schema());
        if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                       and refobjid = 'retired'::regnamespace) then
            drop schema retired;
        end if;
    else
        create sequence if not exists {name}{options};
    end if;
end
$$
"""

FORWARD = """
select setval({name_text}, {new.minimum}, false)
  from {name}
 where last_value < {new.minimum}
""".strip()


def types_and_sequences(direction: Direction) -> Iterator[Change]:
    """Yield the changes that make the types and sequences of the current side those of the target."""
    yield from enums(direction)
    yield from _sequences(direction)
    for old, new in changed_pairs(direction.current.catalogue.domains, direction.target.catalogue.domains):
        yield from _domain(old, new)
    composites = ([each for each in side.catalogue.relations if each.kind == "composite type"]
                  for side in (direction.current, direction.target))  # fmt: skip
    for was, becomes in changed_pairs(*composites):
        verb = "changed" if was and becomes else "created" if becomes else "dropped"
        name = (becomes or was).name  # type: ignore[union-attr]  # one of a pair is there
        yield Change(Phase.ASK, Unfinished(f"composite type {name} has to be {verb}"))


def _sequences(direction: Direction) -> Iterator[Change]:
    """Yield the changes of sequences; one that a column owns is created and retired with the column."""
    renamed = dict(_renamed(direction))
    for old, new in changed_pairs(direction.current.catalogue.sequences, direction.target.catalogue.sequences):
        if new is not None and new.name in renamed:
            was = renamed[new.name]
            rename = f"alter sequence if exists {quoted(was.name)} rename to {quoted(new.name)}"
            remark = "lint: renaming-object its column, which nextval and identity know, is the same"
            yield Change(Phase.CREATE_TYPE, Sql(rename, remark=remark))
            yield from _sequence(direction, was, new)
        elif new is None:
            assert old is not None
            if old in renamed.values():
                continue
            if not _handled_with_identity(direction, old):
                locks = (HeldLock(old.owner.table, Lock.BRIEF, f"to set {old.name} aside"),) if old.owner else ()
                yield Change(
                    Phase.RETIRE_TYPE, Sql(_set_aside(old), remark=MOVED), locks, f"Sequence {old.name} is set aside."
                )
        elif old is None:
            if new.owner is None or _is_default(direction, new):
                yield Change(Phase.CREATE_TYPE, Sql(_take_back(new), remark=MOVED))
                if new.owner is not None:
                    yield _owner(new)
        else:
            yield from _sequence(direction, old, new)


def _renamed(direction: Direction) -> Iterator[tuple[str, Sequence]]:
    """Yield the new name of each sequence that keeps its column and has another name, as after a table's rename."""
    current, target = (
        {each.owner: each for each in side.catalogue.sequences if each.owner is not None}
        for side in (direction.current, direction.target)
    )
    taken = {each.name for each in direction.current.catalogue.sequences}
    wanted = {each.name for each in direction.target.catalogue.sequences}
    for owner, old in current.items():
        new = target.get(owner)
        if new is None or new.name in taken or old.name in wanted:
            continue
        if not _handled_with_identity(direction, old):
            yield new.name, old


def _set_aside(sequence: Sequence) -> str:
    """Return the block that moves the sequence, with its position, to schema `retired`."""
    name = quoted(sequence.name)
    return SET_ASIDE.format(name=name, name_text=text(name)).strip()


def _take_back(sequence: Sequence) -> str:
    name = quoted(sequence.name)
    return TAKE_BACK.format(
        name=name,
        name_text=text(name),
        aside=f"retired.{name}",
        aside_text=text(f"retired.{name}"),
        options=_options(sequence),
    ).strip()


def _is_default(direction: Direction, sequence: Sequence) -> bool:
    """Return whether a column of an existing table is to take its default from the sequence."""
    assert sequence.owner is not None
    table, column = sequence.owner.table, sequence.owner.column
    new = direction.target.column(table, column)
    old = direction.current.column(table, column)
    return (
        new is not None
        and new.identity is None
        and table in direction.current.relations
        and (old is None or old.identity is None)
    )


def _sequence(direction: Direction, old: Sequence, new: Sequence) -> Iterator[Change]:
    if old.owner != new.owner and not _handled_with_identity(direction, new):
        yield _owner(new)
    attributes = ("type", "start", "increment", "minimum", "maximum", "cache", "cycle")
    if any(getattr(old, each) != getattr(new, each) for each in attributes) and not _handled_with_identity(
        direction, new
    ):
        statements = [f"alter sequence {quoted(new.name)}{_options(new)}"]
        if new.minimum > old.minimum:  # PostgreSQL refuses a position before the first number
            statements.insert(0, FORWARD.format(name=quoted(new.name), name_text=text(quoted(new.name)), new=new))
        yield Change(Phase.ALTER, Sql(*statements))
    if old.comment != new.comment:
        yield comment("sequence", quoted(new.name), new.comment)


def _handled_with_identity(direction: Direction, sequence: Sequence) -> bool:
    """Return whether the sequence changes with its column: the column is added, removed, or changes its identity."""
    if sequence.owner is None:
        return False
    place = (sequence.owner.table, sequence.owner.column)
    one, other = direction.current.column(*place), direction.target.column(*place)
    return one is None or other is None or (one.identity is None) != (other.identity is None)


def _owner(new: Sequence) -> Change:
    owner = f"{quoted(new.owner.table)}.{quoted(new.owner.column)}" if new.owner else "none"
    return Change(Phase.ALTER, Sql(f"alter sequence {quoted(new.name)} owned by {owner}"))


def _options(new: Sequence) -> str:
    return (
        f" as {new.type} increment by {new.increment} minvalue {new.minimum} maxvalue {new.maximum}"
        f" start with {new.start} cache {new.cache} {'cycle' if new.cycle else 'no cycle'}"
    )


def _domain(old: Domain | None, new: Domain | None) -> Iterator[Change]:
    if new is not None and old is None:
        collation = f" collate {quoted(new.collation)}" if new.collation else ""
        default = f" default {new.default}" if new.default else ""
        checks = "".join(f" constraint {check}" for check in new.checks)
        null = " not null" if new.nullability == "not null" else ""
        create = f"create domain {quoted(new.name)} as {new.type}{collation}{default}{null}{checks}"
        missing = f"to_regtype({text(quoted(new.name))}) is null"
        block = f"do $$\nbegin\n    if {missing} then\n        {create};\n    end if;\nend\n$$"
        yield Change(Phase.CREATE_TYPE, Sql(block))
        if new.comment:
            yield comment("domain", quoted(new.name), new.comment)
    elif old is not None:
        what = f"domain {old.name} has to be {'changed' if new else 'dropped'}: {(new or old).summary}"
        yield Change(Phase.ASK, Unfinished(what, "a domain is checked in every table that uses it; write what is safe"))
