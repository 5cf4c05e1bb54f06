"""The preconditions of a run: each function raises RefusedError or UsageError before anything is changed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection

from surefoot import database, private_members
from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.errors import RefusedError, UsageError
from surefoot.program import alembic_command, elsewhere, guide, program
from surefoot.runtime import (
    baseline,
    error_translation,
    interrupted_run,
    journal,
    kept_revisions,
    lost_subscribers,
    name_conflicts,
    shared_retired,
    swallowing_rules,
)
from surefoot.runtime.migration_plan import Step
from surefoot.servers import permission_denied

SHOWN = 10
"""How many deviations an error lists."""
LONGEST_ID = 32
"""`alembic_version.version_num` is varchar(32)."""

TABLES = sa.text("""
    select relname
      from pg_class
     where relnamespace = quote_ident(current_schema())::regnamespace
       and relkind in ('r', 'p')
     order by relname
""")
LAST = sa.text("""
    select revision, direction, outcome, error, note
      from migration_journal
     where revision = :revision
     order by id desc
     limit 1
""")
"""The last row of the journal for a revision."""


@dataclass(frozen=True)
class RequestedRun:
    """What a run is about to do with the database of `connection`, which is at `heads`."""

    connection: Connection
    script: ScriptDirectory
    heads: tuple[str, ...]
    steps: Sequence[Step]
    upward: bool
    """Whether the command is an upgrade, even one with nothing left to do."""
    writes: bool = True
    """Whether this database is written to. A rehearsal writes to a copy."""
    forced: bool = False
    """Whether `-x force=yes` was given, which overrides some of the preconditions."""
    proved: bool = False
    """Whether the database was compared with the revision that is to be stamped, and equals it."""
    subscribers_changed: bool = False
    """Whether the operator says that subscribers of a publication have what the revisions change."""
    alone: bool = False
    """Whether this run holds the migrator lock, so that no other run is in progress."""


def refuse_run(requested: RequestedRun) -> None:
    """Check all preconditions of a run, before the command asks for confirmation and before it makes a backup.

    A new precondition belongs here. Only a revision that has no file is refused earlier, by
    `refuse_unknown_revision`, because without the file there are no steps.
    """
    refuse_long_ids(revision for step in requested.steps for revision in step.to_revisions_no_deps)
    if requested.writes and requested.steps:
        refuse_read_only(requested.connection)
        lost_subscribers.refuse_run(requested.connection, acknowledged=requested.subscribers_changed)
    refuse_unversioned_tables(requested)
    if not all(step.info.is_stamp for step in requested.steps):
        refuse_hidden_rows(requested.connection)
        shared_retired.refuse_other_owner(requested.connection)
        swallowing_rules.refuse(requested.connection, requested.script)
    if requested.upward:
        refuse_unfinished_downgrade(requested.connection, requested.script, requested.heads)
    elif requested.steps and not requested.forced and not requested.proved:
        refuse_over_unfinished(requested)
    name_conflicts.refuse_run(
        requested.connection, requested.script, requested.heads, requested.steps, forced=requested.forced
    )


def steps_to(
    script: ScriptDirectory, heads: tuple[str, ...], target: str, *, upward: bool, connection: Connection | None = None
) -> list[Step]:
    """Return the steps that Alembic takes from `heads` to `target`; `connection` is that of `refuse_unknown_revision`.

    Raises RefusedError and UsageError, as the run does.
    """
    refuse_unknown_revision(script, heads, connection)
    try:
        if upward:
            return private_members.steps_up(script, target, heads)
        return private_members.steps_down(script, target, heads)
    except CommandError as fault:
        raise error_translation.translate(fault, None) from fault


def refuse_read_only(connection: Connection) -> None:
    """Refuse a server that accepts no writes: a standby, or default_transaction_read_only."""
    if connection.exec_driver_sql("show transaction_read_only").scalar_one() == "on":
        raise database.read_only(connection.engine.url)


def refuse_unfinished_downgrade(connection: Connection, script: ScriptDirectory, heads: tuple[str, ...]) -> None:
    """Refuse an upgrade while the downgrade of the current revision is unfinished.

    A released revision passes where the database still equals its catalogue. Another one passes where the journal says
    that no part of the downgrade was committed.
    """
    if not connection.execute(interrupted_run.TABLES_EXIST).one().journal:
        return
    for head in heads:
        last = connection.execute(LAST, {"revision": head}).first()
        if last is None or last.direction != "downgrade" or last.outcome == journal.DONE:
            continue
        difference = baseline.difference_from_released(connection, script, head)
        if difference is None and last.outcome == journal.FAILED and not journal.committed_in_part(last.note):
            continue
        if difference is not None and not difference:
            continue
        deviations = difference.lines() if difference is not None else ()
        cut_off = interrupted_run.Chain(script, heads).cut_off(head, "downgrade", error=last.error)
        lines = "".join(f"\n  {line}" for line in deviations[:SHOWN])
        more = f"\n  and {len(deviations) - SHOWN} more" if len(deviations) > SHOWN else ""
        lacks = f"The database is not what {head} makes" if deviations else "Parts of it are done"
        raise RefusedError(
            f"{cut_off.happened} {lacks}, so nothing goes up from here{':' if deviations else '.'}{lines}{more}",
            f"{'Correct what it names, then finish it' if cut_off.error else 'Finish it'}: {cut_off.command}. After "
            f"that {alembic_command()} upgrade head goes up again. Or restore the backup from before it: "
            f"python -m {program()} backup list.",
        )


def refuse_over_unfinished(requested: RequestedRun) -> None:
    """Refuse a downgrade while an upgrade is unfinished, and a stamp while an upgrade or a downgrade is.

    A downgrade would undo the finished revision below instead of the unfinished one. A stamp would hide the unfinished
    revision for good. A downgrade that was cut off may be continued by the same command.
    """
    cut_off = interrupted_run.find(requested.connection, requested.script, requested.heads, alone=requested.alone)
    stamp = all(step.info.is_stamp for step in requested.steps)
    if cut_off is None or (cut_off.direction == "downgrade" and not stamp):
        return
    at = " and ".join(requested.heads) or "nothing"
    if stamp:
        state = "there" if cut_off.direction == "upgrade" else "taken back"
        costs = f"A stamp would hide that {cut_off.revision} is half {state}."
    else:
        costs = f"Going down now would take back {at}, which is whole, and leave {cut_off.revision} half done."
    then, command = ("stamp", "stamp") if stamp else ("go down", "downgrade")
    raise RefusedError(
        f"{cut_off.message} {costs}",
        f"{cut_off.remedy.rstrip('.')}. Then {then}. Or restore the backup from before it: python -m {program()} "
        f"backup list. Whoever knows better: {alembic_command()} -x force=yes {command} …",
    )


NOTHING_WAS_CHANGED = re.compile(r" Nothing was changed\.$")
OURS = "n.nspname in (current_schema(), 'retired')"
EVERYWHERE = "n.nspname <> 'information_schema' and not starts_with(n.nspname, 'pg_')"


def refuse_unknown_revision(
    script: ScriptDirectory, heads: Iterable[str], connection: Connection | None = None
) -> None:
    """Refuse a database whose revision has no file, or that has an ancestor of its revision beside it.

    Where the journal that `connection` reads keeps the file of the revision, the error says what is newer.
    """
    heads = tuple(heads)
    if connection is not None and (newer := kept_revisions.read(connection, script, heads)) is not None:
        raise newer.refusal()
    for head in heads:
        try:
            known = script.get_revision(head) is not None
        except (RevisionError, sa.exc.ArgumentError):
            known = False
        except Exception as fault:  # Alembic wraps its ResolutionError in a CommandError
            if not isinstance(fault.__cause__, RevisionError):
                raise
            known = False
        theirs = None if known else elsewhere(head)
        if theirs:
            raise RefusedError(
                f"The database says it is at revision {head!r}, {theirs}, which has revisions of its own.",
                f"python -m {program()} identify tells which revision of {program()} the tables equal or are nearest "
                "to, and how it is adopted.",
            )
        if not known:
            raise RefusedError(
                f"The database says it is at revision {head!r}, which no file in {script.versions} has: it was "
                "migrated by a newer or another version of this code, or somebody edited alembic_version.",
                f"Install the version of {program()} that has the revision, or restore the backup made before it ran. "
                f"python -m {program()} identify tells which revision the tables equal, and what to do then.",
            )
    refuse_redundant_head(script, heads)


def refuse_redundant_head(script: ScriptDirectory, heads: Iterable[str]) -> None:
    """Refuse a database whose `alembic_version` has a revision and an ancestor of it: Alembic knows no way from there.

    Such a row is one that somebody inserted, or that a merge done by hand has left. All `heads` have a file.
    """
    heads = tuple(heads)
    for head in heads if len(heads) > 1 else ():
        ancestors = {each.revision for each in script.iterate_revisions(head, "base")} - {head}
        for redundant in sorted(ancestors.intersection(heads)):
            statement = f"delete from alembic_version where version_num = '{redundant}'"  # noqa: S608  # to be pasted
            raise RefusedError(
                f"alembic_version has a row too many: {redundant} comes before {head}, which it has as well.",
                f"python -m {program()} identify tells which revision the tables equal. Where that is {head}: "
                f'python -m {program()} psql -c "{statement}"',
            )


def refuse_unversioned_tables(requested: RequestedRun) -> None:
    """Refuse to migrate a database that has tables but no revision. A stamp passes, and so does an empty database.

    A first revision that was cut off passes too: it continues with the tables that it has created.
    """
    if requested.heads or all(step.info.is_stamp for step in requested.steps):
        return
    tables = [name for (name,) in requested.connection.execute(TABLES) if name not in BOOKKEEPING]
    if tables and interrupted_run.find(requested.connection, requested.script, requested.heads) is None:
        shown = ", ".join(tables[:5]) + (f" and {len(tables) - 5} more" if len(tables) > 5 else "")
        raise RefusedError(
            f"The database has tables ({shown}) but no revision: migrating over them would fail half-way or worse.",
            f"Back up, then prove it equal to the baseline and stamp it: python -m {program()} adopt."
            f"{guide('An existing database', ', has the whole road')}",
        )


def hidden_rows_error(connection: Connection) -> RefusedError | None:
    """Return the error of `refuse_hidden_rows` for a command that only inspects; None where there is none."""
    try:
        refuse_hidden_rows(connection)
    except RefusedError as fault:
        return RefusedError(NOTHING_WAS_CHANGED.sub("", fault.message), fault.remedy)
    return None


def refuse_hidden_rows(connection: Connection, where: str = OURS) -> None:
    """Refuse a role from which row security hides rows: its run would fail half-way, at the first such table.

    `where` selects the schemas: OURS or EVERYWHERE.
    """
    tables = connection.execute(sa.text(f"{permission_denied.TABLES_HIDING_ROWS} and {where} order by 1")).all()
    if tables:
        shown = ", ".join(table.name for table in tables)
        raise RefusedError(
            f"Row security hides rows of {shown} from the role {tables[0].role!r}, and what cannot see every row must "
            "not go on. Nothing was changed.",
            permission_denied.hidden_rows_remedy(tables, tables[0].role),
        )


def refuse_autocommit(connection: Connection) -> None:
    """Refuse a connection of the caller in AUTOCOMMIT, on which a failed revision could not be rolled back."""
    if connection.get_isolation_level() == "AUTOCOMMIT":
        raise UsageError(
            "The connection that was passed in is in AUTOCOMMIT, where a revision that fails stays half done.",
            "Pass one with transactions: from an engine without isolation_level, or after "
            'connection.execution_options(isolation_level="READ COMMITTED"). Nothing was changed.',
        )


def refuse_long_ids(revisions: Iterable[str]) -> None:
    """Refuse revision ids longer than alembic_version holds: the revision would run and then fail to be recorded."""
    for revision in revisions:
        if len(revision) > LONGEST_ID:
            raise UsageError(
                f"Revision id {revision!r} has {len(revision)} characters; alembic_version holds {LONGEST_ID}.",
                "Give the revision a shorter id, in its file and wherever another file names it.",
            )
