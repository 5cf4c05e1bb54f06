"""A streaming standby of a server of the tests, made by pg_basebackup, on loopback and a socket of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import Server, _run, _server_user, free_port

HBA = "local replication all trust\n"


@contextmanager
def following(primary: Server, name: str, *settings: str) -> Iterator[Server]:
    """A hot standby of `primary`; `name` is what pg_stat_replication calls it. It ends with the block.

    `settings` are further lines of its postgresql.conf.
    """
    assert primary.data is not None
    hba = primary.data / "pg_hba.conf"
    hba.write_text(f"{hba.read_text().replace(HBA, '')}{HBA}")
    with primary.connect() as admin:
        admin.execute("select pg_reload_conf()")
    home = Path(tempfile.mkdtemp(prefix="ours-standby-"))
    port = free_port()
    data, user, here = home / "data", _server_user(home, primary.bin), primary.url.query["host"]
    try:
        _run(primary.bin / "pg_basebackup", "-D", data, "-h", here, "-p", primary.port, "-U", "postgres", "-c", "fast",
             "-N", user=user)  # fmt: skip
        (data / "standby.signal").touch()
        lines = (
            f"primary_conninfo = 'host={here} port={primary.port} user=postgres application_name={name}'",
            f"port = {port}",
            f"unix_socket_directories = '{home}'",
            *settings,
        )
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        _run(primary.bin / "pg_ctl", "-D", data, "-l", home / "log", "-w", "start", user=user)
        yield Server(primary.major, primary.bin, primary.url.set(port=port, query={"host": str(home)}), port, data)
    finally:
        _run(primary.bin / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", user=user, check=False)
        shutil.rmtree(home, ignore_errors=True)
