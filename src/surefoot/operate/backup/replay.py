"""A dump over one connection, inside its transaction: entry by entry the schema, as a stream the rows."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
from sqlalchemy.engine import Connection

from surefoot.errors import FailedError
from surefoot.operate.backup import dump_programs, table_of_contents
from surefoot.operate.backup.schema_build import Built, build, said
from surefoot.operate.backup.store import Backup

CHUNK = 1 << 20
HEADER = re.compile(rb"-- TOC entry (\d+) \(class ")
NEEDS = b"-- Dependencies: "
OWN_TRANSACTION = frozenset({b"BEGIN;\n", b"COMMIT;\n"})
"""Around large objects, which are to go the way of all the rest."""
LARGE_OBJECT = re.compile(
    rb"SELECT pg_catalog\.lo_(?:create|open)\('(\d+)'|(?:ALTER|COMMENT ON|GRANT .* ON|REVOKE .* ON) LARGE OBJECT (\d+)"
)
THEIRS = "select oid::text from pg_largeobject_metadata"
SESSION = ("search_path", "client_encoding", "client_min_messages", "check_function_bodies", "xmloption",
           "default_tablespace", "default_table_access_method")  # fmt: skip
"""What the scripts of pg_restore set; a session that goes on has its own again."""
ROLLED_BACK = "Everything was rolled back. Mend what it names and run the same command again."


class _LargeObjects:
    """Tells what makes, fills or gives away a large object of another's, which has been left alone."""

    def __init__(self, theirs: frozenset[bytes]) -> None:
        self._theirs, self._filling = theirs, False

    def wanted(self, line: bytes) -> bool:
        """Whether a line of a statement is to be run."""
        if self._filling:
            self._filling = b"lo_close" not in line
            return False
        match = LARGE_OBJECT.match(line)
        if match is None or (match[1] or match[2]) not in self._theirs:
            return True
        self._filling = b"lo_open" in line
        return False


def play(connection: Connection, binary: Path, backup: Backup, options: list[str], *, over: bool = False) -> Built:
    """Restore over `connection`, inside its transaction: nothing of it stays where that is rolled back.

    With `over` things of others stand there, and what they stand in the way of, or what this role may not make, is in
    what is returned; else all of it has to be built. Raises FailedError where a statement fails or pg_restore does.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    built = Built()
    listed = table_of_contents.ids(_listing(binary, backup.dump))
    try:
        # from here on there is a transaction, and what is built is under savepoints of it
        theirs = frozenset(number.encode() for (number,) in driver.execute(THEIRS).fetchall())
        build(
            driver, table_of_contents.schema(binary, backup.dump, "pre-data", listed, tuple(options)), built, over=over
        )
        _checked(backup, built, over=over)
        _rows_of(driver, binary, backup.dump, options, built.skipped, theirs)
        build(
            driver, table_of_contents.schema(binary, backup.dump, "post-data", listed, tuple(options)), built, over=over
        )
        _checked(backup, built, over=over)
        driver.execute("; ".join(f"reset {name}" for name in SESSION).encode())
    except psycopg.Error as fault:
        raise FailedError(f"{backup.name} could not be restored: {said(fault)}.", ROLLED_BACK) from fault
    return built


def _listing(binary: Path, dump: Path) -> str:
    listing = dump_programs.start(binary, ["--list", str(dump)])
    told, complaint = listing.communicate()
    if listing.returncode:
        raise dump_programs.failed(listing, complaint, None, "Everything was rolled back; nothing was changed.")
    return told.decode("utf-8", "replace")


def _checked(backup: Backup, built: Built, *, over: bool) -> None:
    faults = built.broken if over else [*built.broken, *built.refused]
    if faults:
        raise FailedError(f"{backup.name} could not be restored: {faults[0]}.", ROLLED_BACK)


def _rows_of(  # noqa: PLR0913, PLR0917  # a dump, what of it, and where to
    driver: psycopg.Connection, binary: Path, dump: Path, options: list[str], without: frozenset[int],
    theirs: frozenset[bytes],
) -> None:  # fmt: skip
    # it says how far it is as well, more than a pipe takes that nobody reads
    with tempfile.TemporaryFile() as complaints:
        arguments = [*options, "--verbose", "--section=data", "--file=-", str(dump)]
        script = dump_programs.start(binary, arguments, complaints=complaints)
        assert script.stdout is not None
        try:
            _data(driver, script.stdout, without, _LargeObjects(theirs))
            script.wait()
        finally:
            script.kill()
            script.wait()
            script.stdout.close()
        if script.returncode:
            complaints.seek(0)
            raise dump_programs.failed(script, complaints.read(), None, ROLLED_BACK)


def _data(driver: psycopg.Connection, script: IO[bytes], without: frozenset[int], objects: _LargeObjects) -> None:
    """The section of the rows: statements, and after each COPY its rows up to a line of backslash and full stop.

    What belongs to an entry of `without` is left out.
    """
    waiting: list[bytes] = []
    wanted, table = True, False
    for line in script:
        header = HEADER.match(line)
        if header:
            _statements(driver, waiting)
            waiting = []
            wanted, table = int(header[1]) not in without, False
        elif line.startswith(NEEDS):
            wanted = wanted and not {int(each) for each in line[len(NEEDS) :].split()} & without
        elif line.startswith(b"-- Data for Name: "):
            table = True
        elif table and line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            _copy(driver, line, _rows(script), wanted=wanted)
        elif wanted and line not in OWN_TRANSACTION and objects.wanted(line):
            waiting.append(line)
    _statements(driver, waiting)


def _copy(driver: psycopg.Connection, command: bytes, rows: Iterator[bytes], *, wanted: bool) -> None:
    if not wanted:
        for _ in rows:
            pass
        return
    with driver.cursor().copy(command.rstrip(b";\n")) as copy:
        for some in rows:
            copy.write(some)


def _statements(driver: psycopg.Connection, lines: list[bytes]) -> None:
    script = table_of_contents.FOREIGN.sub("", b"".join(lines).decode("utf-8", "surrogateescape"))
    if script.strip():
        driver.execute(script.encode("utf-8", "surrogateescape"))


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """The lines up to the one that ends them, many at a time."""
    held: list[bytes] = []
    size = 0
    for line in script:
        if line == b"\\.\n":
            yield b"".join(held)
            return
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    raise FailedError("pg_restore ended in the middle of a table.", "Everything was rolled back; nothing was changed.")
