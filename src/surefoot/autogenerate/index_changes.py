"""Create, drop and rename the indexes of an existing table by online operations."""

from collections.abc import Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, Side, quoted
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.matching import matched
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.type_changes import changing_columns, outlives_changes
from surefoot.catalogue.relations import Index, Relation
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp

_Create = TypeVar("_Create", bound=ops.CreateIndexOp)


def indexes(direction: Direction, current: Relation, target: Relation) -> Iterator[Change]:
    """Yield the changes that make the indexes of `current` those of `target`, without those that serve a constraint."""
    table = target.name
    for old, new in matched(_free(current), _free(target)):
        if new is None:
            assert old is not None
            # else the constraint takes its place, or is made from it
            if old.name not in _uniques(target) or not outlives_changes(direction, table, old.definition):
                yield from _drop(direction, target, old)
            continue
        same = old is not None and old.shape == new.shape
        if old is not None and same and old.name != new.name:
            rename = f"alter index if exists {quoted(old.name)} rename to {quoted(new.name)}"
            remark = "lint: renaming-object no query names an index"
            yield Change(Phase.ALTER, Sql(rename, remark=remark), (HeldLock(table, Lock.QUIET, "to rename an index"),))
        elif old is None or not same or (new.valid and not old.valid):
            first = old is not None and not same and _must_drop_first(direction, target, old)
            if old is not None and first:
                yield from _drop(direction, target, old)
            replaced = old is not None and not same and not first
            yield _create(direction.target, table, new, replace=replaced or new.name in _uniques(current))
        if (old.comment if old is not None and same else None) != new.comment:
            yield comment("index", quoted(new.name), new.comment, table)


def operation(side: Side, table: str, index: Index, kind: type[_Create]) -> _Create:
    """Return the operation of class `kind` that creates the index, as the author wrote it where the models have it.

    Raises parsed_definitions.Unreadable for a definition that no operation can express.
    """
    written = side.index(table, index.name)
    if written is not None:
        plain = ops.CreateIndexOp.from_index(written)
        options = {name: value for name, value in plain.kw.items() if name != "postgresql_concurrently"}
        return kind(index.name, table, plain.columns, unique=plain.unique, **options)
    parts = parsed_definitions.index(index.definition)
    options = dict[str, Any](parts.options)
    if "postgresql_where" in options:
        options["postgresql_where"] = sa.text(str(options["postgresql_where"]))
    columns = [sa.text(each) if each in parts.expressions else each for each in parts.columns]
    return kind(index.name, table, columns, unique=parts.unique, **options)


def _free(relation: Relation) -> tuple[Index, ...]:
    return tuple(index for index in relation.indexes if index.constraint is None)


def _uniques(relation: Relation) -> set[str]:
    return {constraint.name for constraint in relation.constraints if constraint.kind == "u"}


def _must_drop_first(direction: Direction, target: Relation, old: Index) -> bool:
    """Return whether the index has to be dropped first: a constraint takes its name, or a column's type changes.

    A unique one is kept through the change of types where it can be, so that there is no moment without it.
    """
    if old.name in {constraint.name for constraint in target.constraints}:
        return True
    if old.definition.startswith("CREATE UNIQUE"):
        return not outlives_changes(direction, target.name, old.definition)
    return any(parsed_definitions.mentions(old.definition, name) for name in changing_columns(direction, target.name))


def _create(side: Side, table: str, index: Index, *, replace: bool) -> Change:
    try:
        create = operation(side, table, index, CreateIndexOnlineOp)
    except parsed_definitions.Unreadable:
        return Change(Phase.ASK, Unfinished(f"index {index.name} on {table} has to be built: {index.definition}"))
    create.replace = replace
    return Change(Phase.CREATE_INDEX, create, (HeldLock(table, Lock.QUIET, "while indexes are built"),))


def _drop(direction: Direction, target: Relation, index: Index) -> Iterator[Change]:
    first = _must_drop_first(direction, target, index)
    if first and index.definition.startswith("CREATE UNIQUE") and index.name in {each.name for each in target.indexes}:
        yield Change(Phase.ASK, Unfinished(
            f"unique index {index.name} on {target.name} cannot stay while a type changes: duplicates may come until "
            "the new one is built",
            "delete this line where nobody writes meanwhile",
        ))  # fmt: skip
    yield Change(
        Phase.CLEAR_INDEX if first else Phase.DROP_INDEX,
        DropIndexOnlineOp(index.name, target.name),
        (HeldLock(target.name, Lock.QUIET, "while indexes are dropped"),),
    )
