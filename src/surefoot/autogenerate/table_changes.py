"""Create tables, retire them instead of dropping them, and change their own attributes."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from surefoot.autogenerate import (
    parsed_definitions,
    plain_statements,
    rename_hints,
    routines_and_views,
    rules_and_statistics,
)
from surefoot.autogenerate.column_changes import columns
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, final_name, quoted
from surefoot.autogenerate.constraint_changes import constraints
from surefoot.autogenerate.directives import Remark, RestoreOrCreate, Sql, Unfinished
from surefoot.autogenerate.index_changes import indexes, operation
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Constraint, Relation
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.retire.retire_operations import RestoreTableOp, RetireTableOp


def tables(direction: Direction) -> Iterator[Change]:
    """Yield the changes that make the tables of the current side those of the target."""
    existing = {table.name: table for table in direction.current.catalogue.tables}
    expected = {table.name: table for table in direction.target.catalogue.tables}
    added = [expected[name] for name in expected if name not in existing]
    removed = [existing[name] for name in existing if name not in expected]
    yield from _created(direction, added)
    yield from _retired(direction, removed, added)
    for name in existing.keys() & expected.keys():
        current, target = existing[name], expected[name]
        if current != target:
            yield from _attributes(current, target)
            yield from columns(direction, current, target)
            yield from constraints(direction, current, target)
            yield from indexes(direction, current, target)
            yield from routines_and_views.on_table(current, target)
            yield from rules_and_statistics.on_table(current, target)


def _created(direction: Direction, added: list[Relation]) -> Iterator[Change]:
    """Create the tables in the order of their foreign keys; a key in a cycle is added after all of them."""
    written = {relation.name: direction.target.sqlalchemy_table(relation.name) for relation in added}
    for relation in added:
        if written[relation.name] is None or relation.kind != "table":
            yield Change(Phase.ASK, Unfinished(f"{relation.kind} {relation.name} has to be created"))
    known = [table for table in written.values() if table is not None]
    late: set[str] = set()
    ordered = _ordered(known, late)
    for table in ordered:
        yield _create(direction, direction.target.relations[table.name], table, late)
    for relation in added:
        for constraint in relation.constraints:
            if constraint.kind == "f" and constraint.name in late:
                key = parsed_definitions.foreign_key(constraint.definition)
                add = AddForeignKeyOnlineOp(
                    constraint.name, relation.name, key.table, key.local, key.remote, **key.options
                )
                yield Change(Phase.ADD_FOREIGN_KEY, add, (HeldLock(relation.name, Lock.NEW),))


def _ordered(known: list[sa.Table], late: set[str]) -> list[sa.Table]:
    """Return the tables in the order of their foreign keys; add to `late` the names of keys in cycles."""
    names = {table.name for table in known}
    needs = {
        table.name: {key.elements[0].target_fullname.rpartition(".")[0] for key in table.foreign_key_constraints}
        & (names - {table.name})
        for table in known
    }
    left = {table.name: table for table in sorted(known, key=lambda table: table.name)}
    ordered: list[sa.Table] = []
    while left:
        free = next((name for name in left if not needs[name] & left.keys()), None)
        if free is None:
            free = next(iter(left))
            for key in left[free].foreign_key_constraints:
                if key.elements[0].target_fullname.rpartition(".")[0] in left.keys() - {free}:
                    late.add(str(final_name(key)))
        ordered.append(left.pop(free))
    return ordered


def _create(direction: Direction, relation: Relation, table: sa.Table, late: set[str]) -> Change:
    wordless = {column.name for column in table.c if isinstance(column.type, sa.types.NullType)}
    plain_columns = [column for column in relation.columns if column.name in wordless]
    plain_constraints = [each for each in relation.constraints if each.kind == "x" or _mentions(each, wordless)]
    left_out = late | {each.name for each in plain_constraints}
    create = ops.CreateTableOp.from_table(table)
    create.columns = [each for each in create.columns if not _is_left_out(each, wordless, left_out)]
    create.if_not_exists = True
    create.kw.pop("postgresql_with", None)  # reflection lacks these options, so that all are set as of a bare table
    if relation.persistence == "unlogged":
        create.prefixes = ["UNLOGGED"]
    anew: list[ops.MigrateOperation] = [
        create,
        *(plain_statements.add_column(relation.name, each) for each in plain_columns),
        *(plain_statements.add_constraint(relation.name, each) for each in plain_constraints if each.name not in late),
    ]
    for index in relation.indexes:
        if index.constraint is None:
            plain = operation(direction.target, relation.name, index, ops.CreateIndexOp)
            plain.if_not_exists = True
            anew.append(plain)
    bare = _as_created(relation)
    after = [
        *routines_and_views.on_table(bare, relation),
        *rules_and_statistics.on_table(bare, relation),
        *_comments_of_parts(relation),
        *_attributes(bare, relation),
    ]
    anew += [change.operation for change in after]
    referred = {parsed_definitions.foreign_key(key.definition).table for key in relation.constraints if key.kind == "f"}
    return Change(
        Phase.CREATE_TABLE,
        RestoreOrCreate(RestoreTableOp(relation.name), anew),
        (
            HeldLock(relation.name, Lock.NEW),
            *(HeldLock(each, Lock.FOREIGN_KEY, f"to point to it from {relation.name}")
              for each in sorted(referred) if each in direction.current.relations),
        ),
        f"{relation.name} is new and empty." if direction.upgrading else f"{relation.name} comes back with its rows.",
    )  # fmt: skip


def _mentions(constraint: Constraint, columns: set[str]) -> bool:
    return any(parsed_definitions.mentions(constraint.definition, name) for name in columns)


def _is_left_out(part: sa.schema.SchemaItem, columns: set[str], constraints: set[str]) -> bool:
    if isinstance(part, sa.Column):
        return part.name in columns
    return isinstance(part, ExcludeConstraint) or (
        isinstance(part, sa.Constraint)
        and (final_name(part) in constraints or any(each.name in columns for each in getattr(part, "columns", ())))
    )


def _retired(direction: Direction, removed: list[Relation], added: list[Relation]) -> Iterator[Change]:
    """Retire the tables, each before those that it references."""
    known = [table for relation in removed if (table := direction.current.sqlalchemy_table(relation.name)) is not None]
    for table in reversed(_ordered(known, set())):
        relation = direction.current.relations[table.name]
        for hint in rename_hints.renamed_table(relation, added) if direction.upgrading else ():
            yield Change(Phase.RETIRE_TABLE, Remark(hint))
        yield Change(
            Phase.RETIRE_TABLE,
            RetireTableOp(table.name),
            (HeldLock(table.name, Lock.BRIEF, "to set it aside"),),
            f"{table.name} is set aside with all its rows in schema retired; nothing is deleted.",
        )


def _as_created(relation: Relation) -> Relation:
    """Return the relation as `create_table` creates it: without options, row security, triggers and policies."""
    return Relation(
        relation.name, relation.kind, relation.persistence, "off", relation.partition_key, relation.partition_bound,
        relation.inherits, (), None, relation.comment, relation.columns, relation.constraints,
        relation.indexes, (), (),
    )  # fmt: skip


def _comments_of_parts(relation: Relation) -> Iterator[Change]:
    for constraint in relation.constraints:
        if constraint.comment:
            name = f"{quoted(constraint.name)} on {quoted(relation.name)}"
            yield comment("constraint", name, constraint.comment, relation.name)
    for index in relation.indexes:
        if index.comment:
            yield comment("index", quoted(index.name), index.comment, relation.name)


def _attributes(current: Relation, target: Relation) -> Iterator[Change]:
    """Change the table's own attributes: comment, row security, storage options."""
    table = target.name
    if current.comment != target.comment:
        made: ops.MigrateOperation = (
            ops.CreateTableCommentOp(table, target.comment) if target.comment else ops.DropTableCommentOp(table)
        )
        yield Change(Phase.COMMENT, made, (HeldLock(table, Lock.QUIET, "for comments"),))
    if current.row_security != target.row_security:
        for sql in _row_security(table, current.row_security, target.row_security):
            yield Change(Phase.CREATE_DEPENDENT, Sql(sql), (HeldLock(table, Lock.BRIEF, "for row security"),))
    if current.options != target.options:
        removed = [each.partition("=")[0] for each in current.options if each not in target.options]
        statements = [f"alter table {quoted(table)} reset ({', '.join(removed)})"] if removed else []
        if target.options:
            statements.append(f"alter table {quoted(table)} set ({', '.join(target.options)})")
        yield Change(Phase.ALTER, Sql(*statements), (HeldLock(table, Lock.QUIET, "for storage options"),))
    for attribute in ("kind", "persistence", "partition_key", "partition_bound", "inherits"):
        one, other = getattr(current, attribute), getattr(target, attribute)
        if one != other:
            words = attribute.replace("_", " ")
            yield Change(
                Phase.ASK, Unfinished(f"table {table}: {words} is {one or 'none'} and shall be {other or 'none'}")
            )


def _row_security(table: str, current: str, target: str) -> Iterator[str]:
    enabled, forced = {"on", "forced"}, {"forced", "off, though forced"}
    if (target in enabled) != (current in enabled):
        yield f"alter table {quoted(table)} {'enable' if target in enabled else 'disable'} row level security"
    if (target in forced) != (current in forced):
        yield f"alter table {quoted(table)} {'' if target in forced else 'no '}force row level security"
