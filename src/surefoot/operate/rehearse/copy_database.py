"""The copy: a scratch database with the rows and settings of the real one. It is dropped at the end."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database, search_path
from surefoot.errors import RefusedError
from surefoot.operate.backup import Backup, archive, database_settings, server_facts
from surefoot.operate.backup.backup_contents import contents_of
from surefoot.operate.backup.backup_dump import Say, default_jobs
from surefoot.operate.backup.manifest_comparison import differences
from surefoot.program import program
from surefoot.readonly import read_connection
from surefoot.scratch_database import drop_database, scratch_database

LOCK_SPACE = 0x6F757268
"""The first key of the advisory lock that a rehearsal holds on the real database."""

TRY_LOCK = sa.text("select pg_try_advisory_lock(:space, 1), set_config('idle_session_timeout', '0', false)")
LEFTOVERS = sa.text("select datname from pg_database where datname ~ :pattern order by datname")


@dataclass(frozen=True)
class Copy:
    """The URL of a copy, and in words what it lacks of the real database."""

    url: URL
    notes: tuple[str, ...]


@contextmanager
def exclusive(url: URL, say: Say) -> Iterator[Connection]:
    """Connect to the real database, which is only read, while no other rehearsal of it runs.

    Copies of earlier rehearsals were left by a killed one and hold personal data, so they are dropped first. Raises
    RefusedError if another rehearsal runs.
    """
    with read_connection(url, f"{program()} rehearse") as first:
        connection = first.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(TRY_LOCK, {"space": LOCK_SPACE}).one()[0]:
            raise RefusedError(
                f"Another rehearsal of {server_facts.name_of(url)} runs, and two would measure each other.",
                "Wait for it to end, then run the same command again.",
            )
        pattern = f"^ourschool_{_purpose(url)}_[0-9a-f]{{12,16}}$"
        for name in connection.execute(LEFTOVERS, {"pattern": pattern}).scalars():
            say(f"Dropping {name}, left by a rehearsal that was killed")
            drop_database(partial(database.execute_verbatim, connection), server_facts.url_for(url, name), name)
        yield connection


@contextmanager
def restored_copy(url: URL, backup: Backup, say: Say) -> Iterator[Copy]:
    """Restore `backup` into a scratch database, on the server of `url` if possible, else on an embedded one.

    The database is dropped after the block. Raises what `archive.restore_into` raises.
    """
    locale = database_settings.locale(backup.manifest.properties)
    with (
        scratch_database(url, purpose=_purpose(url), restored=True, options=locale) as made,
        server_facts.explaining_errors(made),
    ):
        copy = search_path.as_in(url, made)
        say(f"Restoring {backup.name} into {describe_place(url, copy)}")
        notes = archive.restore_into(copy, backup, default_jobs())
        engine = database.engine_for(copy, application_name=f"{program()} rehearse")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            role = server_facts.rights(connection).role
            unavailable = database_settings.apply(
                connection, server_facts.name_of(copy), backup.manifest.properties.elsewhere(role)
            )
        contents = contents_of(copy, default_jobs(), expected=backup.manifest.rows)
        yield Copy(copy, (*notes, *unavailable, *differences(backup.manifest, contents)))


def describe_place(url: URL, copy: URL) -> str:
    """Return in words on which server the copy is."""
    same_server = server_facts.address_of(url) == server_facts.address_of(copy)
    return "a scratch database beside the real one" if same_server else "an embedded server of its own"


def _purpose(url: URL) -> str:
    return f"rehearse_{hashlib.sha256(server_facts.name_of(url).encode()).hexdigest()[:8]}"
