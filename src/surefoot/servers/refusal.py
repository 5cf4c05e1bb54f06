"""Finds out by which SQLSTATE a server refuses a connection: libpq passes on its words alone, in the server's language.

libpq can write down what it receives, and that has the SQLSTATE.
"""

import os
import re
import select
import time
from contextlib import suppress

import psycopg
from psycopg import pq
from sqlalchemy.engine import URL

from surefoot.servers import libpq

REFUSED = re.compile(rb'\tErrorResponse\t.*? C "(\w{5})"', flags=re.DOTALL)
SECONDS = 10.0
"""How long the server has to refuse once more."""


def sqlstate(url: URL) -> str | None:
    """Connect to `url` once more; return the SQLSTATE of the refusal, None where there is none or it cannot be told.

    It cannot on systems other than Linux, nor with libpq before version 17.
    """
    if not hasattr(os, "memfd_create"):
        return None
    written = os.memfd_create("libpq")  # the password may be in it, so it is no file
    try:
        with suppress(psycopg.Error, OSError):
            _connect(libpq.connection_uri(url), written)
        os.lseek(written, 0, os.SEEK_SET)
        states = REFUSED.findall(os.read(written, os.fstat(written).st_size))
    finally:
        os.close(written)
    return states[-1].decode() if states else None


def _connect(address: str, written: int) -> None:
    connection = pq.PGconn.connect_start(address.encode())
    try:
        connection.trace(written)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            state = connection.connect_poll()
            if state not in {pq.PollingStatus.READING, pq.PollingStatus.WRITING}:
                return
            reads = [connection.socket] if state == pq.PollingStatus.READING else []
            writes = [] if reads else [connection.socket]
            select.select(reads, writes, [], max(0, until - time.monotonic()))
    finally:
        connection.untrace()
        connection.finish()
