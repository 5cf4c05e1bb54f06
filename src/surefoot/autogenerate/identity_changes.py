"""Turn identity columns into serial ones, or ones with another default, and back; the next number stays the same."""

from collections.abc import Iterator

from surefoot.autogenerate.compared_sides import Direction, quoted, text
from surefoot.autogenerate.default_changes import default
from surefoot.autogenerate.directives import Sql
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.model import Sequence
from surefoot.catalogue.relations import Column
from surefoot.online.constraints.not_null import SetNotNullOnlineOp

# The blocks may run again. The next number is computed under the lock that the change needs anyway.
TO_IDENTITY = """
do $$
declare
    sequence text := pg_get_serial_sequence({table_text}, {column_text});
    next bigint;
begin
    if exists (select from pg_attribute where attrelid = {table_text}::regclass and attname = {column_text}
               and attidentity = '') then
        lock table {table} in access exclusive mode;
{next}        alter table {table} alter column {column} drop default;
        execute coalesce('drop sequence ' || sequence, '');
        alter table {table} alter column {column} add generated {generated} as identity{options};
        perform setval(pg_get_serial_sequence({table_text}, {column_text}), next, false);
    end if;
end
$$
"""
# The next number is that of the sequence, which counts numbers that were rolled back or set by setval, and beyond all
# keys that were inserted explicitly; it is never before the start.
NEXT = """
        select {farther}(coalesce({farthest}({column}) {sign} 1, {start}), {start}) into next from {table};
        if sequence is not null then
            execute 'select {farther}($1, last_value + is_called::integer * {increment}) from ' || sequence
               into next using next;
        end if;
"""
FROM_IDENTITY = """
do $$
declare
    sequence text := pg_get_serial_sequence({table_text}, {column_text});
    next bigint;
begin
    if exists (select from pg_attribute where attrelid = {table_text}::regclass and attname = {column_text}
               and attidentity <> '') then
        lock table {table} in access exclusive mode;
{next}        alter table {table} alter column {column} drop identity;
{serial}    end if;
end
$$
"""
SERIAL = """
        create sequence {sequence} as {type}{options} owned by {table}.{column};
        perform setval({sequence_text}, next, false);
        alter table {table} alter column {column} set default {default};
"""

LOCKED = "lint: lock-table the change itself takes this lock, and the next number must not move before it"
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
"""The highest number of a sequence, by its type."""


def identity(direction: Direction, table: str, old: Column, new: Column) -> Iterator[Change]:
    """Yield the changes that give the column the identity of `new`, or the default of a serial column."""
    locks = (HeldLock(table, Lock.BRIEF, f"for the identity of {new.name}"),)
    if old.identity and new.identity:
        sql = f"alter table {quoted(table)} alter column {quoted(new.name)} set generated {new.identity}"
    elif new.identity:
        if old.nullable:
            yield Change(Phase.CHANGE_TYPE, SetNotNullOnlineOp(table, new.name), locks)
        sql = _filled(
            TO_IDENTITY, direction, table, new, generated=new.identity, options=_options(direction, table, new)
        )
    else:
        sql = _filled(FROM_IDENTITY, direction, table, new, serial=_serial(direction, table, new))
    remark = LOCKED if "lock table" in sql else None
    yield Change(
        Phase.ALTER, Sql(sql.strip(), remark=remark), locks, f"{table}.{new.name} goes on counting where it was."
    )
    if new.identity is None and new.default is not None and owned_by(direction, table, new.name) is None:
        yield default(direction, table, new)


def _serial(direction: Direction, table: str, column: Column) -> str:
    """Return the statements for the sequence and default of a serial column; empty where the target has none."""
    sequence = owned_by(direction, table, column.name)
    if column.default is None or sequence is None:
        return ""
    return SERIAL.removeprefix("\n").format(
        sequence=quoted(sequence.name), sequence_text=text(quoted(sequence.name)), type=sequence.type,
        options=" ".join(["", *_unusual(sequence)]), table=quoted(table), column=quoted(column.name),
        default=column.default,
    )  # fmt: skip


def _options(direction: Direction, table: str, column: Column) -> str:
    sequence = owned_by(direction, table, column.name)
    if sequence is None:
        return ""
    named = [] if sequence.name == f"{table}_{column.name}_seq" else [f"sequence name {quoted(sequence.name)}"]
    options = " ".join([*named, *_unusual(sequence)])
    return f" ({options})" if options else ""


def _unusual(sequence: Sequence) -> Iterator[str]:
    """Yield the options of the sequence that are not those of one that is made without any."""
    most = LARGEST[sequence.type]
    lowest, highest = (1, most) if sequence.increment > 0 else (-most - 1, -1)
    if sequence.increment != 1:
        yield f"increment by {sequence.increment}"
    if sequence.minimum != lowest:
        yield f"minvalue {sequence.minimum}"
    if sequence.maximum != highest:
        yield f"maxvalue {sequence.maximum}"
    if sequence.start != (sequence.minimum if sequence.increment > 0 else sequence.maximum):
        yield f"start with {sequence.start}"
    if sequence.cache != 1:
        yield f"cache {sequence.cache}"
    if sequence.cycle:
        yield "cycle"


def owned_by(direction: Direction, table: str, column: str) -> Sequence | None:
    """Return the sequence that the column owns in the target; None where it owns none."""
    for sequence in direction.target.catalogue.sequences:
        if sequence.owner is not None and (sequence.owner.table, sequence.owner.column) == (table, column):
            return sequence
    return None


def _filled(template: str, direction: Direction, table: str, column: Column, **more: str) -> str:
    sequence = owned_by(direction, table, column.name)
    increment, start = (sequence.increment, sequence.start) if sequence else (1, 1)
    up = increment > 0
    next_ = NEXT.removeprefix("\n").format(
        table=quoted(table), column=quoted(column.name), increment=increment, start=start,
        farther="greatest" if up else "least", farthest="max" if up else "min", sign="+" if up else "-",
    )  # fmt: skip
    return template.format(
        next=next_, table=quoted(table), table_text=text(quoted(table)),
        column=quoted(column.name), column_text=text(column.name), **more,
    )  # fmt: skip
