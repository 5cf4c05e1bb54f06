"""Rename a table with its old name left alive as a view, end that, and both the other way round."""

from dataclasses import dataclass

from psycopg import sql

from surefoot.catalogue import old_names
from surefoot.errors import RefusedError, UsageError
from surefoot.online import published_tables, retired_registry
from surefoot.online.executor import Steps
from surefoot.online.rename import table_rename_sql as part
from surefoot.online.retire import own_objects
from surefoot.online.retire.retire_sql_parts import REFUSAL_PARTS
from surefoot.online.target_table import valid_name


@dataclass(frozen=True)
class Block:
    """A PL/pgSQL block of two parts: one that refuses, or returns where the work is done, and one that does it."""

    refusals: str
    work: str


@dataclass(frozen=True)
class TableNames:
    """The two names of a table, and the revision that renames it."""

    old: str
    new: str
    since: str


RENAME = Block(part.PLACE + part.MAY_RENAME, part.RENAME + part.CREATE_VIEW)
UNDO = Block(
    part.PLACE + part.RENAMED_BACK + part.VIEW_IS_OURS + part.NOTHING_NEEDS_IT, part.DROP_VIEW + part.RENAME_BACK
)
END = Block(part.PLACE + part.VIEW_IS_OURS + part.NOTHING_NEEDS_IT, part.DROP_VIEW)
RESUME = Block(part.PLACE + part.VIEW_IS_OURS + part.VIEW_IS_THERE, part.CREATE_VIEW)


def rename(steps: Steps, names: TableNames) -> None:
    """Rename the table, and make a view of the old name; do nothing where this revision has done it."""
    published_tables.refuse_renamed_table(steps.context, names.old)
    _run(steps, RENAME, names, makes=names.new)


def undo(steps: Steps, names: TableNames) -> None:
    """Drop the view that this revision has made, and give the table its old name back."""
    published_tables.refuse_renamed_table(steps.context, names.new)
    _run(steps, UNDO, names, makes=names.old)


def end(steps: Steps, names: TableNames) -> None:
    """Drop the view; do nothing where there is none any more."""
    refuse_same_revision(steps, names)
    _run(steps, END, names)


def resume(steps: Steps, names: TableNames) -> None:
    """Make the view again; do nothing where it is there."""
    refuse_same_revision(steps, names)
    _run(steps, RESUME, names, makes=names.old)


def check(steps: Steps, block: Block, names: TableNames) -> None:
    """Raise what the operation of `block` would raise, without a change; do nothing offline."""
    if not steps.offline:
        with retired_registry.translate_block_errors():
            steps.execute(_statement(block.refusals, names))


def _run(steps: Steps, block: Block, names: TableNames, makes: str | None = None) -> None:
    statement = _statement(block.refusals + block.work, names)

    def work() -> None:
        with steps.transaction():
            steps.execute(statement)
            if makes is not None and not steps.offline:
                own_objects.record_restored(steps, "relation", makes)

    with retired_registry.translate_block_errors():
        steps.retry_on_lock(work)


def refuse_same_revision(steps: Steps, names: TableNames) -> None:
    """Raise RefusedError where an old name is to end in the revision that makes it."""
    if steps.direction != "unknown" and names.since == steps.revision:
        raise RefusedError(
            f"The old name {names.old!r} of table {names.new!r} would end in revision {names.since}, which makes it: "
            "the application that runs would have no moment in which it works under both names.",
            "Write op.end_table_rename in a revision of a later release; nothing was changed.",
        )


def _statement(text: str, names: TableNames) -> str:
    if valid_name(names.old) == valid_name(names.new):
        raise UsageError(
            f"Table {names.old!r} is to be renamed, and {names.new!r} is the same name.",
            "Correct the names in the revision; nothing was changed.",
        )
    values = {
        "old": names.old,
        "new": names.new,
        "since": names.since,
        "comment": old_names.comment(names.new, names.since),
        "comment_of_old": old_names.comment(names.old, ""),
    }
    return retired_registry.do_block(sql.SQL(f"declare {text} end").format(**values, **REFUSAL_PARTS))
