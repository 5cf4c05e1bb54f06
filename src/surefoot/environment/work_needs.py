"""What an operation needs of the work that earlier revisions have left for later.

Such is a rule on a column that is being filled, and whatever takes away a column, table or index that the work uses.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.environment.precheck.row_preserving_sql import plain_text
from surefoot.errors import RefusedError
from surefoot.online.backfill.operation import BackfillOp
from surefoot.online.change_types.operation import ChangeTypesOnlineOp
from surefoot.online.constraints.check_constraints import AddCheckOnlineOp
from surefoot.online.constraints.foreign_keys import AddForeignKeyOnlineOp
from surefoot.online.constraints.not_null import SetNotNullOnlineOp
from surefoot.online.constraints.unique_constraints import AddUniqueOnlineOp
from surefoot.online.indexes.index_operations import DropIndexOnlineOp
from surefoot.online.retire.retire_operations import RetireColumnOp, RetireTableOp
from surefoot.program import program
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import Entry, NewEntry

HARMLESS = re.compile(r"\b(set|drop) (default|statistics|storage)\b")
"""What SQL does to a column without needing its values."""


@dataclass(frozen=True)
class Need:
    """What an operation needs of a table: that columns have their values, or that nobody uses them any more.

    `columns` is empty where it is the whole table; `text` is SQL that may mention further columns.
    """

    table: str
    columns: tuple[str, ...] = ()
    text: str = ""
    takes_away: bool = False

    def meets(self, entry: NewEntry) -> bool:
        """Return whether the work of `entry` has to be done first."""
        arguments = entry.arguments
        if entry.kind == work_queue.BACKFILL:
            used = [*arguments["values"].values(), arguments["where"] or ""]
            filled = list(arguments["values"])
        else:
            used, filled = [arguments["definition"]], []
        if self.table != arguments["table"]:
            return self.takes_away and not self.columns and any(mentions(text, self.table) for text in used)
        if self.takes_away:
            return not self.columns or any(
                name in filled or any(mentions(text, name) for text in used) for name in self.columns
            )
        return any(name in self.columns or mentions(self.text, name) for name in filled)


def refuse(op: MigrateOperation, revision: str, open_work: Iterable[NewEntry]) -> None:
    """Raise RefusedError where `op` of the revision needs one of the entries of `open_work` to be done."""
    for entry in open_work:
        if any(need.meets(entry) for need in _needs(op)) or _drops_index(op, entry) or _by_sql(op, entry):
            raise _refusal(revision, entry)


def _refusal(revision: str, entry: NewEntry) -> RefusedError:
    if not isinstance(entry, Entry):
        return RefusedError(
            f"Revision {revision} leaves {entry.name} for later and needs it itself.",
            "Move what needs it to a revision of its own, after this one; or leave out later=True.",
        )
    state = f"failed: {entry.error}" if entry.state == work_queue.FAILED else f"is {entry.state}"
    again = f" --continue {entry.name}" if entry.state in {work_queue.FAILED, work_queue.PAUSED} else ""
    return RefusedError(
        f"Revision {revision} needs {entry.name}, which revision {entry.revision} left for later and which {state}.",
        f"Run python -m {program()} work{again}, then the same command again.",
    )


def _drops_index(op: MigrateOperation, entry: NewEntry) -> bool:
    if entry.kind != work_queue.INDEX or not isinstance(op, ops.DropIndexOp | DropIndexOnlineOp):
        return False
    return str(op.index_name) == entry.name


def _by_sql(op: MigrateOperation, entry: NewEntry) -> bool:
    """Return whether DDL that a revision wrote as SQL needs the entry, as far as its names show that."""
    text = getattr(op.sqltext, "text", op.sqltext) if isinstance(op, ops.ExecuteSQLOp) else ""
    for statement in plain_text(str(text)).split(";"):
        kind = " ".join(statement.split()[:2])
        if kind == "drop index" and entry.kind == work_queue.INDEX and mentions(statement, entry.name):
            return True
        if kind not in {"alter table", "drop table"} or not mentions(statement, entry.arguments["table"]):
            continue
        columns = entry.arguments["values"] if entry.kind == work_queue.BACKFILL else ()
        named = any(mentions(statement, name) for name in columns) and not HARMLESS.search(statement)
        if kind == "drop table" or named:
            return True
    return False


@singledispatch
def _needs(op: MigrateOperation) -> Iterable[Need]:  # noqa: ARG001  # as singledispatch calls it
    """Return what an operation needs; nothing of one that no work can meet."""
    return ()


@_needs.register
def _(op: SetNotNullOnlineOp) -> Iterable[Need]:
    return (Need(op.table_name, (op.column_name,)),)


@_needs.register
def _(op: AddCheckOnlineOp) -> Iterable[Need]:
    return (Need(op.table_name, text=op.condition),)


@_needs.register
def _(op: AddForeignKeyOnlineOp) -> Iterable[Need]:
    return Need(op.source_table, op.local_cols), Need(op.referent_table, op.remote_cols)


@_needs.register
def _(op: AddUniqueOnlineOp) -> Iterable[Need]:
    return (Need(op.table_name, op.columns),)


@_needs.register
def _(op: ops.CreateUniqueConstraintOp) -> Iterable[Need]:
    return (Need(op.table_name, tuple(map(str, op.columns))),)


@_needs.register
def _(op: ops.CreateForeignKeyOp) -> Iterable[Need]:
    return Need(op.source_table, tuple(op.local_cols)), Need(op.referent_table, tuple(op.remote_cols))


@_needs.register
def _(op: ops.CreateCheckConstraintOp) -> Iterable[Need]:
    return (Need(op.table_name, text=str(op.condition)),)


@_needs.register
def _(op: ops.CreateIndexOp) -> Iterable[Need]:
    if not op.unique or getattr(op, "later", False):  # the worker does one after the other
        return ()
    names = tuple(each for each in op.columns if isinstance(each, str))
    return (Need(op.table_name, names, " ".join(str(each) for each in op.columns if not isinstance(each, str))),)


@_needs.register
def _(op: BackfillOp) -> Iterable[Need]:
    if op.later:
        return ()
    return (Need(op.table_name, tuple(op.values), " ".join([*op.values.values(), op.where or ""])),)


@_needs.register
def _(op: ChangeTypesOnlineOp) -> Iterable[Need]:
    return (Need(op.table_name, tuple(op.columns), takes_away=True),)


@_needs.register
def _(op: RetireColumnOp | ops.DropColumnOp) -> Iterable[Need]:
    return (Need(op.table_name, (op.column_name,), takes_away=True),)


@_needs.register
def _(op: ops.AlterColumnOp) -> Iterable[Need]:
    if op.modify_nullable is False and op.modify_name is None and op.modify_type is None:
        return (Need(op.table_name, (op.column_name,)),)
    if op.modify_name is None and op.modify_type is None:
        return ()
    return (Need(op.table_name, (op.column_name,), takes_away=True),)


@_needs.register
def _(op: RetireTableOp | ops.DropTableOp | ops.RenameTableOp) -> Iterable[Need]:
    return (Need(op.table_name, takes_away=True),)
