"""Restores a dump over one connection, inside its transaction: the schema entry by entry, the rows as a stream."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.errors import FailedError
from surefoot.operate.backup import dump_programs, server_facts, table_of_contents
from surefoot.operate.backup.schema_build import BuildResult, build, error_message
from surefoot.operate.backup.store import Backup

CHUNK = 1 << 20
HEADER = re.compile(rb"-- TOC entry (\d+) \(class ")
DEPENDENCIES = b"-- Dependencies: "
OWN_TRANSACTION = frozenset({b"BEGIN;\n", b"COMMIT;\n"})
"""pg_restore puts these around large objects, which must be part of the transaction."""
LARGE_OBJECT = re.compile(
    rb"SELECT pg_catalog\.lo_(?:create|open)\('(\d+)'|(?:ALTER|COMMENT ON|GRANT .* ON|REVOKE .* ON) LARGE OBJECT (\d+)"
)
FOREIGN_LARGE_OBJECTS = "select oid::text from pg_largeobject_metadata"
SESSION_SETTINGS = ("search_path", "client_encoding", "client_min_messages", "check_function_bodies", "xmloption",
           "row_security", "default_tablespace", "default_table_access_method")  # fmt: skip
"""The settings that scripts of pg_restore change; they are reset for a session that continues."""
ROLLED_BACK = "Everything was rolled back. Mend what it names and run the same command again."


class _LargeObjects:
    """Recognizes the lines that create, fill or give away a large object that belongs to another role and was kept."""

    def __init__(self, foreign: frozenset[bytes]) -> None:
        self._foreign, self._in_foreign = foreign, False

    def included(self, line: bytes) -> bool:
        """Return whether a line is to be run."""
        if self._in_foreign:
            self._in_foreign = b"lo_close" not in line
            return False
        match = LARGE_OBJECT.match(line)
        if match is None or (match[1] or match[2]) not in self._foreign:
            return True
        self._in_foreign = b"lo_open" in line
        return False


def replay(
    connection: Connection, binary: Path, backup: Backup, options: list[str], *, over_existing: bool = False
) -> BuildResult:
    """Restore over `connection` inside its transaction, so that a rollback leaves nothing of it.

    With `over_existing`, objects of other roles exist in the database: entries that they stand in the way of, or that
    this role may not create, are part of the result. Without it, every entry has to be built. Raises FailedError if a
    statement or pg_restore fails.
    """
    driver = driver_of(connection)
    built = BuildResult()
    superuser = server_facts.rights(connection).superuser
    remedy = "Everything was rolled back; nothing was changed."
    listing = dump_programs.run(binary, ["--list", str(backup.dump)], remedy).decode("utf-8", "replace")
    numbers = table_of_contents.entry_numbers(listing)

    def build_section(section: str) -> None:
        entries = table_of_contents.read_section(binary, backup.dump, section, numbers, tuple(options))
        if not superuser:
            built.granted_by_one += [each for each in entries if each.granted_by_others]
            entries = [each.granted_by_one() for each in entries]
        build(driver, entries, built, over_existing=over_existing)
        faults = built.broken if over_existing else [*built.broken, *built.refused]
        if faults:
            raise FailedError(f"{backup.name} could not be restored: {faults[0]}.", ROLLED_BACK)

    try:
        # the first query begins the transaction, so that `build` works under savepoints
        foreign = frozenset(number.encode() for (number,) in driver.execute(FOREIGN_LARGE_OBJECTS).fetchall())
        build_section("pre-data")
        _restore_rows(driver, binary, backup.dump, options, built.skipped, foreign)
        build_section("post-data")
        driver.execute("; ".join(f"reset {name}" for name in SESSION_SETTINGS).encode())
    except psycopg.Error as fault:
        raise FailedError(f"{backup.name} could not be restored: {error_message(fault)}.", ROLLED_BACK) from fault
    return built


def _restore_rows(  # noqa: PLR0913, PLR0917  # a dump, what of it, and where to
    driver: psycopg.Connection, binary: Path, dump: Path, options: list[str], without: frozenset[int],
    foreign: frozenset[bytes],
) -> None:  # fmt: skip
    # --verbose writes more to stderr than an unread pipe can hold
    with tempfile.TemporaryFile() as stderr:
        arguments = [*options, "--verbose", "--section=data", "--file=-", str(dump)]
        script = dump_programs.start(binary, arguments, stderr=stderr)
        assert script.stdout is not None
        try:
            _run_data_section(driver, script.stdout, without, _LargeObjects(foreign))
            script.wait()
        finally:
            script.kill()
            script.wait()
            script.stdout.close()
        if script.returncode:
            stderr.seek(0)
            raise dump_programs.failed(script, stderr.read(), None, ROLLED_BACK)


def _run_data_section(
    driver: psycopg.Connection, script: IO[bytes], without: frozenset[int], objects: _LargeObjects
) -> None:
    """Run the data section: statements, and after each COPY its rows up to the line with a backslash and a full stop.

    Entries of `without`, and what depends on them, are skipped.
    """
    statement: list[bytes] = []
    included, in_table = True, False
    for line in script:
        header = HEADER.match(line)
        if header:
            _execute(driver, statement)
            statement = []
            included, in_table = int(header[1]) not in without, False
        elif line.startswith(DEPENDENCIES):
            included = included and not {int(each) for each in line[len(DEPENDENCIES) :].split()} & without
        elif line.startswith(b"-- Data for Name: "):
            in_table = True
        elif in_table and line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            _copy(driver, line, _rows(script), included=included)
        elif included and line not in OWN_TRANSACTION and objects.included(line):
            statement.append(line)
    _execute(driver, statement)


def _copy(driver: psycopg.Connection, command: bytes, rows: Iterator[bytes], *, included: bool) -> None:
    if not included:
        for _ in rows:
            pass
        return
    with driver.cursor().copy(command.rstrip(b";\n")) as copy:
        for chunk in rows:
            copy.write(chunk)


def _execute(driver: psycopg.Connection, lines: list[bytes]) -> None:
    script = table_of_contents.PSQL_ONLY.sub("", b"".join(lines).decode("utf-8", "surrogateescape"))
    if script.strip():
        driver.execute(script.encode("utf-8", "surrogateescape"))


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """Yield the rows in chunks, up to the line that ends them."""
    lines: list[bytes] = []
    size = 0
    for line in script:
        if line == b"\\.\n":
            yield b"".join(lines)
            return
        lines.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(lines)
            lines, size = [], 0
    raise FailedError("pg_restore ended in the middle of a table.", "Everything was rolled back; nothing was changed.")
