"""The copy: a scratch database with the rows and settings of the real one, and nothing of it left at the end."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import RefusedError
from surefoot.operate.backup import Backup, archive, database_settings, server_facts
from surefoot.operate.backup.backup_contents import contents_of
from surefoot.operate.backup.backup_dump import Say, default_jobs
from surefoot.operate.backup.manifest_comparison import unequal
from surefoot.program import program
from surefoot.readonly import read_connection
from surefoot.scratch_database import drop_database, scratch_database

SPACE = 0x6F757268
"""First half of the advisory key that the one rehearsal of a database holds."""

ALONE = sa.text("select pg_try_advisory_lock(:space, 1), set_config('idle_session_timeout', '0', false)")
LEFT = sa.text("select datname from pg_database where datname ~ :pattern order by datname")


@dataclass(frozen=True)
class Copy:
    """A copy, and what it could not have of the real one, in words."""

    url: URL
    notes: tuple[str, ...]


@contextmanager
def alone(url: URL, say: Say) -> Iterator[Connection]:
    """A connection to the real database, which is only read; inside, no other rehearsal of it runs.

    So what is found of earlier ones was left by a killed one, and holds every pupil's record: it is dropped first.
    Raises RefusedError where another rehearsal runs.
    """
    with read_connection(url, f"{program()} rehearse") as first:
        connection = first.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(ALONE, {"space": SPACE}).one()[0]:
            raise RefusedError(
                f"Another rehearsal of {server_facts.name_of(url)} runs, and two would measure each other.",
                "Wait for it to end, then run the same command again.",
            )
        for name in connection.execute(LEFT, {"pattern": f"^ourschool_{_purpose(url)}_[0-9a-f]{{12}}$"}).scalars():
            say(f"Dropping {name}, left by a rehearsal that was killed")
            drop_database(partial(database.execute_verbatim, connection), server_facts.at(url, name), name)
        yield connection


@contextmanager
def copied(url: URL, made: Backup, say: Say) -> Iterator[Copy]:
    """A database restored from `made`, beside that of `url` or else on an embedded server; gone at the end.

    Raises what `archive.restore_into` raises.
    """
    with scratch_database(url, purpose=_purpose(url)) as copy, server_facts.explained(copy):
        say(f"Restoring {made.name} into {place(url, copy)}")
        notes = archive.restore_into(copy, made, default_jobs())
        engine = database.engine_for(copy, application_name=f"{program()} rehearse")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            role = server_facts.rights(connection).role
            lost = database_settings.apply(
                connection, server_facts.name_of(copy), made.manifest.properties.elsewhere(role)
            )
        found = contents_of(copy, default_jobs(), expected=made.manifest.rows)
        yield Copy(copy, (*notes, *lost, *unequal(made.manifest, found)))


def place(url: URL, copy: URL) -> str:
    """Where the copy is, in words."""
    beside = server_facts.place_of(url) == server_facts.place_of(copy)
    return "a scratch database beside the real one" if beside else "an embedded server of its own"


def _purpose(url: URL) -> str:
    return f"rehearse_{hashlib.sha256(server_facts.name_of(url).encode()).hexdigest()[:8]}"
