"""Add, retire and change the columns of an existing table by online operations."""

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate import plain_statements, rename_hints
from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.default_changes import changed_default, default
from surefoot.autogenerate.directives import (
    FillIn,
    Remark,
    RestoreOrCreate,
    Sql,
    Unfinished,
    WithVariables,
    placeholder,
    variable_for,
)
from surefoot.autogenerate.identity_changes import identity
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.type_changes import type_changes
from surefoot.catalogue.relations import Column, Relation
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.constraints.not_null import DropNotNullOnlineOp, SetNotNullOnlineOp
from surefoot.online.retire.retire_operations import RestoreColumnOp, RetireColumnOp
from surefoot.private_members import copy_column


def columns(direction: Direction, current: Relation, target: Relation) -> Iterator[Change]:
    """Yield the changes that make the columns of `current` those of `target`."""
    existing = {column.name: column for column in current.columns}
    expected = {column.name: column for column in target.columns}
    added = [expected[name] for name in _in_written_order(direction, target) if name not in existing]
    removed = [column for column in current.columns if column.name not in expected]
    for column in added:
        yield from _added(direction, target.name, column)
    for column in removed:
        for hint in rename_hints.renamed_column(target.name, column, added) if direction.upgrading else ():
            yield Change(Phase.RETIRE_COLUMN, Remark(hint))
        yield from _retired(target.name, column)
    both = [(existing[column.name], column) for column in target.columns if column.name in existing]
    yield from type_changes(direction, current, both)
    for old, new in both:
        yield from _altered(direction, target.name, old, new)


def _added(direction: Direction, table: str, column: Column) -> Iterator[Change]:
    """Add a column; where its values have to be filled first, add it nullable, backfill, and set NOT NULL."""
    fill = _fill_expression(column)
    late = fill is None or bool(column.default and direction.server.is_volatile(column.default))
    must_fill = not column.nullable and not column.generated and not column.identity
    known = direction.target.sqlalchemy_column(table, column.name)
    if known is None:
        yield Change(Phase.ASK, Unfinished(f"column {table}.{column.name} has to be added: {column.summary}"))
        return
    written = copy_column(known)
    if late and must_fill:
        written.nullable = True
    if late and column.default:
        written.server_default = None
    kind = _written_into_rows(direction, column)
    if kind:
        yield Change(Phase.ASK, Unfinished(
            f"{table}.{column.name} is {kind} column: adding it "
            "writes every row anew while nobody else gets to the table",
            "delete this line where the table is small enough to wait for",
        ))  # fmt: skip
    add: ops.MigrateOperation = ops.AddColumnOp(table, written, if_not_exists=True)
    if isinstance(written.type, sa.types.NullType):
        nullability = "null" if late and must_fill else column.nullability
        add = plain_statements.add_column(
            table, replace(column, nullability=nullability, default=None if late else column.default)
        )
    yield Change(
        Phase.ADD_COLUMN,
        RestoreOrCreate(RestoreColumnOp(table, column.name), [add]),
        (HeldLock(table, Lock.BRIEF, f"to add {column.name}"),),
        None if late and must_fill else _data_sentence(direction, table, column.name, column.default or "NULL"),
    )
    if late:
        yield from _filled_later(direction, table, column, fill if must_fill or column.default else None, must_fill)


def _written_into_rows(direction: Direction, column: Column) -> str | None:
    """Return what kind of column PostgreSQL writes every row anew for; None where it does not."""
    if column.identity:
        return "an identity"
    if column.generated and column.generated.endswith(" stored"):
        return "a stored generated"
    domains = direction.target.catalogue.domains
    checked = {quoted(each.name) for each in domains if each.checks or each.nullability != "null"}
    return "a checked domain's" if column.type in checked else None


def _filled_later(
    direction: Direction, table: str, column: Column, fill: str | None, must_fill: bool
) -> Iterator[Change]:
    """Yield the default, the backfill and NOT NULL of a column that was added without its values."""
    name = column.name
    if column.default:
        yield default(direction, table, column)
    if fill is None and not must_fill:
        return
    backfill: ops.MigrateOperation
    if fill is None:
        variable = variable_for(table, name)
        hint = 'fill in what rows that are there get, as SQL text: "\'\'", "lower(email)", ...'
        yield Change(Phase.ASK, FillIn(variable, f"{table}.{name}", hint))
        backfill = WithVariables(
            BackfillOp(table, {name: placeholder(variable)}, where=f"{quoted(name)} is null"), [variable]
        )
        value = "what the author chose"
    else:
        backfill = BackfillOp(table, {name: fill}, where=f"{quoted(name)} is null")
        value = fill
    yield Change(Phase.BACKFILL, backfill, (HeldLock(table, Lock.ROWS),), _data_sentence(direction, table, name, value))
    if must_fill:
        yield _set_not_null(table, name)


def _data_sentence(direction: Direction, table: str, name: str, value: str) -> str:
    if direction.upgrading:
        return f"{table}.{name} is new; rows that are there get {value}."
    return f"{table}.{name} comes back with its values; rows that came since get {value}."


def _fill_expression(column: Column) -> str | None:
    """Return the SQL expression for the column in existing rows; None where only the author knows one."""
    if column.default:
        return column.default
    return None if not (column.nullable or column.generated or column.identity) else "null"


def _retired(table: str, column: Column) -> Iterator[Change]:
    if _fill_expression(column) is None:
        # the downgrade gives a value to rows that are inserted meanwhile, before it forbids NULL
        yield Change(Phase.RETIRE_COLUMN, DropNotNullOnlineOp(table, column.name))
    yield Change(
        Phase.RETIRE_COLUMN,
        RetireColumnOp(table, column.name),
        (HeldLock(table, Lock.BRIEF, f"to set {column.name} aside"),),
        f"{table}.{column.name} is set aside with its values, readable in schema retired; nothing is deleted.",
    )


def _altered(direction: Direction, table: str, old: Column, new: Column) -> Iterator[Change]:
    name = new.name
    if old.identity != new.identity:
        yield from identity(direction, table, old, new)
    elif old.default != new.default and not new.generated:
        yield from changed_default(direction, table, old, new)
    if old.generated != new.generated:
        yield from _generation(table, old, new)
    if old.nullability != new.nullability and not new.identity:
        yield _drop_not_null(table, old, new) if new.nullable else _set_not_null(table, name)
    if old.comment != new.comment:
        yield Change(
            Phase.COMMENT,
            ops.AlterColumnOp(table, name, modify_comment=new.comment),
            (HeldLock(table, Lock.QUIET, "for comments"),),
        )


def _generation(table: str, old: Column, new: Column) -> Iterator[Change]:
    if new.generated is None:
        drop = f"alter table {quoted(table)} alter column {quoted(new.name)} drop expression if exists"
        yield Change(Phase.ALTER, Sql(drop), (HeldLock(table, Lock.BRIEF, f"for the expression of {new.name}"),))
        return
    yield Change(Phase.ASK, Unfinished(
        f"{table}.{new.name} is generated as {old.generated or 'nothing'} and shall be as {new.generated}",
        "no operation does this beside the users' work: add a new column, or alter the table where it is small",
    ))  # fmt: skip


def _set_not_null(table: str, name: str) -> Change:
    return Change(
        Phase.NOT_NULL,
        SetNotNullOnlineOp(table, name),
        (HeldLock(table, Lock.BRIEF, f"for NOT NULL of {name}"), HeldLock(table, Lock.QUIET, "while rows are checked")),
    )


def _drop_not_null(table: str, old: Column, new: Column) -> Change:
    """Drop NOT NULL after the rest, but before a change of type, whose conversion may result in NULL."""
    phase = Phase.DROP_NOT_NULL if old.type == new.type else Phase.CLEAR_CONSTRAINT
    locks = (HeldLock(table, Lock.BRIEF, f"to allow NULL in {new.name}"),)
    return Change(phase, DropNotNullOnlineOp(table, new.name), locks)


def _in_written_order(direction: Direction, target: Relation) -> list[str]:
    """Return the columns in the order of the model; the catalogue has none."""
    table = direction.target.sqlalchemy_table(target.name)
    known = [column.name for column in table.c] if table is not None else []
    return sorted((c.name for c in target.columns), key=lambda name: known.index(name) if name in known else len(known))
