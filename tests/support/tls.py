"""A server that takes TCP connections with TLS only, with a certificate of an authority made for the test."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.servers import PACKAGED, Server, running


def servers() -> list[int]:
    """Return the versions of the machine's packages, newest first: the wheel's servers have no TLS."""
    if shutil.which("openssl") is None:
        return []
    return [major for major in (18, 17, 16, 15) if (PACKAGED / str(major) / "bin" / "postgres").exists()]


needs_tls = pytest.mark.skipif(not servers(), reason="no PostgreSQL with TLS (Debian's) and openssl here")


@contextmanager
def tls_only(folder: Path) -> Iterator[tuple[Server, Path]]:
    """Yield the server and the authority's certificate; pg_hba.conf has only `hostssl` for TCP, on localhost."""
    (major, *_) = servers()
    authority, key, certificate = (folder / name for name in ("ca.crt", "server.key", "server.crt"))
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority of a test",
             "-keyout", folder / "ca.key", "-out", authority)  # fmt: skip
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", folder / "csr")
    _openssl("x509", "-req", "-in", folder / "csr", "-CA", authority, "-CAkey", folder / "ca.key", "-CAcreateserial",
             "-days", "2", "-out", certificate)  # fmt: skip
    with running(major) as server:
        assert server.data is not None
        for source in (certificate, key):
            place = server.data / source.name
            shutil.copy(source, place)
            place.chmod(0o600)
            shutil.chown(place, server.data.owner(), server.data.group())
        (server.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        with server.connect() as admin:
            admin.execute("alter system set ssl = on")
            admin.execute("select pg_reload_conf()")
        yield server, authority


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
