"""psql, pg_dump and pg_restore from PATH, the machine's packages or the extra: no older than the server, TLS as we."""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import UsageError
from surefoot.program import extra
from surefoot.program import program as this_program
from surefoot.servers import embedded, libpq

log = logging.getLogger("surefoot")

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the programs of each version beside each other."""
REQUIRE_TLS = frozenset({"require", "verify-ca", "verify-full"})
"""The values of sslmode that a program without TLS refuses."""
UNREACHABLE = "sslmode=require host=/nonexistent dbname=postgres"
"""A connection that fails at once; a program without TLS complains of the first word before it looks for the socket."""


def for_server(name: str, url: URL) -> Path:
    """The `name` that fits the server of `url` and can connect to it as we do.

    Raises SQLAlchemy's DBAPIError where the server cannot be reached, UsageError where no program will do.
    """
    engine = database.engine_for(url, application_name=this_program())
    with engine.connect() as connection:
        return for_connection(name, _server_major(connection), connection, url)


def for_connection(name: str, at_least: int, connection: Connection, url: URL) -> Path:
    """The `name` of that version or newer that can connect to `url` as `connection` does: over TLS where that does.

    Where no program here has TLS, and neither the URL, the environment nor the server asks for it, one without will do.
    Raises UsageError, before anything was done, where none can.
    """
    if not _over_tls(connection, url):
        return program(name, at_least)
    try:
        return program(name, at_least, tls=True)
    except UsageError:
        older = [each for each in _candidates(name, at_least) if supports_tls(each)] if name == "psql" else []
        if older:  # it knows less of what is new in the server, and speaks to it all the same
            return max(older, key=major)
        if libpq.effective_setting(url, "sslmode") in REQUIRE_TLS or not _lets_in_without(url):
            raise
        found = program(name, at_least)
    log.warning(
        "%s is without TLS: what it reads from %s goes over the network unencrypted. Install PostgreSQL's own client "
        "programs, or forbid it with sslmode=require in DATABASE_URL.", found, database.describe(url),
    )  # fmt: skip
    return found


def program(name: str, at_least: int, *, tls: bool = False) -> Path:
    """The `name` whose version is nearest to `at_least` and not older: pg_dump refuses a server newer than itself.

    A newer one does the work, but writes what only it can read again. Of equals the first in PATH. With `tls` only one
    that can speak it. Raises UsageError that lists what was found.
    """
    found = []
    fitting: list[tuple[int, Path]] = []
    for candidate in _candidates(name, at_least):
        version = major(candidate)
        bare = version >= at_least and tls and not supports_tls(candidate)
        if version >= at_least and not bare:
            if version == at_least:
                return candidate
            fitting.append((version, candidate))
        found.append(f"{candidate} ({version}{', without TLS' if bare else ''})")
    if fitting:
        return min(fitting, key=lambda each: each[0])[1]
    listed = ", ".join(dict.fromkeys(found)) or "none found at all"
    if tls:
        raise UsageError(
            f"The connection is over TLS, and no {name} of version {at_least} or newer here can use it: {listed}.",
            "Install PostgreSQL's own client programs and let PATH find them: "
            f"apt install postgresql-client-{at_least} "
            "(from PostgreSQL's own packages where the system has none of that version). Nothing was changed.",
        )
    raise UsageError(
        f"No {name} of version {at_least} or newer: {listed}.",
        f"Install PostgreSQL's client programs, version {at_least}, or the extra: pip install {extra('embedded')}.",
    )


@lru_cache(maxsize=64)
def supports_tls(binary: Path) -> bool:
    """Whether the program was built with TLS, by what it says of a connection that asks for it."""
    if binary.stem == "pg_restore":  # it connects only once it has read a dump; those beside it are built as it is
        return any(
            supports_tls(each) for each in (binary.with_name("psql"), binary.with_name("pg_dump")) if each.exists()
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    command = [str(binary), UNREACHABLE]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "sslmode value" not in done.stderr


def _over_tls(connection: Connection, url: URL) -> bool:
    """Whether we are connected over TLS, or shall be by what the URL or the environment demands."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if driver.pgconn.ssl_in_use:
        return True
    # over a socket there is no TLS, and libpq asks for none; but a program built without it refuses the very word
    return libpq.effective_setting(url, "sslmode") in REQUIRE_TLS


def _lets_in_without(url: URL) -> bool:
    """Whether the server takes a connection without TLS, which is what a program without it makes."""
    engine = database.engine_for(url.update_query_dict({"sslmode": "disable"}), application_name=this_program())
    try:
        with engine.connect():
            return True
    except sa.exc.DBAPIError:
        return False


def _server_major(connection: Connection) -> int:
    number = connection.execute(sa.text("select current_setting('server_version_num')::integer")).scalar_one()
    return int(number) // 10_000


def _candidates(name: str, wanted: int) -> Iterator[Path]:
    in_path = shutil.which(name)
    if in_path:
        yield Path(in_path)
    packaged = sorted(DEBIAN_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: path.parts[-3], reverse=True)
    yield from packaged
    for major in (wanted, embedded.NEWEST):
        try:
            carried = embedded.programs(major) / name
        except (embedded.EmbeddedMissing, KeyError):  # no extra, or none of that version in it
            continue
        yield from (path for path in (carried, carried.with_suffix(".exe")) if path.exists())


@lru_cache(maxsize=64)
def major(binary: Path) -> int:
    """The major version of the program; 0 where it does not say one."""
    try:
        told = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    match = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", told)
    return int(match.group(1)) if match else 0
