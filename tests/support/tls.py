"""A server that lets nobody in without TLS, with a certificate of an authority of the test's own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.servers import PACKAGED, Server, running


def servers() -> list[int]:
    """The versions that the machine has built with TLS: those of its packages, not the wheel's."""
    if shutil.which("openssl") is None:
        return []
    return [major for major in (18, 17, 16, 15) if (PACKAGED / str(major) / "bin" / "postgres").exists()]


needs_tls = pytest.mark.skipif(not servers(), reason="no PostgreSQL with TLS (Debian's) and openssl here")


@contextmanager
def tls_only(folder: Path) -> Iterator[tuple[Server, Path]]:
    """The server, and the certificate of its authority; over TCP it is `hostssl` alone, for localhost."""
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
