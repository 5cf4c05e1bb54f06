"""Finds psql, pg_dump and pg_restore: no older than the server, and with TLS where our connection has it.

They are searched in PATH, in the system's packages and in the extra `embedded`.
"""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import UsageError
from surefoot.program import extra
from surefoot.program import program as this_program
from surefoot.servers import embedded, libpq

log = logging.getLogger("surefoot")

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
"""The folder in which Debian and Ubuntu install the programs of each major version."""
REQUIRE_TLS = frozenset({"require", "verify-ca", "verify-full"})
"""The values of sslmode that require TLS. A program without TLS rejects them."""
UNREACHABLE = "sslmode=require host=/nonexistent dbname=postgres"
"""A connection that fails at once. A program without TLS complains of sslmode before it looks for the socket."""


def for_server(name: str, url: URL) -> Path:
    """Return the path of the program `name` that fits the server of `url` and can connect to it as we do.

    Raises sqlalchemy.exc.DBAPIError where the server cannot be reached, UsageError where no program fits.
    """
    engine = database.engine_for(url, application_name=this_program())
    with engine.connect() as connection:
        return for_connection(name, database.server_major(connection), connection, url)


def for_connection(name: str, at_least: int, connection: Connection, url: URL) -> Path:
    """Return the program `name` of version `at_least` or newer that can connect to `url` as `connection` does.

    It supports TLS where the connection uses it. One without TLS is returned, with a warning, where none here has it
    and neither the URL, the environment nor the server requires it. Raises UsageError where no program fits.
    """
    if not _over_tls(connection, url):
        return program(name, at_least)
    try:
        return program(name, at_least, tls=True)
    except UsageError:
        older = [each for each in _candidates(name, at_least) if supports_tls(each)] if name == "psql" else []
        if older:  # an older psql works with a newer server, except for some new features
            return max(older, key=major)
        if libpq.effective_setting(url, "sslmode") in REQUIRE_TLS or not _accepts_plain(url):
            raise
        without_tls = program(name, at_least)
    log.warning(
        "%s is without TLS: what it reads from %s goes over the network unencrypted. Install PostgreSQL's own client "
        "programs, or forbid it with sslmode=require in DATABASE_URL.", without_tls, database.describe(url),
    )  # fmt: skip
    return without_tls


def program(name: str, at_least: int, *, tls: bool = False) -> Path:
    """Return the program `name` whose major version is the closest to `at_least` and not older.

    pg_dump refuses a server that is newer than itself; a newer pg_dump writes archives that older programs cannot read.
    Among equals the first in PATH is taken. With `tls` only programs that support TLS count. Raises UsageError, which
    lists the programs that were found.
    """
    inspected = []
    fitting: list[tuple[int, Path]] = []
    for candidate in _candidates(name, at_least):
        version = major(candidate)
        lacks_tls = version >= at_least and tls and not supports_tls(candidate)
        if version >= at_least and not lacks_tls:
            if version == at_least:
                return candidate
            fitting.append((version, candidate))
        inspected.append(f"{candidate} ({version}{', without TLS' if lacks_tls else ''})")
    if fitting:
        return min(fitting, key=lambda each: each[0])[1]
    listed = ", ".join(dict.fromkeys(inspected)) or "none found at all"
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
    """Return whether the program was built with TLS, by its error for a connection with sslmode=require."""
    if (
        binary.stem == "pg_restore"
    ):  # it connects only after it has read a dump; the programs beside it are of one build
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
    """Return whether the connection uses TLS, or the URL or the environment requires it."""
    driver = database.driver_of(connection)
    if driver.pgconn.ssl_in_use:
        return True
    # a Unix socket has no TLS and libpq does not ask for it, but a program without TLS rejects the sslmode itself
    return libpq.effective_setting(url, "sslmode") in REQUIRE_TLS


def _accepts_plain(url: URL) -> bool:
    """Return whether the server accepts a connection without TLS."""
    engine = database.engine_for(url.update_query_dict({"sslmode": "disable"}), application_name=this_program())
    try:
        with engine.connect():
            return True
    except sa.exc.DBAPIError:
        return False


def _candidates(name: str, at_least: int) -> Iterator[Path]:
    in_path = shutil.which(name)
    if in_path:
        yield Path(in_path)
    yield from sorted(DEBIAN_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: path.parts[-3], reverse=True)
    for version in (at_least, embedded.NEWEST):
        try:
            binary = embedded.programs(version) / name
        except (embedded.EmbeddedMissing, KeyError):  # the extra is missing, or has no such version
            continue
        yield from (path for path in (binary, binary.with_suffix(".exe")) if path.exists())


@lru_cache(maxsize=64)
def major(binary: Path) -> int:
    """Return the major version of the program; 0 where it does not print one."""
    try:
        output = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    match = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", output)
    return int(match.group(1)) if match else 0
