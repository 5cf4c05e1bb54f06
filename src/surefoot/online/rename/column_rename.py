"""Rename a column with its old name left alive as a second column, end that, and both the other way round."""

from collections.abc import Iterator

from alembic.runtime.migration import MigrationContext
from psycopg import sql

from surefoot.catalogue import old_names
from surefoot.errors import RefusedError, UsageError
from surefoot.online import published_tables, retired_registry
from surefoot.online.executor import Steps
from surefoot.online.rename import column_rename_sql as part
from surefoot.online.rename import column_twin, column_twin_sql
from surefoot.online.rename.column_names import ColumnNames
from surefoot.online.rename.column_rename_refusals import MAY_HAVE_TWO_NAMES
from surefoot.online.rename.table_rename import Block
from surefoot.online.retire import own_objects
from surefoot.online.retire.retire_sql_parts import REFUSAL_PARTS
from surefoot.online.target_table import valid_name

RENAMED, TAKEN_AWAY = "renames column %s", "drops column %s"
WRITTEN = "in what has the other name of the column"

RENAME = Block(part.PLACE + part.TO_RENAME + MAY_HAVE_TWO_NAMES, column_twin_sql.TAKE_NAMES)
UNDO = Block(part.PLACE + part.RENAMED_BACK + part.IS_OURS + part.NOTHING_NEEDS_IT, part.DROP + part.RENAME_BACK)
END = Block(part.PLACE + part.IS_OURS + part.NOTHING_NEEDS_IT, part.DROP)
RESUME = Block(part.PLACE + part.IS_OURS + part.TO_RESUME + MAY_HAVE_TWO_NAMES, column_twin_sql.TAKE_NAMES)
INDEXES = part.PLACE + part.IS_OURS + column_twin_sql.INDEXES


def rename(steps: Steps, names: ColumnNames) -> None:
    """Give the column the new name, and a second column the old one; do nothing where this revision has done it."""
    refuse_published(steps.context, RENAME, names)
    _begin(steps, RENAME, names, source=names.old)


def undo(steps: Steps, names: ColumnNames) -> None:
    """Drop the second column that this revision has made, and give the column its old name back."""
    refuse_published(steps.context, UNDO, names)
    _run(steps, UNDO, names, makes=names.old)


def end(steps: Steps, names: ColumnNames) -> None:
    """Drop the second column; do nothing where there is none any more."""
    refuse_same_revision(steps, names)
    refuse_published(steps.context, END, names)
    _run(steps, END, names)


def resume(steps: Steps, names: ColumnNames) -> None:
    """Make the second column again, filled; do nothing where it is there."""
    refuse_same_revision(steps, names)
    refuse_published(steps.context, RESUME, names)
    _begin(steps, RESUME, names, source=names.new)


def check(steps: Steps, block: Block, names: ColumnNames) -> None:
    """Raise what the operation of `block` would raise, without a change; do nothing offline."""
    if not steps.offline:
        with retired_registry.translate_block_errors():
            steps.execute(_statement(steps, block.refusals, names))


def refuse_published(context: MigrationContext, block: Block, names: ColumnNames) -> None:
    """Refuse what the operation of `block` does to a column that is sent to subscribers: they have no such column."""
    lost = {RENAME: [names.old], UNDO: [names.old, names.new], END: [names.old], RESUME: []}[block]
    change = TAKEN_AWAY if block is END else RENAMED
    published_tables.refuse_changed_column(context, names.table, lost, change)
    if block in (RENAME, RESUME):
        published_tables.refuse_new_column(context, names.table, names.new if block is RENAME else names.old)


def refuse_same_revision(steps: Steps, names: ColumnNames) -> None:
    """Raise RefusedError where an old name is to end in the revision that makes it."""
    if steps.direction != "unknown" and names.since == steps.revision:
        raise RefusedError(
            f"The old name {names.old!r} of column {names.table}.{names.new} would end in revision {names.since}, "
            "which makes it: the application that runs would have no moment in which it works under both names.",
            "Write op.end_column_rename in a revision of a later release; nothing was changed.",
        )


def _begin(steps: Steps, block: Block, names: ColumnNames, source: str) -> None:
    """Make the second column beside `source`, fill it, and have both take their names."""
    if steps.offline:
        _print(steps, block, names)
        return
    check(steps, block, names)
    if column_twin.is_there(steps, names):
        return
    published_tables.refuse_subscribed(steps.context, names.table, WRITTEN)

    def take_names(beside: str) -> None:
        with retired_registry.translate_block_errors():
            steps.execute(_statement(steps, block.refusals + block.work, names, beside))
        own_objects.record_restored(steps, "column", names.table, names.new if source == names.old else names.old)

    column_twin.make(steps, names, source, take_names)


def _run(steps: Steps, block: Block, names: ColumnNames, makes: str | None = None) -> None:
    statement = _statement(steps, block.refusals + block.work, names)

    def work() -> None:
        with steps.transaction():
            steps.execute(statement)
            if makes is not None and not steps.offline:
                own_objects.record_restored(steps, "column", names.table, makes)

    with retired_registry.translate_block_errors():
        steps.retry_on_lock(work)


def _print(steps: Steps, block: Block, names: ColumnNames) -> None:
    """Print what psql runs: the second column is filled, and its indexes are built, while everybody waits."""
    steps.context.impl.static_output(
        f"-- A second name for a column of {names.table}: run by psql this stops everybody who uses the table while "
        "each of its rows is\n-- written. Alembic itself does it beside the users' work."
    )
    with steps.transaction():
        for text in (block.refusals + column_twin_sql.FILL, block.refusals + block.work, INDEXES):
            steps.execute(_statement(steps, text, names))


def _statement(steps: Steps, text: str, names: ColumnNames, beside: str | None = None) -> str:
    if valid_name(names.old) == valid_name(names.new):
        raise UsageError(
            f"Column {names.table}.{names.old} is to be renamed, and {names.new!r} is the same name.",
            "Correct the names in the revision; nothing was changed.",
        )
    values = dict(_values(names)) | {"beside": beside or column_twin.name_beside(steps, names.old)}
    return retired_registry.do_block(sql.SQL(f"declare {text} end").format(**values, **REFUSAL_PARTS))


def _values(names: ColumnNames) -> Iterator[tuple[str, object]]:
    yield from {"table": names.table, "old": names.old, "new": names.new, "since": names.since}.items()
    yield "comment", old_names.comment(names.new, names.since, "column")
    yield "function", names.function
    yield "triggers", list(names.triggers)
    yield "index_mark", names.index_mark
    yield "prefix", old_names.PREFIX
    yield "trigger_prefix", old_names.TRIGGER_PREFIX
    yield "beyond", f"{old_names.TRIGGER_PREFIX}~"
    yield "body", column_twin_sql.BODY
