"""Can a database be made from a dump? Its schema is built in a scratch database, without rows, before it counts."""

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
from surefoot.operate.backup.schema_build import Built, build, said
from surefoot.program import program
from surefoot.scratch_database import empty_database

log = logging.getLogger("surefoot")

NOT_ALLOWED = "42501"
LEFT_OUT = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-subscriptions")
"""Whose things are, and where, is the server's business; a subscription would keep its database from being dropped."""

STATISTICS = 18
"""Since this version there are statistics among the entries, which are the rows' business."""


@dataclass(frozen=True)
class Proof:
    """Whether the schema of a dump was built, how long that took, and what stands against it."""

    proven: bool
    seconds: float
    reason: str | None = None
    """Why it is not proven; None where it is."""


class Trial:
    """A scratch database that is made, and dropped, while the caller does other work."""

    def __init__(self, url: URL, like: Properties) -> None:
        self._stack = ExitStack()
        self._thread = ThreadPoolExecutor(max_workers=1)
        database = empty_database(url, purpose="proof", options=database_settings.locale(like))
        self._making: Future[URL] = self._thread.submit(self._stack.enter_context, database)

    def url(self) -> URL:
        """Where it is, when it is there. Raises what its making raised."""
        return self._making.result()

    def let_go(self) -> None:
        """It is not needed any more; to be called once or more."""
        self._thread.submit(self._drop)

    def _drop(self) -> None:
        try:
            self._stack.close()
        except sa.exc.DBAPIError as fault:  # the next command that makes one drops this one as well
            log.warning("A scratch database of the proof was not dropped: %s", str(fault.orig).splitlines()[0])

    def end(self) -> None:
        """Wait until it is gone."""
        self.let_go()
        self._thread.shutdown()


@contextmanager
def trial(url: URL, like: Properties) -> Iterator[Trial]:
    """A scratch database on the server of `url`, with the encoding and locale of `like`, for the block."""
    made = Trial(url, like)
    try:
        yield made
    finally:
        made.end()


def prove(trial: Trial, dump: Path, listing: str, pg_restore: Path) -> Proof:
    """Build the schema of `dump` in the scratch database of `trial`.

    What is not to be had there (no scratch database, an extension that this role may not make) makes it not proven.
    Raises FailedError where something of the dump itself cannot be built.
    """
    begun = time.perf_counter()
    try:
        built = built_in(trial.url(), dump, listing, pg_restore)
    except sa.exc.DBAPIError as fault:
        return Proof(False, time.perf_counter() - begun, _no_place(fault.orig))
    except psycopg.Error as fault:
        return Proof(False, time.perf_counter() - begun, _no_place(fault))
    except SurefootError as fault:
        if isinstance(fault, Unbuildable):
            raise
        return Proof(False, time.perf_counter() - begun, fault.message.rstrip("."))
    finally:
        trial.let_go()
    seconds = time.perf_counter() - begun
    if built.refused:
        return Proof(
            False, seconds, f"this role may not make {server_facts.listed([str(each) for each in built.roots], 3)}"
        )
    return Proof(True, seconds)


class Unbuildable(FailedError):
    """A dump that no database can be made from."""


def built_in(scratch: URL, dump: Path, listing: str, pg_restore: Path) -> Built:
    """What became of each entry of the schema. Raises Unbuildable where the dump itself is at fault."""
    built = Built()
    engine = database.engine_for(scratch, application_name=f"{program()} backup")
    options = (*LEFT_OUT, "--no-statistics") if client_programs.major(pg_restore) >= STATISTICS else LEFT_OUT
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.execute("set synchronous_commit = off")
        for section in ("pre-data", "post-data"):
            build(
                driver,
                table_of_contents.schema(pg_restore, dump, section, table_of_contents.ids(listing), options),
                built,
            )
    if built.broken:
        more = f" ({len(built.broken) - 1} more of the kind)" if len(built.broken) > 1 else ""
        first = built.broken[0]
        raise Unbuildable(
            f"No database can be made from this dump, which does not count as a backup: {first.entry}: "
            f"{first.said}{more}.",
            "Its files were removed; the database was not changed. Mend or drop what is named and run the same command "
            f"again. If a revision is unfinished (python -m {program()} status), finish it first: python -m alembic "
            "upgrade head.",
        )
    return built


def _no_place(fault: BaseException | None) -> str:
    text = said(fault) if isinstance(fault, psycopg.Error) else str(fault)
    if isinstance(fault, psycopg.Error) and fault.sqlstate == NOT_ALLOWED:
        return f"this role may not create a scratch database ({text})"
    return f"a scratch database was not to be had ({text})"
