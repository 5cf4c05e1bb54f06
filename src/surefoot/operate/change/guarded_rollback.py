"""The guarded way back: what it costs in rows and values, a backup, and nothing destroyed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.relations import Relation
from surefoot.environment import alembic_api
from surefoot.errors import SurefootError, UsageError
from surefoot.operate.backup import backup, backup_access
from surefoot.operate.change import change_detection, row_counts
from surefoot.operate.change.guarded_upgrade import Done, Say
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import error_translation, preconditions
from surefoot.settings import Settings

BASE = "base"
GONE = frozenset({"42P01", "42703"})
"""There is no such table, no such column."""


@dataclass(frozen=True)
class Cost:
    """What goes out of sight: rows of tables, and values of columns, that the target does not have."""

    database: str
    at: str
    target: str
    steps: tuple[str, ...]
    """The revisions that are taken back, newest first."""
    losses: tuple[str, ...]
    """A sentence for each table or column that holds something; set aside in schema `retired`, and counted."""
    deleted: tuple[str, ...] = ()
    """The same for each table that is dropped with its rows: on the way to base those that were there first."""


def cost(settings: Settings, url: URL, target: str) -> Cost:
    """Count what a way back to `target` (-1, a revision, base) would put out of sight; nothing is changed.

    Raises UsageError for a target that is not behind the database, or where the database has several heads;
    RefusedError where row security hides rows.
    """
    script = alembic_api.script(settings)
    with read_connection(url, f"{program()} rollback") as connection:
        at = heads(connection)
        if len(at) != 1:
            raise UsageError(
                f"The database stands at {' and '.join(at) or 'no revision'}: there is no one way back from there.",
                f"python -m {program()} status shows how it stands; python -m alembic downgrade <revision> goes step "
                "by step.",
            )
        wanted = _resolved(script, at[0], target)
        steps = _between(script, at[0], wanted)
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
        there = build.catalogue(settings, url, wanted).tables if wanted != BASE else ()
        first = build.catalogue(settings, url, steps[-1]).tables if wanted == BASE else ()
        asked = preconditions.steps_to(script, at, wanted, upward=False)
        preconditions.refuse_run(preconditions.RequestedRun(connection, script, at, asked, upward=False))
        backup_access.ready(url)  # nobody is asked for what no backup can precede
        dropped = {relation.name for relation in first}
        here = build.catalogue(settings, url, at[0]).tables
        losses = tuple(_losses(connection, [each for each in here if each.name not in dropped], there))
        deleted = tuple(_losses(connection, [each for each in here if each.name in dropped], ()))
    return Cost(str(url.database), at[0], wanted, steps, losses, deleted)


def roll_back(settings: Settings, url: URL, chosen: Cost, *, say: Say = lambda _: None) -> Done:
    """Back up, then go down to the target. Raises what the backup and a migration raise, with the way to restore."""
    with read_connection(url, f"{program()} rollback") as connection:
        before, stood = row_counts.count(connection), change_detection.stand(connection)
    made = backup(settings, url, say=say)
    started = time.perf_counter()
    say(f"Going back to {chosen.target}")
    try:
        with alembic_api.configured(settings, url, application_name=f"{program()} rollback") as config:
            command.downgrade(config, chosen.target)
    except SurefootError as fault:
        if change_detection.changed(url, stood):
            fault.remedy = f"{fault.remedy} To go back to where it was: python -m {program()} restore {made.name}"
        raise
    seconds = time.perf_counter() - started
    with read_connection(url, f"{program()} rollback") as connection:
        after = row_counts.count(connection)
    return Done(chosen.target, seconds, made, before, after)


def _resolved(script: ScriptDirectory, at: str, target: str) -> str:
    if target == BASE:
        return BASE
    if not target.startswith("-"):
        try:
            found = script.get_revision(target)
        except CommandError as fault:
            raise error_translation.translate(fault, None) from fault
        assert found is not None
        return found.revision
    here = at
    for _ in range(int(target[1:]) if target[1:].isdigit() else 1):
        found = script.get_revision(here)
        parent = found.down_revision if found is not None else None
        if not isinstance(parent, str) and parent is not None:
            raise UsageError(
                f"{target} leads past the merge {here}, where it is not said which of the lines is meant.",
                f"Name the revision: {' or '.join(parent)}.",
            )
        if parent is None:
            return BASE
        here = parent
    return here


def _between(script: ScriptDirectory, at: str, target: str) -> tuple[str, ...]:
    try:
        steps = tuple(each.revision for each in script.iterate_revisions(at, target))
    except CommandError as fault:
        raise UsageError(
            f"{target} is not behind {at}, where the database stands.", f"python -m {program()} history lists the line."
        ) from fault
    if not steps:
        raise UsageError(f"The database is at {target} already.", f"python -m {program()} history lists the line.")
    return steps


def _losses(connection: Connection, here: Sequence[Relation], there: Sequence[Relation]) -> Iterator[str]:
    kept = {relation.name: {column.name for column in relation.columns} for relation in there}
    for relation in here:
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
    """Rows, or values that are not NULL; 0 for what somebody has removed."""
    what = sql.SQL("count(*)") if column is None else sql.SQL("count({})").format(sql.Identifier(column))
    query = sql.SQL("select {} from {}").format(what, sql.Identifier(table)).as_string()
    try:
        with connection.begin_nested():
            return int(connection.execute(sa.text(query.replace(":", r"\:"))).scalar_one())
    except sa.exc.ProgrammingError as fault:
        if getattr(fault.orig, "sqlstate", None) not in GONE:
            raise
        return 0
