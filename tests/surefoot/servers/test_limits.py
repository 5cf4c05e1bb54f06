"""pg_dump and pg_restore find out within a minute that their server is gone, as our own connections do."""

import sys
from pathlib import Path

import pytest

from surefoot.operate.backup import dump_programs
from tests.support.databases import Database
from tests.surefoot.faults.runs import until

DEFAULT = 7200
"""Seconds of silence after which Linux asks whether anybody is there, unless told otherwise."""


def timer(pid: int) -> float | None:
    """Seconds until the kernel asks that on the TCP connection of the process; None where it has none yet."""
    try:
        sockets = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return None
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, _, _, state, _, when, _, _, _, inode, *_ = line.split()
        if state == "01" and f"socket:[{inode}]" in sockets and when.startswith("02:"):
            return int(when[3:], 16) / 100
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's list of connections is Linux's")
@pytest.mark.parametrize(("query", "seconds"), [({}, 30), ({"keepalives_idle": "900"}, 900)], ids=["ours", "the URL's"])
def test_a_dump_asks_whether_its_server_is_there(scratch: Database, query: dict[str, str], seconds: int) -> None:
    scratch.execute("create table pupils (id integer)", "alter role postgres password 'known'")
    url = scratch.url.set(host="127.0.0.1", port=scratch.server.port, password="known", query=query)
    binary = dump_programs.program("pg_dump", 18)
    with scratch.connect() as holder:
        holder.execute("lock table pupils")
        dumping = dump_programs.start(binary, [f"--dbname={dump_programs.connection_string(url)}"], url)
        try:
            waits = "select count(*) = 1 from pg_locks where not granted and relation = 'pupils'::regclass"
            until(lambda: scratch.value(waits), "pg_dump waits for the table")
            left = until(lambda: timer(dumping.pid), "the kernel has a timer")
            assert seconds - 30 <= left <= seconds < DEFAULT
        finally:
            dumping.kill()
            dumping.communicate()
