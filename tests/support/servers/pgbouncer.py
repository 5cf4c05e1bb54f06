"""pgbouncer in front of a server, in one of its three modes, with its own default configuration but for where it is."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from tests.support.servers import Server, free_port, wait_for_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer here (Debian's package of that name)")
PASSWORD = "o'nly@for/a:test"
"""Of every role that connects through the pooler."""


class Pgbouncer:
    """A running pgbouncer; `port` is on loopback."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port

    def url(self, user: str, database: str) -> URL:
        """The URL of a database through the pooler."""
        return URL.create("postgresql+psycopg", user, PASSWORD, "127.0.0.1", self.port, database)

    def console(self, command: str) -> list[dict[str, object]]:
        """Run a command of its console, such as `SHOW SERVERS`; a row is a mapping by the column's name."""
        dsn = f"host=127.0.0.1 port={self.port} user=postgres password='{PASSWORD.replace(chr(39), chr(92) + chr(39))}'"
        with psycopg.connect(f"{dsn} dbname=pgbouncer", autocommit=True, cursor_factory=psycopg.ClientCursor) as admin:
            found = admin.execute(command)
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found] if names else []


@contextmanager
def pooled(server: Server, mode: str, *roles: str, **settings: str) -> Iterator[Pgbouncer]:
    """pgbouncer in `mode` (session, transaction, statement) in front of `server`, for `roles` and postgres.

    Each of the roles gets PASSWORD on the server. `settings` are further lines of pgbouncer.ini.
    """
    assert PROGRAM is not None
    home = Path(tempfile.mkdtemp(prefix="ours-bouncer-"))
    port = free_port()
    with server.connect() as admin:
        for role in ("postgres", *roles):
            admin.execute(psycopg.sql.SQL("alter role {} password {}").format(psycopg.sql.Identifier(role), PASSWORD))
    lines = {
        "listen_addr": "127.0.0.1", "listen_port": str(port), "unix_socket_dir": str(home), "auth_type": "plain",
        "auth_file": str(home / "users"), "admin_users": "postgres", "pool_mode": mode, "logfile": str(home / "log"),
        "pidfile": str(home / "pid"), **settings,
    }  # fmt: skip
    text = "\n".join(f"{name} = {value}" for name, value in lines.items())
    (home / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n{text}\n", encoding="utf-8"
    )
    (home / "users").write_text("".join(f'"{role}" "{PASSWORD}"\n' for role in ("postgres", *roles)), encoding="utf-8")
    user = None
    if os.geteuid() == 0:  # it does not run as root
        user = home.owner() if home.owner() != "root" else "postgres"
        for each in (home, *home.iterdir()):
            shutil.chown(each, user)
    process = subprocess.Popen([PROGRAM, str(home / "ini")], user=user, cwd="/", stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_for_port(port, process, home / "log")
        yield Pgbouncer(server, port)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(home, ignore_errors=True)
