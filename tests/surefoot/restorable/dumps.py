"""Dumps as a person makes them, with the programs of each version, and what is restored of them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from surefoot.servers import libpq
from tests.support.databases import Database, fresh
from tests.support.servers import Server, programs

VERSIONS = tuple(major for major in (15, 16, 18) if programs(major))
FORMATS = ("plain", "directory")


@dataclass(frozen=True)
class Dump:
    """What pg_dump of version `major` wrote."""

    major: int
    format: str
    path: Path

    def remove(self) -> None:
        """Delete it from the disk."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink()


def able(server: Server) -> tuple[int, ...]:
    """The versions of pg_dump that may dump a database of `server`: none is older than it."""
    return tuple(major for major in VERSIONS if major >= server.major)


def dump(database: Database, major: int, format_: str, path: Path) -> Dump:
    """Dump `database` to `path`."""
    _program(database, major, "pg_dump", f"--format={format_}", f"--file={path}")
    return Dump(major, format_, path)


@contextmanager
def restored(made: Dump, server: Server) -> Iterator[Database]:
    """A database of `server`, which is of the dump's version, with all of it in it; the first error is one."""
    assert server.major == made.major
    with fresh(server) as database:
        if made.format == "plain":
            _program(database, made.major, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(made.path))
        else:
            name = str(database.url.database)
            _program(database, made.major, "pg_restore", "--exit-on-error", f"--dbname={name}", str(made.path))
        yield database


def _program(database: Database, major: int, name: str, *arguments: str) -> None:
    folder = programs(major)
    assert folder is not None
    done = subprocess.run(
        [str(folder / name), *arguments],
        env=libpq.process_environment(database.url), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{name} {major}: {done.stderr}"
