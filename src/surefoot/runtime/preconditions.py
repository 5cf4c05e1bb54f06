"""What a migration refuses before it touches anything, and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection

from surefoot import database, private_members
from surefoot.catalogue import packaged
from surefoot.catalogue.compare import compare
from surefoot.catalogue.reader import BOOKKEEPING, catalogue_from_text, read_catalogue
from surefoot.errors import RefusedError, UsageError
from surefoot.program import guide, program
from surefoot.runtime import error_translation, interrupted_run, journal, name_conflicts
from surefoot.runtime.migration_plan import Step
from surefoot.servers import permission_denied

SHOWN = 10
"""How many deviations an error lists."""
LONGEST_ID = 32
"""`alembic_version.version_num` is varchar(32)."""

TABLES = sa.text("""
    select relname
      from pg_class
     where relnamespace = current_schema()::regnamespace
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
"""The last that the journal has of a revision."""


@dataclass(frozen=True)
class RequestedRun:
    """What a run is about to do with the database of `connection`, which is at `heads`."""

    connection: Connection
    script: ScriptDirectory
    heads: tuple[str, ...]
    steps: Sequence[Step]
    upward: bool
    """Whether an upgrade was asked for, one with nothing left to do included."""
    writes: bool = True
    """Whether it is this database that is written to; of a rehearsal it is the copy."""
    forced: bool = False
    """Whether it was asked for whatever stands in its way, as far as that may be stepped over."""
    proved: bool = False
    """Whether the database was found to be what is to be stamped."""
    alone: bool = False
    """Whether the connection's run holds the migrators' lock: nobody else is at work then."""


def refuse_run(asked: RequestedRun) -> None:
    """Raise whatever is refused before anything is changed: by every command, before it asks and before it backs up.

    Whoever knows of another reason to refuse a run adds it here. A revision that no file has is refused earlier, by
    `unknown_revision`: without it there are no steps.
    """
    refuse_long_ids(revision for step in asked.steps for revision in step.to_revisions_no_deps)
    if asked.writes and asked.steps:
        refuse_read_only(asked.connection)
    refuse_unversioned_tables(asked)
    if not all(step.info.is_stamp for step in asked.steps):
        refuse_hidden_rows(asked.connection)
    if asked.upward:
        refuse_unfinished_downgrade(asked.connection, asked.script, asked.heads)
    elif asked.steps and not asked.forced and not asked.proved:
        refuse_over_unfinished(asked)
    name_conflicts.refuse_run(asked.connection, asked.script, asked.heads, asked.steps, forced=asked.forced)


def steps_to(script: ScriptDirectory, heads: tuple[str, ...], target: str, *, upward: bool) -> list[Step]:
    """The steps that Alembic takes from `heads` to `target`. Raises RefusedError and UsageError, as the run would."""
    refuse_unknown_revision(script, heads)
    try:
        if upward:
            return private_members.steps_up(script, target, heads)
        return private_members.steps_down(script, target, heads)
    except CommandError as fault:
        raise error_translation.translate(fault, None) from fault


def refuse_read_only(connection: Connection) -> None:
    """Refuse a server that takes no writes."""
    if connection.exec_driver_sql("show transaction_read_only").scalar_one() == "on":
        raise database.read_only(connection.engine.url)


def refuse_unfinished_downgrade(connection: Connection, script: ScriptDirectory, heads: tuple[str, ...]) -> None:
    """Refuse to go up over a revision whose way down was begun and did not come to its end, unless nothing is missing.

    What it should be is known of released revisions; of others, whether a part of the way down was committed.
    """
    if not connection.execute(interrupted_run.TABLES_EXIST).one().journal:
        return
    for head in heads:
        last = connection.execute(LAST, {"revision": head}).first()
        if last is None or last.direction != "downgrade" or last.outcome == journal.DONE:
            continue
        history = list(script.walk_revisions("base", "heads"))[::-1]
        expected = packaged.read(Path(script.dir), history).get(head)
        if expected is None and last.outcome == journal.FAILED and not journal.committed_in_part(last.note):
            continue
        found = (
            compare(catalogue_from_text(expected), read_catalogue(connection)).lines() if expected is not None else ()
        )
        if expected is not None and not found:
            continue
        begun = interrupted_run.Chain(script, heads).cut_off(head, "downgrade", error=last.error)
        lines = "".join(f"\n  {line}" for line in found[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        lacks = f"The database is not what {head} makes" if found else "Parts of it are done"
        raise RefusedError(
            f"{begun.happened} {lacks}, so nothing goes up from here{':' if found else '.'}{lines}{more}",
            f"{'Correct what it names, then finish it' if begun.error else 'Finish it'}: {begun.command}. After that "
            "python -m alembic upgrade head goes up again. Or restore the backup from before it: "
            f"python -m {program()} backup list.",
        )


def refuse_over_unfinished(asked: RequestedRun) -> None:
    """Refuse to go down below a revision that is half there, and to stamp over one that is half there or half gone.

    Who goes down now means the half one, and would take back the whole one below it; a way down that was cut off is
    gone on with. What is stamped would never be finished.
    """
    begun = interrupted_run.find(asked.connection, asked.script, asked.heads, alone=asked.alone)
    stamp = all(step.info.is_stamp for step in asked.steps)
    if begun is None or (begun.direction == "downgrade" and not stamp):
        return
    at = " and ".join(asked.heads) or "nothing"
    if stamp:
        state = "there" if begun.direction == "upgrade" else "taken back"
        costs = f"A stamp would hide that {begun.revision} is half {state}."
    else:
        costs = f"Going down now would take back {at}, which is whole, and leave {begun.revision} half done."
    then, command = ("stamp", "stamp") if stamp else ("go down", "downgrade")
    raise RefusedError(
        f"{begun.message} {costs}",
        f"{begun.remedy.rstrip('.')}. Then {then}. Or restore the backup from before it: python -m {program()} backup "
        f"list. Whoever knows better: python -m alembic -x force=yes {command} …",
    )


NOTHING_WAS_CHANGED = re.compile(r" Nothing was changed\.$")
OURS = "n.nspname in (current_schema(), 'retired')"
EVERYWHERE = "n.nspname <> 'information_schema' and not starts_with(n.nspname, 'pg_')"


def refuse_unknown_revision(script: ScriptDirectory, heads: Iterable[str]) -> None:
    """Refuse to work on a database whose revision these files do not know."""
    for head in heads:
        try:
            known = script.get_revision(head) is not None
        except (RevisionError, sa.exc.ArgumentError):
            known = False
        except Exception as fault:  # Alembic wraps its ResolutionError in a CommandError
            if not isinstance(fault.__cause__, RevisionError):
                raise
            known = False
        if not known:
            raise RefusedError(
                f"The database says it is at revision {head!r}, which no file in {_versions(script)} has: it was "
                "migrated by a newer or another version of this code, or somebody edited alembic_version.",
                f"Install the version of {program()} that has the revision, or restore the backup made before it ran. "
                f"python -m {program()} identify tells which revision the tables equal, and what to do then.",
            )


def refuse_unversioned_tables(asked: RequestedRun) -> None:
    """Refuse to migrate over tables that Alembic knows nothing of; an empty database and a stamp may pass.

    So may a first revision that works in parts and was cut off: it goes on with the tables that it has made.
    """
    if asked.heads or all(step.info.is_stamp for step in asked.steps):
        return
    tables = [name for (name,) in asked.connection.execute(TABLES) if name not in BOOKKEEPING]
    if tables and interrupted_run.find(asked.connection, asked.script, asked.heads) is None:
        shown = ", ".join(tables[:5]) + (f" and {len(tables) - 5} more" if len(tables) > 5 else "")
        raise RefusedError(
            f"The database has tables ({shown}) but no revision: migrating over them would fail half-way or worse.",
            f"Back up, then prove it equal to the baseline and stamp it: python -m {program()} adopt."
            f"{guide('An existing database', ', has the whole road')}",
        )


def hidden_rows_error(connection: Connection) -> RefusedError | None:
    """What `hidden_rows` refuses, for who only looks: a database that is like this is explained by it."""
    try:
        refuse_hidden_rows(connection)
    except RefusedError as fault:
        return RefusedError(NOTHING_WAS_CHANGED.sub("", fault.message), fault.remedy)
    return None


def refuse_hidden_rows(connection: Connection, where: str = OURS) -> None:
    """Refuse to work as a role from which row security hides rows: it would end half-way, at the first such table."""
    tables = connection.execute(sa.text(f"{permission_denied.TABLES_HIDING_ROWS} and {where} order by 1")).all()
    if tables:
        shown = ", ".join(table.name for table in tables)
        raise RefusedError(
            f"Row security hides rows of {shown} from the role {tables[0].role!r}, and what cannot see every row must "
            "not go on. Nothing was changed.",
            permission_denied.hidden_rows_remedy(tables, tables[0].role),
        )


def refuse_autocommit(connection: Connection) -> None:
    """Refuse a passed-in connection in AUTOCOMMIT: a revision that fails on it stays half done."""
    if connection.get_isolation_level() == "AUTOCOMMIT":
        raise UsageError(
            "The connection that was passed in is in AUTOCOMMIT, where a revision that fails stays half done.",
            "Pass one with transactions: from an engine without isolation_level, or after "
            'connection.execution_options(isolation_level="READ COMMITTED"). Nothing was changed.',
        )


def refuse_long_ids(revisions: Iterable[str]) -> None:
    """Refuse revision ids that `alembic_version` cannot hold: the step would run and then fail to be recorded."""
    for revision in revisions:
        if len(revision) > LONGEST_ID:
            raise UsageError(
                f"Revision id {revision!r} has {len(revision)} characters; alembic_version holds {LONGEST_ID}.",
                "Give the revision a shorter id, in its file and wherever another file names it.",
            )


def _versions(script: ScriptDirectory) -> Path:
    return Path(script.versions)
