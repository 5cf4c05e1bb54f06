"""A query whose answer has a limit that we keep, and a connection that is given up, whatever the network does.

psycopg waits for an answer for as long as the connection stands, and over a network that swallows packets one may stand
for two hours. `statement_timeout` is the server's, which may be the one that cannot be reached.
"""

import os
import select
import socket
import time
from contextlib import suppress

import psycopg
from psycopg import pq

LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""libpq's parameters by which a connection ends whose other end is not there any more: within a minute, not two hours.

In seconds, the last one in milliseconds. The URL's own take precedence.
"""


class NoAnswer(psycopg.OperationalError):
    """Nothing came back within the limit. The connection is of no more use: an answer may come at any time."""


def fetch(driver: psycopg.Connection, query: str, seconds: float, *values: str) -> list[tuple[str | None, ...]]:
    """Run `query` on `driver`, outside any transaction that psycopg would begin; return its rows as text.

    `values` stand for $1, $2 …; without any, the query may be several statements, of which the last one's rows are
    returned. Raises NoAnswer after `seconds`, and psycopg's own error for what the server refuses.
    """
    connection = driver.pgconn
    if values:
        connection.send_query_params(query.encode(), [value.encode() for value in values])
    else:
        connection.send_query(query.encode())
    until = time.monotonic() + seconds
    rows: list[tuple[str | None, ...]] = []
    fault: psycopg.Error | None = None
    while True:
        while connection.is_busy():
            left = until - time.monotonic()
            if left <= 0 or not select.select([connection.socket], [], [], left)[0]:
                raise NoAnswer(f"no answer from the server within {seconds:.0f} s")
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            break
        if result.status == pq.ExecStatus.TUPLES_OK:
            rows = [
                tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
                for row in range(result.ntuples)
            ]
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            fault = psycopg.errors.error_from_result(result)
    if fault is not None:
        raise fault
    return rows


def sever(driver: psycopg.Connection) -> None:
    """Give up the connection beneath `driver`: whoever waits for it, in any thread, gets an error at once.

    The server's process is not told; it learns of it by itself, or by its own limits.
    """
    if driver.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(driver.pgconn.socket)) as copy:
        copy.shutdown(socket.SHUT_RDWR)  # an OSError: it was not connected any more


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
