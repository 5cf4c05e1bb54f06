"""Stopping at every commit that a migrating session makes, as the driver itself sees them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.support.databases import Database

CATALOGUES = {
    "oid": "attrdef class constraint enum namespace policy proc rewrite statistic_ext trigger type",
    "attrelid": "attribute",
    "indexrelid": "index",
    "objoid": "description",
    "seqrelid": "sequence",
}
USERS = 16384
"""Who has a smaller number was there before any user."""
LOOK = "select pg_snapshot_xmax(pg_current_snapshot())::text, concat_ws(' ', {})".format(
    ", ".join(
        f"(select sum(hashtextextended(concat_ws(' ', {key}, ctid, xmin), 0)) from pg_{name} where {key} >= {USERS})"
        for key, names in CATALOGUES.items()
        for name in names.split()
    )
)


@dataclass(frozen=True)
class Commit:
    """One of them: `statement` is what was committed, or its last; `altered` says whether the catalogue was changed."""

    nth: int
    statement: str
    altered: bool


@contextmanager
def watched(database: Database, visit: Callable[[Commit], object]) -> Iterator[None]:
    """Call `visit` at each commit that this thread's sessions on `database` make, before they do anything else.

    A transaction that wrote nothing is none. What `visit` does itself is not watched.
    """
    watch = _Watch(database, visit)
    with pytest.MonkeyPatch.context() as patch:
        for kind, name in ((psycopg.Cursor, "execute"), (psycopg.Connection, "commit")):
            patch.setattr(kind, name, watch.around(getattr(kind, name)))
        try:
            yield
        finally:
            watch.observer.close()


class _Watch:
    def __init__(self, database: Database, visit: Callable[[Commit], object]) -> None:
        self.visit, self.name = visit, database.url.database
        self.observer = database.connect(autocommit=True)
        self.thread, self.inside, self.nth, self.last = threading.get_ident(), False, 0, ""
        self.transaction, self.catalogue = self._look()

    def around(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(this: Any, *arguments: Any, **options: Any) -> Any:
            done = original(this, *arguments, **options)
            connection = this.connection if isinstance(this, psycopg.Cursor) else this
            ours = threading.get_ident() == self.thread and connection.info.dbname == self.name
            if ours and not self.inside and connection is not self.observer:
                self._after(connection, " ".join(str(arguments[0]).split()) if arguments else "commit")
            return done

        return call

    def _after(self, connection: psycopg.Connection, statement: str) -> None:
        if statement != "commit":
            self.last = statement
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            return
        self.inside = True
        try:
            transaction, catalogue = self._look()
            if transaction != self.transaction:
                altered = catalogue != self.catalogue
                self.transaction, self.catalogue, self.nth = transaction, catalogue, self.nth + 1
                self.visit(Commit(self.nth, self.last, altered))
        finally:
            self.inside = False

    def _look(self) -> tuple[str, str]:
        row = self.observer.execute(LOOK).fetchone()
        assert row is not None
        return row[0], row[1]
