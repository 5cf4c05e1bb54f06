"""Create, change and retire enum types; where a label goes, the columns move to a new type."""

from collections.abc import Iterator

from surefoot.autogenerate import hindrances, rename_hints
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.default_changes import kept_defaults
from surefoot.autogenerate.directives import Remark
from surefoot.autogenerate.matching import changed_pairs
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.model import EnumType
from surefoot.online.enums.enum_operations import ChangeEnumOp, CreateEnumOp, RetireEnumOp


def enums(direction: Direction) -> Iterator[Change]:
    """Yield the changes that make the enum types of the current side those of the target."""
    for old, new in changed_pairs(direction.current.catalogue.enums, direction.target.catalogue.enums):
        if new is None:
            assert old is not None
            yield Change(
                Phase.RETIRE_TYPE, RetireEnumOp(old.name), (), f"Type {old.name} is set aside with what still uses it."
            )
        elif old is None:
            yield Change(Phase.CREATE_TYPE, CreateEnumOp(new.name, new.labels))
        elif old.labels != new.labels:
            yield from _labels(direction, old, new)
        if new is not None and (old.comment if old else None) != new.comment:
            yield comment("type", quoted(new.name), new.comment)


def _labels(direction: Direction, old: EnumType, new: EnumType) -> Iterator[Change]:
    removed = [label for label in old.labels if label not in new.labels]
    added = [label for label in new.labels if label not in old.labels]
    for hint in rename_hints.renamed_label(old.name, removed, added) if direction.upgrading else ():
        yield Change(Phase.CHANGE_TYPE, Remark(hint))
    only_added = [label for label in new.labels if label in old.labels] == list(old.labels)
    if removed:
        yield Change(
            Phase.CHANGE_TYPE,
            Remark(
                f"Rows that hold {', '.join(map(repr, removed))} stop this: op.backfill them before, if there are any."
            ),
        )
    users = _users(direction, quoted(old.name))
    arrays = _users(direction, f"{quoted(old.name)}[]")
    yield from kept_defaults(direction, arrays)
    if only_added:
        yield Change(Phase.CREATE_TYPE, ChangeEnumOp(old.name, new.labels, old.labels))
        return
    all_users = {table: [*users.get(table, ()), *arrays.get(table, ())] for table in (*users, *arrays)}
    yield from hindrances.of_labels(direction, old, all_users)
    locks = tuple(
        lock
        for table in all_users
        for lock in (HeldLock(table, Lock.BRIEF, "to swap columns"), HeldLock(table, Lock.ROWS))
    )
    yield Change(
        Phase.CHANGE_TYPE,
        ChangeEnumOp(old.name, new.labels, old.labels, users, arrays),
        locks,
        f"Columns of type {old.name} are copied to one without {', '.join(removed) or 'its order'};"
        " the old ones stay beside them, retired.",
    )


def _users(direction: Direction, kind: str) -> dict[str, list[str]]:
    """Return the names of the columns of a type that stay, by table."""
    users: dict[str, list[str]] = {}
    for table in direction.current.catalogue.tables:
        for column in table.columns:
            if column.type == kind and direction.target.column(table.name, column.name) is not None:
                users.setdefault(table.name, []).append(column.name)
    return users
