"""The guarded rollback: its cost in rows and values, a backup, and Alembic's own downgrade."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import to_tuple
from alembic.util.exc import CommandError
from psycopg import errors, sql
from sqlalchemy.engine import URL, Connection

from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.relations import Relation
from surefoot.environment import alembic_api
from surefoot.errors import UsageError
from surefoot.operate.backup import Reason, backup, backup_access
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import change_detection, row_counts
from surefoot.operate.change.guarded_upgrade import ChangeResult, hinting_at_restore, restore_hint
from surefoot.operate.change.kept_files import KeptFiles, refuse_other_files
from surefoot.operate.revision_lookup import find_revision
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import preconditions, stops
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings

BASE = "base"


@dataclass(frozen=True)
class RollbackCost:
    """The rows of tables and the values of columns that the target does not have."""

    database: str
    at: tuple[str, ...]
    target: str
    """What Alembic is told: a revision, base, or steps from one of several heads."""
    left: tuple[str, ...]
    """The heads at which the database stands afterwards; none for base."""
    steps: tuple[str, ...]
    """The revisions that are downgraded, newest first."""
    losses: tuple[str, ...]
    """A sentence for each table or column with values that is retired; the schema `retired` keeps them."""
    deleted: tuple[str, ...] = ()
    """A sentence for each table that is dropped with its rows: the tables of the baseline, in a rollback to base."""


def rollback_cost(settings: Settings, url: URL, target: str, kept: KeptFiles | None = None) -> RollbackCost:
    """Count what a downgrade to `target` (-1, a revision, base) would retire or delete, without changing anything.

    Where the database stands at several heads, `<head>-1` or `<branch>@-1` says which of them goes back. `kept` are
    files of newer revisions, which are loaded; see `kept_files`. Raises UsageError if the target is no ancestor of the
    database's revision, or if a number of steps does not say of which head; RefusedError if row security hides rows.
    """
    script = _script(settings, kept)
    with read_connection(url, f"{program()} rollback") as connection:
        at = heads(connection)
        preconditions.refuse_unknown_revision(script, at, connection)
        if not at:
            raise UsageError(
                "The database is at no revision: there is no single revision below it.",
                f"python -m {program()} status shows how it stands.",
            )
        revision = _target_revision(script, at[0], target) if len(at) == 1 else _of_several(script, at, target)
        if len(at) == 1:
            _refuse_other_lines(script, at[0], revision)
        planned = preconditions.steps_to(script, at, revision, upward=False)
        downward = [step for step in planned if isinstance(step, RevisionStep)]
        steps = tuple(step.revision.revision for step in downward)
        if kept is not None:
            refuse_other_files(connection, downward)
        if not steps:
            raise UsageError(f"The database is at {revision} already.", f"{_history()} lists the line.")
        left = _heads_without(script, at, steps)
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
        target_tables = _tables_at(settings, url, left, kept)
        base_tables = build.catalogue(settings, url, steps[-1]).tables if revision == BASE else ()
        preconditions.refuse_run(
            preconditions.RequestedRun(
                connection, script, at, planned, upward=False, subscribers_changed=settings.subscribers_changed
            )
        )
        # refuse before anybody confirms a rollback that no backup could precede
        backup_access.require_backup_rights(url)
        dropped = {relation.name for relation in base_tables}
        present = _tables_at(settings, url, at, kept)
        losses = tuple(
            _counted_losses(connection, [each for each in present if each.name not in dropped], target_tables)
        )
        deleted = tuple(_counted_losses(connection, [each for each in present if each.name in dropped], ()))
    return RollbackCost(str(url.database), at, revision, left, steps, losses, deleted)


def roll_back(
    settings: Settings, url: URL, chosen: RollbackCost, kept: KeptFiles | None = None, *, say: Say = lambda _: None
) -> ChangeResult:
    """Make a backup, then downgrade to the target, by the `kept` files of newer revisions where that is said.

    Raises what the backup and the downgrade raise, with a restore hint.
    """
    with stops.nothing_changed():
        with read_connection(url, f"{program()} rollback") as connection:
            before, state = row_counts.count(connection), change_detection.read_state(connection)
        saved = backup(settings, url, say=say, reason=Reason("rollback", " and ".join(chosen.left) or BASE))
    started = time.perf_counter()
    say(f"Going back to {' and '.join(chosen.left) or BASE}")
    with (
        hinting_at_restore(url, state, restore_hint(saved)),
        alembic_api.configured(settings, url, application_name=f"{program()} rollback") as config,
    ):
        if kept is None:
            command.downgrade(config, chosen.target)
        else:
            alembic_api.downgrade(config, _script(settings, kept), chosen.target)
    seconds = time.perf_counter() - started
    with read_connection(url, f"{program()} rollback") as connection:
        after = row_counts.count(connection)
    return ChangeResult(" and ".join(chosen.left) or BASE, seconds, saved, before, after)


def _script(settings: Settings, kept: KeptFiles | None) -> ScriptDirectory:
    script = alembic_api.script(settings)
    return script if kept is None else kept.add_to(script)


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


def _of_several(script: ScriptDirectory, at: tuple[str, ...], target: str) -> str:
    """Return what Alembic is told where the database stands at several heads."""
    if target.startswith("-"):
        ways = " or ".join(f"{program()} rollback {head}{target}" for head in at)
        raise UsageError(
            f"The database is at {' and '.join(at)}: {target} does not say which of them goes back.",
            f"Say which, {ways}; or name a revision, and all that came after it goes back.",
        )
    if "@" in target:
        return target
    named, _, count = target.rpartition("-")
    if named and count.isdigit():
        return f"{find_revision(script, named).revision}-{count}"
    return BASE if target == BASE else find_revision(script, target).revision


def _refuse_other_lines(script: ScriptDirectory, at: str, target: str) -> None:
    try:
        list(script.iterate_revisions(at, target))
    except CommandError as fault:
        raise UsageError(
            f"{target} is not behind {at}, where the database stands.", f"{_history()} lists the line."
        ) from fault


def _heads_without(script: ScriptDirectory, at: tuple[str, ...], steps: Sequence[str]) -> tuple[str, ...]:
    """Return the heads of a database at the heads `at` once the revisions `steps` are taken back."""
    kept = [each for each in script.iterate_revisions(at, BASE) if each.revision not in steps]
    parents = {parent for each in kept for parent in to_tuple(each.down_revision, default=())}
    return tuple(sorted(each.revision for each in kept if each.revision not in parents))


def _tables_at(settings: Settings, url: URL, at: tuple[str, ...], kept: KeptFiles | None) -> tuple[Relation, ...]:
    """Return the tables of a database at these heads.

    Catalogues are kept for the revisions in one order; where there are several heads, or the file of one is among the
    `kept` ones, their database is built.
    """
    by_kept_file = kept is not None and any(map(kept.has, at))
    if len(at) < 2 and not by_kept_file:
        return build.catalogue(settings, url, at[0]).tables if at else ()
    with scratch_database(url, purpose="rollback") as scratch, alembic_api.configured(settings, scratch) as config:
        if kept is not None and by_kept_file:
            script = _script(settings, kept)
            (below,) = kept.newer.met
            command.upgrade(config, below)
            newer = preconditions.steps_to(script, (below,), at[0], upward=True)
            alembic_api.run(config, script, [step for step in newer if isinstance(step, RevisionStep)])
        else:
            for head in at:
                command.upgrade(config, head)
        connection = config.attributes["connection"]
        return read_catalogue(connection).tables


def _history() -> str:
    return f"python -m {program()} history"


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
