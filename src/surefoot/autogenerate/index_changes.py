"""Indexes of a table that exists: built, dropped and renamed beside the users' work."""

from collections.abc import Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic.operations import ops

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Side, Way, quoted
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.matching import matched
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.type_changes import changing_columns
from surefoot.catalogue.relations import Index, Relation
from surefoot.online.indexes.index_operations import CreateIndexOnlineOp, DropIndexOnlineOp

_Create = TypeVar("_Create", bound=ops.CreateIndexOp)


def indexes(way: Way, current: Relation, target: Relation) -> Iterator[Change]:
    """What makes the indexes of `current` those of `target`, without those behind a constraint."""
    table = target.name
    for old, new in matched(_free(current), _free(target)):
        if new is None:
            assert old is not None
            yield _drop(table, old, first=_in_the_way(way, target, old))
            continue
        same = old is not None and old.shape == new.shape
        if old is not None and same and old.name != new.name:
            rename = f"alter index if exists {quoted(old.name)} rename to {quoted(new.name)}"
            told = "lint: renaming-object no query names an index"
            yield Change(Phase.ALTER, Sql(rename, remark=told), (HeldLock(table, Lock.QUIET, "to rename an index"),))
        elif old is None or not same or (new.valid and not old.valid):
            replaced = old is not None and not same
            first = replaced and _in_the_way(way, target, old)
            if old is not None and first:
                yield _drop(table, old, first=True)
            yield _create(way.target, table, new, replace=replaced and not first)
        if (old.comment if old is not None and same else None) != new.comment:
            yield comment("index", quoted(new.name), new.comment, table)


def operation(side: Side, table: str, index: Index, kind: type[_Create]) -> _Create:
    """The operation of that `kind` that builds the index, in the words of its author where there is one.

    Raises definitions.Unreadable for one that has parts no operation has words for.
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


def _in_the_way(way: Way, target: Relation, old: Index | None) -> bool:
    """Whether it has to go before the new ones are built: a constraint takes its name, or a column's type changes."""
    if old is None or old.name in {constraint.name for constraint in target.constraints}:
        return True
    return any(parsed_definitions.mentions(old.definition, name) for name in changing_columns(way, target.name))


def _create(side: Side, table: str, index: Index, *, replace: bool) -> Change:
    try:
        create = operation(side, table, index, CreateIndexOnlineOp)
    except parsed_definitions.Unreadable:
        return Change(Phase.ASK, Unfinished(f"index {index.name} on {table} has to be built: {index.definition}"))
    create.replace = replace
    return Change(Phase.CREATE_INDEX, create, (HeldLock(table, Lock.QUIET, "while indexes are built"),))


def _drop(table: str, index: Index, *, first: bool) -> Change:
    return Change(
        Phase.CLEAR_INDEX if first else Phase.DROP_INDEX,
        DropIndexOnlineOp(index.name, table),
        (HeldLock(table, Lock.QUIET, "while indexes are dropped"),),
    )
