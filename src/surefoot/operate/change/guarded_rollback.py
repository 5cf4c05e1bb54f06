"""The guarded rollback: its cost in rows and values, a backup, and Alembic's own downgrade."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import errors, sql
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.relations import Relation
from surefoot.environment import alembic_api
from surefoot.errors import UsageError
from surefoot.operate.backup import backup, backup_access
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import change_detection, row_counts
from surefoot.operate.change.guarded_upgrade import ChangeResult, hinting_at_restore, restore_hint
from surefoot.operate.revision_lookup import find_revision
from surefoot.program import alembic_command, program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import preconditions
from surefoot.settings import Settings

BASE = "base"


@dataclass(frozen=True)
class RollbackCost:
    """The rows of tables and the values of columns that the target does not have."""

    database: str
    at: str
    target: str
    steps: tuple[str, ...]
    """The revisions that are downgraded, newest first."""
    losses: tuple[str, ...]
    """A sentence for each table or column with values that is retired; the schema `retired` keeps them."""
    deleted: tuple[str, ...] = ()
    """A sentence for each table that is dropped with its rows: the tables of the baseline, in a rollback to base."""


def rollback_cost(settings: Settings, url: URL, target: str) -> RollbackCost:
    """Count what a downgrade to `target` (-1, a revision, base) would retire or delete, without changing anything.

    Raises UsageError if the target is no ancestor of the database's revision, or if the database has several heads;
    RefusedError if row security hides rows.
    """
    script = alembic_api.script(settings)
    with read_connection(url, f"{program()} rollback") as connection:
        at = heads(connection)
        preconditions.refuse_unknown_revision(script, at)
        if len(at) != 1:
            raise UsageError(
                f"The database stands at {' and '.join(at) or 'no revision'}: there is no one way back from there.",
                f"python -m {program()} status shows how it stands; {alembic_command()} downgrade <revision> goes step "
                "by step.",
            )
        revision = _target_revision(script, at[0], target)
        steps = _revisions_to_downgrade(script, at[0], revision)
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
        target_tables = build.catalogue(settings, url, revision).tables if revision != BASE else ()
        base_tables = build.catalogue(settings, url, steps[-1]).tables if revision == BASE else ()
        planned = preconditions.steps_to(script, at, revision, upward=False)
        preconditions.refuse_run(
            preconditions.RequestedRun(
                connection, script, at, planned, upward=False, subscribers_changed=settings.subscribers_changed
            )
        )
        # refuse before anybody confirms a rollback that no backup could precede
        backup_access.require_backup_rights(url)
        dropped = {relation.name for relation in base_tables}
        present = build.catalogue(settings, url, at[0]).tables
        losses = tuple(
            _counted_losses(connection, [each for each in present if each.name not in dropped], target_tables)
        )
        deleted = tuple(_counted_losses(connection, [each for each in present if each.name in dropped], ()))
    return RollbackCost(str(url.database), at[0], revision, steps, losses, deleted)


def roll_back(settings: Settings, url: URL, chosen: RollbackCost, *, say: Say = lambda _: None) -> ChangeResult:
    """Make a backup, then downgrade to the target.

    Raises what the backup and the downgrade raise, with a restore hint.
    """
    with read_connection(url, f"{program()} rollback") as connection:
        before, state = row_counts.count(connection), change_detection.read_state(connection)
    saved = backup(settings, url, say=say)
    started = time.perf_counter()
    say(f"Going back to {chosen.target}")
    with (
        hinting_at_restore(url, state, restore_hint(saved)),
        alembic_api.configured(settings, url, application_name=f"{program()} rollback") as config,
    ):
        command.downgrade(config, chosen.target)
    seconds = time.perf_counter() - started
    with read_connection(url, f"{program()} rollback") as connection:
        after = row_counts.count(connection)
    return ChangeResult(chosen.target, seconds, saved, before, after)


def _target_revision(script: ScriptDirectory, at: str, target: str) -> str:
    if target == BASE:
        return BASE
    if not target.startswith("-"):
        return find_revision(script, target).revision
    revision = at
    for _ in range(int(target[1:]) if target[1:].isdigit() else 1):
        parent = find_revision(script, revision).down_revision
        if parent is None:
            return BASE
        if not isinstance(parent, str):
            raise UsageError(
                f"{target} leads past the merge {revision}, where it is not said which of the lines is meant.",
                f"Name the revision: {' or '.join(parent)}.",
            )
        revision = parent
    return revision


def _revisions_to_downgrade(script: ScriptDirectory, at: str, target: str) -> tuple[str, ...]:
    try:
        steps = tuple(each.revision for each in script.iterate_revisions(at, target))
    except CommandError as fault:
        raise UsageError(
            f"{target} is not behind {at}, where the database stands.", f"python -m {program()} history lists the line."
        ) from fault
    if not steps:
        raise UsageError(f"The database is at {target} already.", f"python -m {program()} history lists the line.")
    return steps


def _counted_losses(
    connection: Connection, present: Sequence[Relation], target_tables: Sequence[Relation]
) -> Iterator[str]:
    kept = {relation.name: {column.name for column in relation.columns} for relation in target_tables}
    for relation in present:
        if relation.name not in kept:
            rows = _count(connection, relation.name)
            if rows:
                yield f"table {relation.name}: {rows} rows"
            continue
        for column in relation.columns:
            if column.name not in kept[relation.name]:
                values = _count(connection, relation.name, column.name)
                if values:
                    yield f"column {relation.name}.{column.name}: {values} values"


def _count(connection: Connection, table: str, column: str | None = None) -> int:
    """Count rows, or values that are not NULL; 0 if somebody has dropped the table or column."""
    what = sql.SQL("count(*)") if column is None else sql.SQL("count({})").format(sql.Identifier(column))
    query = sql.SQL("select {} from {}").format(what, sql.Identifier(table)).as_string()
    try:
        with connection.begin_nested():
            return int(connection.execute(sa.text(query.replace(":", r"\:"))).scalar_one())
    except sa.exc.ProgrammingError as fault:
        if not isinstance(fault.orig, errors.UndefinedTable | errors.UndefinedColumn):
            raise
        return 0
