"""Add, drop and rename the constraints of an existing table by online operations."""

from collections.abc import Iterator

from alembic.operations.ops import MigrateOperation

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, quoted, text
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.matching import matched
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.type_changes import changing_columns, outlives_changes
from surefoot.catalogue.relations import Constraint, Relation
from surefoot.online.constraints.check_constraints import AddCheckOnlineOp, DropConstraintOnlineOp
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.constraints.not_null import SetNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp

RENAME = """
do $$
begin
    if exists (select from pg_constraint where conrelid = {table_text}::regclass and conname = {old_text}) then
        alter table {table} rename constraint {old} to {new};
    end if;
end
$$
"""
PRIMARY_KEY = """
do $$
begin
    if not exists (select from pg_constraint where conrelid = {table_text}::regclass and contype = 'p') then
        alter table {table} add constraint {name} primary key using index {name};
    end if;
end
$$
"""


def constraints(direction: Direction, current: Relation, target: Relation) -> Iterator[Change]:
    """Yield the changes that make the constraints of `current` those of `target`, with the indexes that serve them."""
    table = target.name
    for old, new in matched(current.constraints, target.constraints):
        if new is None:
            assert old is not None
            if old.kind != "u" or old.name not in _free_indexes(target):  # else the index takes its place
                yield _drop(table, old, first=_must_drop_first(direction, target, old))
            continue
        if old is not None and old.name != new.name:
            yield _rename(table, old, new)
        elif old is None:
            yield from _add(direction, table, new, replace=new.kind == "u" and new.name in _free_indexes(current))
        elif old.definition != new.definition:
            first = old.kind != new.kind or _must_drop_first(direction, target, old)
            if first:
                yield _drop(table, old, first=True)
            yield from _add(direction, table, new, replace=not first)
        elif new.valid and not old.valid:
            yield from _add(direction, table, new)  # the operation validates an equal constraint
        replaced = old is None or (old.name == new.name and old.definition != new.definition)
        if (None if replaced or old is None else old.comment) != new.comment:
            yield comment("constraint", f"{quoted(new.name)} on {quoted(table)}", new.comment, table)


def _must_drop_first(direction: Direction, target: Relation, old: Constraint) -> bool:
    """Return whether the constraint has to be dropped before new ones are added, not after.

    That is so for primary keys and exclusion constraints, and on columns whose type changes, where it is not unique.
    """
    if old.kind == "u":
        return not outlives_changes(direction, target.name, old.definition)
    if old.kind not in {"c", "f"}:
        return True
    tables = {target.name}
    if old.kind == "f":
        tables.add(parsed_definitions.foreign_key(old.definition).table)
    changing = {name for table in tables for name in changing_columns(direction, table)}
    return any(parsed_definitions.mentions(old.definition, name) for name in changing)


def _free_indexes(relation: Relation) -> set[str]:
    return {index.name for index in relation.indexes if index.constraint is None}


def _add(direction: Direction, table: str, new: Constraint, *, replace: bool = False) -> Iterator[Change]:
    try:
        added = {"c": _check, "f": _foreign_key, "u": _unique, "p": _primary_key}[new.kind](direction, table, new)
        for change in added:
            if replace:
                change.operation.replace = True  # type: ignore[attr-defined]  # each of c, f and u has it
            yield change
    except (parsed_definitions.Unreadable, KeyError):
        sql = f"alter table {quoted(table)} add constraint {quoted(new.name)} {new.definition}"
        yield Change(Phase.ASK, Unfinished(
            f"constraint {new.name} on {table} has to be added: {new.definition}",
            "no operation adds this beside the users' work; where the table is small enough to wait for, in the place",
            f"of this line, op.execute({sql!r})",
        ))  # fmt: skip


def _check(direction: Direction, table: str, new: Constraint) -> Iterator[Change]:
    condition = direction.target.check(table, new.name) or parsed_definitions.check(new.definition)
    yield _added(Phase.ADD_CONSTRAINT, table, new, AddCheckOnlineOp(new.name, table, condition))


def _foreign_key(_: Direction, table: str, new: Constraint) -> Iterator[Change]:
    key = parsed_definitions.foreign_key(new.definition)
    operation = AddForeignKeyOnlineOp(new.name, table, key.table, key.local, key.remote, **key.options)
    others = tuple(dict.fromkeys((table, key.table)))
    yield Change(
        Phase.ADD_FOREIGN_KEY,
        operation,
        (
            *(HeldLock(each, Lock.FOREIGN_KEY, f"to add {new.name}") for each in others),
            HeldLock(table, Lock.QUIET, "while rows are checked"),
        ),
    )


def _unique(_: Direction, table: str, new: Constraint) -> Iterator[Change]:
    key = parsed_definitions.unique(new.definition)
    yield _added(Phase.ADD_CONSTRAINT, table, new, AddUniqueOnlineOp(new.name, table, key.columns, **key.options))


def _primary_key(direction: Direction, table: str, new: Constraint) -> Iterator[Change]:
    key = parsed_definitions.unique(new.definition)
    for name in key.columns:
        column = direction.current.column(table, name)
        if column is None or column.nullable:
            yield Change(
                Phase.NOT_NULL, SetNotNullOnlineOp(table, name), (HeldLock(table, Lock.BRIEF, "for NOT NULL"),)
            )
    yield _added(Phase.CREATE_INDEX, table, new, CreateIndexOnlineOp(new.name, table, key.columns, unique=True))
    sql = PRIMARY_KEY.format(
        table=quoted(table), table_text=text(quoted(table)), name=quoted(new.name), name_text=text(new.name)
    )
    yield _added(Phase.ADD_CONSTRAINT, table, new, Sql(sql.strip()))


def _added(phase: Phase, table: str, new: Constraint, operation: MigrateOperation) -> Change:
    return Change(
        phase,
        operation,
        (
            HeldLock(table, Lock.BRIEF, f"to add {new.name}"),
            HeldLock(table, Lock.QUIET, "while rows are checked" if new.kind == "c" else "while its index is built"),
        ),
    )


def _drop(table: str, old: Constraint, *, first: bool) -> Change:
    locks = [HeldLock(table, Lock.BRIEF, f"to drop {old.name}")]
    if old.kind == "f":
        other = parsed_definitions.foreign_key(old.definition).table
        locks += [HeldLock(other, Lock.BRIEF, f"to drop {old.name}")] if other != table else []
    clear, drop = (
        (Phase.CLEAR_FOREIGN_KEY, Phase.DROP_FOREIGN_KEY)
        if old.kind == "f"
        else (Phase.CLEAR_CONSTRAINT, Phase.DROP_CONSTRAINT)
    )
    return Change(clear if first else drop, DropConstraintOnlineOp(old.name, table), tuple(locks))


def _rename(table: str, old: Constraint, new: Constraint) -> Change:
    sql = RENAME.format(
        table=quoted(table), table_text=text(quoted(table)),
        old=quoted(old.name), old_text=text(old.name), new=quoted(new.name),
    )  # fmt: skip
    remark = "lint: renaming-object no query names a constraint but one with ON CONFLICT ON CONSTRAINT"
    return Change(Phase.ALTER, Sql(sql.strip(), remark=remark), (HeldLock(table, Lock.BRIEF, f"to rename {old.name}"),))
