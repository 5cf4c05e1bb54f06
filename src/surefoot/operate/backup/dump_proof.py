"""Proves that a dump can be restored by building its schema, without rows, in a scratch database before it counts."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL

from surefoot import client_programs, database
from surefoot.errors import FailedError, SurefootError
from surefoot.operate.backup import database_settings, server_facts, table_of_contents
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.row_proof import RowProof, Unloadable
from surefoot.operate.backup.schema_build import BuildResult, build, error_message
from surefoot.program import alembic_command, program
from surefoot.scratch_database import empty_database

log = logging.getLogger("surefoot")

OMITTED = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-subscriptions")
"""Owners, privileges and tablespaces belong to the server; a subscription would keep its database from being
dropped."""
ROW_SECURITY = "--enable-row-security"
"""A materialized view is filled again as it is in use, with the rows that its owner may see: with row security off
PostgreSQL refuses that for good, whoever restores. No row is hidden by it: a COPY that a policy binds is an error."""

STATISTICS = 18
"""Since this major version a dump has entries with statistics, which belong to the rows."""


@dataclass(frozen=True)
class Proof:
    """Whether the schema of a dump was built, and how many seconds that took."""

    proven: bool
    seconds: float
    reason: str | None = None
    """Why it is not proven; None if it is."""


class Trial:
    """A scratch database that is created, and dropped, in a thread while the caller does other work."""

    def __init__(self, url: URL, properties: Properties) -> None:
        self._stack = ExitStack()
        self._thread = ThreadPoolExecutor(max_workers=1)
        database = empty_database(url, purpose="proof", options=database_settings.locale(properties))
        self._making: Future[URL] = self._thread.submit(self._stack.enter_context, database)

    def url(self) -> URL:
        """Return its URL, as soon as it exists. Raises what its creation raised."""
        return self._making.result()

    def drop_soon(self) -> None:
        """Drop it in the background; may be called more than once."""
        self._thread.submit(self._drop)

    def _drop(self) -> None:
        try:
            self._stack.close()
        except sa.exc.DBAPIError as fault:  # the next command that creates a scratch database drops this one as well
            log.warning("A scratch database of the proof was not dropped: %s", str(fault.orig).splitlines()[0])

    def end(self) -> None:
        """Wait until it is dropped."""
        self.drop_soon()
        self._thread.shutdown()


@contextmanager
def trial(url: URL, properties: Properties) -> Iterator[Trial]:
    """Create a scratch database on the server of `url`, with the encoding and locale of `properties`, for the block."""
    scratch = Trial(url, properties)
    try:
        yield scratch
    finally:
        scratch.end()


def prove(trial: Trial, dump: Path, listing: str, pg_restore: Path, rows: RowProof) -> Proof:
    """Build the schema of `dump` in the scratch database of `trial`, and load what `rows` has into it.

    The dump is not proven if the scratch database, or an extension that this role may not create, is not available.
    Raises Unbuildable if an entry of the dump itself cannot be built, Unloadable if rows cannot be loaded.
    """
    started = time.perf_counter()
    try:
        built = build_schema(trial.url(), dump, listing, pg_restore, rows)
    except sa.exc.DBAPIError as fault:
        return Proof(False, time.perf_counter() - started, _not_available(fault.orig))
    except psycopg.Error as fault:
        return Proof(False, time.perf_counter() - started, _not_available(fault))
    except SurefootError as fault:
        if isinstance(fault, Unbuildable | Unloadable):
            raise
        return Proof(False, time.perf_counter() - started, fault.message.rstrip("."))
    finally:
        trial.drop_soon()
    seconds = time.perf_counter() - started
    if built.refused:
        return Proof(
            False, seconds, f"this role may not make {server_facts.listed([str(each) for each in built.roots], 3)}"
        )
    return Proof(not built.doubts, seconds, built.doubts[0] if built.doubts else None)


class Unbuildable(FailedError):
    """The error for a dump that no database can be restored from."""


def build_schema(scratch: URL, dump: Path, listing: str, pg_restore: Path, rows: RowProof | None = None) -> BuildResult:
    """Build the schema; return the result for each entry. Raises Unbuildable if the dump itself is broken.

    With `rows`, some rows are loaded into complete tables, before there are keys and triggers.
    """
    built = BuildResult()
    engine = database.engine_for(scratch, application_name=f"{program()} backup")
    without_rows = ("--no-statistics",) if client_programs.major(pg_restore) >= STATISTICS else ()
    options = (*OMITTED, ROW_SECURITY, *without_rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = database.driver_of(connection)
        driver.execute("set synchronous_commit = off")
        for section in ("pre-data", "post-data"):
            build(
                driver,
                table_of_contents.read_section(
                    pg_restore, dump, section, table_of_contents.entry_numbers(listing), options
                ),
                built,
            )
            if rows and section == "pre-data" and not built.skipped:
                built.doubts += rows.doubts(driver)
    if built.broken:
        others = f" ({len(built.broken) - 1} more of the kind)" if len(built.broken) > 1 else ""
        first = built.broken[0]
        raise Unbuildable(
            f"No database can be made from this dump, which does not count as a backup: {first.entry}: "
            f"{first.message}{others}.",
            "Its files were removed; the database was not changed. Mend or drop what is named and run the same command "
            f"again. If a revision is unfinished (python -m {program()} status), finish it first: {alembic_command()} "
            "upgrade head.",
        )
    return built


def _not_available(fault: BaseException | None) -> str:
    text = error_message(fault) if isinstance(fault, psycopg.Error) else str(fault)
    if isinstance(fault, psycopg.errors.InsufficientPrivilege):
        return f"this role may not create a scratch database ({text})"
    return f"a scratch database was not to be had ({text})"
