"""pgpool in front of a primary and its standbys: reads go to any of them, what it takes for a write to the first."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.support.servers import Server, free_port, wait_for_port

PROGRAM = shutil.which("pgpool", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgpool = pytest.mark.skipif(PROGRAM is None, reason="no pgpool here (Debian's package pgpool2)")


@contextmanager
def balanced(primary: Server, *standbys: Server, weights: tuple[int, ...] = (), **settings: str) -> Iterator[URL]:
    """The URL of the database postgres through pgpool, which sends reads to each server by its weight.

    It reaches the servers over their sockets. `settings` are further lines of pgpool.conf.
    """
    assert PROGRAM is not None
    home = Path(tempfile.mkdtemp(prefix="ours-pgpool-"))
    ports = [free_port(), free_port()]
    lines = {
        "backend_clustering_mode": "'streaming_replication'", "listen_addresses": "'127.0.0.1'", "port": str(ports[0]),
        "socket_dir": f"'{home}'", "unix_socket_directories": f"'{home}'", "pcp_port": str(ports[1]),
        "pcp_socket_dir": f"'{home}'", "pcp_listen_addresses": "'127.0.0.1'", "pid_file_name": f"'{home / 'pid'}'",
        "logdir": f"'{home}'", "num_init_children": "8", "max_pool": "2", "load_balance_mode": "on",
        "sr_check_period": "0", "sr_check_user": "'postgres'", "health_check_period": "0", "enable_pool_hba": "off",
    }  # fmt: skip
    for number, server in enumerate((primary, *standbys)):
        flag = "ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER" if number == 0 else "DISALLOW_TO_FAILOVER"
        lines |= {
            f"backend_hostname{number}": f"'{server.url.query['host']}'",
            f"backend_port{number}": str(server.port),
            f"backend_weight{number}": str((weights or (1,) * 9)[number]),
            f"backend_flag{number}": f"'{flag}'",
        }
    text = "".join(f"{name} = {value}\n" for name, value in (lines | settings).items())
    (home / "conf").write_text(text, encoding="utf-8")
    (home / "pcp").touch()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "-n", "-f", str(home / "conf"), "-F", str(home / "pcp")], cwd="/",
                                   stdout=log, stderr=log)  # fmt: skip
    try:
        wait_for_port(ports[0], process, home / "log")
        yield URL.create("postgresql+psycopg", "postgres", None, "127.0.0.1", ports[0], "postgres")
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)
