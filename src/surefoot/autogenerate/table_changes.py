"""Tables as a whole: created plainly, retired instead of dropped; what a table is beside its parts."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate import parsed_definitions, rename_hints, routines_and_views
from surefoot.autogenerate.column_changes import columns
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Way, final_name, quoted
from surefoot.autogenerate.constraint_changes import constraints
from surefoot.autogenerate.directives import Remark, Sql, TakeBack, Unfinished
from surefoot.autogenerate.index_changes import indexes, operation
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Relation
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.retire.retire_operations import RestoreTableOp, RetireTableOp


def tables(way: Way) -> Iterator[Change]:
    """What makes the tables of the current side those of the target."""
    there = {table.name: table for table in way.current.catalogue.tables}
    wanted = {table.name: table for table in way.target.catalogue.tables}
    added = [wanted[name] for name in wanted if name not in there]
    gone = [there[name] for name in there if name not in wanted]
    yield from _created(way, added)
    yield from _retired(way, gone, added)
    for name in there.keys() & wanted.keys():
        current, target = there[name], wanted[name]
        if current != target:
            yield from _itself(current, target)
            yield from columns(way, current, target)
            yield from constraints(way, current, target)
            yield from indexes(way, current, target)
            yield from routines_and_views.on_table(current, target)


def _created(way: Way, added: list[Relation]) -> Iterator[Change]:
    """The new tables, those first that others point to; a foreign key in a circle comes after all of them."""
    written = {relation.name: way.target.table(relation.name) for relation in added}
    for relation in added:
        if written[relation.name] is None or relation.kind != "table":
            yield Change(Phase.ASK, Unfinished(f"{relation.kind} {relation.name} has to be created"))
    known = [table for table in written.values() if table is not None]
    late: set[str] = set()
    ordered = _ordered(known, late)
    for table in ordered:
        yield _create(way, way.target.relations[table.name], table, late)
    for relation in added:
        for constraint in relation.constraints:
            if constraint.kind == "f" and constraint.name in late:
                key = parsed_definitions.foreign_key(constraint.definition)
                add = AddForeignKeyOnlineOp(
                    constraint.name, relation.name, key.table, key.local, key.remote, **key.options
                )
                yield Change(Phase.ADD_FOREIGN_KEY, add, (HeldLock(relation.name, Lock.NEW),))


def _ordered(known: list[sa.Table], late: set[str]) -> list[sa.Table]:
    """The tables in the order of their foreign keys; the names of keys that no order allows go to `late`."""
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


def _create(way: Way, relation: Relation, table: sa.Table, late: set[str]) -> Change:
    create = ops.CreateTableOp.from_table(table)
    create.columns = [each for each in create.columns if not _is_late(each, late)]
    create.if_not_exists = True
    anew: list[ops.MigrateOperation] = [create]
    for index in relation.indexes:
        if index.constraint is None:
            plain = operation(way.target, relation.name, index, ops.CreateIndexOp)
            plain.if_not_exists = True
            anew.append(plain)
    bare = _with_nothing(relation)
    after = [*routines_and_views.on_table(bare, relation), *_comments_of_parts(relation), *_itself(bare, relation)]
    anew += [change.operation for change in after]
    referred = {parsed_definitions.foreign_key(key.definition).table for key in relation.constraints if key.kind == "f"}
    return Change(
        Phase.CREATE_TABLE,
        TakeBack(RestoreTableOp(relation.name), anew),
        (
            HeldLock(relation.name, Lock.NEW),
            *(HeldLock(each, Lock.FOREIGN_KEY, f"to point to it from {relation.name}")
              for each in sorted(referred) if each in way.current.relations),
        ),
        f"{relation.name} is new and empty." if way.upgrading else f"{relation.name} comes back with its rows.",
    )  # fmt: skip


def _is_late(part: sa.schema.SchemaItem, late: set[str]) -> bool:
    return isinstance(part, sa.ForeignKeyConstraint) and final_name(part) in late


def _retired(way: Way, gone: list[Relation], added: list[Relation]) -> Iterator[Change]:
    """The tables that go, those last that others point to."""
    known = [table for relation in gone if (table := way.current.table(relation.name)) is not None]
    for table in reversed(_ordered(known, set())):
        relation = way.current.relations[table.name]
        for hint in rename_hints.renamed_table(relation, added) if way.upgrading else ():
            yield Change(Phase.RETIRE_TABLE, Remark(hint))
        yield Change(
            Phase.RETIRE_TABLE,
            RetireTableOp(table.name),
            (HeldLock(table.name, Lock.BRIEF, "to set it aside"),),
            f"{table.name} is set aside with all its rows in schema retired; nothing is deleted.",
        )


def _with_nothing(relation: Relation) -> Relation:
    """The table as `create_table` leaves it."""
    return Relation(
        relation.name, relation.kind, relation.persistence, "off", relation.partition_key, relation.partition_bound,
        relation.inherits, relation.options, None, relation.comment, relation.columns, relation.constraints,
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


def _itself(current: Relation, target: Relation) -> Iterator[Change]:
    """The table's own attributes: comment, row security, storage options."""
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
        gone = [each.partition("=")[0] for each in current.options if each not in target.options]
        statements = [f"alter table {quoted(table)} reset ({', '.join(gone)})"] if gone else []
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


def _row_security(table: str, current: str, wanted: str) -> Iterator[str]:
    enabled, forced = {"on", "forced"}, {"forced", "off, though forced"}
    if (wanted in enabled) != (current in enabled):
        yield f"alter table {quoted(table)} {'enable' if wanted in enabled else 'disable'} row level security"
    if (wanted in forced) != (current in forced):
        yield f"alter table {quoted(table)} {'' if wanted in forced else 'no '}force row level security"
