"""The queue: table `migration_queue` has a row for each operation that a revision left to be done after the deploy.

It is made with the first entry, in the transaction that records the revision as applied, and goes with the database
into a dump. `surefoot work` does what is in it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import Connection

metadata = sa.MetaData()
"""Of its own, because the queue is not compared, as the journal is not."""

table = sa.Table(
    "migration_queue",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False, comment="an index, or table.column of a backfill"),
    sa.Column("kind", sa.Text, nullable=False, comment="backfill or index"),
    sa.Column("arguments", JSONB, nullable=False, comment="all that is needed to do it, as SQL"),
    sa.Column("state", sa.Text, nullable=False, comment="queued, working (begun and not ended), paused, failed, done"),
    sa.Column("error", sa.Text, comment="why it failed"),
    sa.Column("rows_done", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("rows_set", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("rows_total", sa.BigInteger, comment="an estimate"),
    sa.Column("last_key", ARRAY(sa.Text), comment="of the last row that is done: the work goes on behind it"),
    sa.Column("passes", sa.Integer, nullable=False, server_default=sa.text("0"), comment="over the whole table"),
    sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    comment="What revisions left to be done after the deploy",
)

BACKFILL, INDEX = "backfill", "index"
QUEUED, WORKING, PAUSED, FAILED, DONE = "queued", "working", "paused", "failed", "done"
TO_DO = (QUEUED, WORKING)
"""The states of an entry that a worker takes up."""
READABLE = sa.text("""
    select coalesce(has_table_privilege(to_regclass('migration_queue')::oid, 'select'), false)
""")
UNFINISHED_DOWNGRADE = sa.text("""
    select coalesce((select direction = 'downgrade' and outcome <> 'done'
                       from migration_journal
                      where revision = :revision
                      order by id desc
                      limit 1), false)
""")


@dataclass(frozen=True)
class NewEntry:
    """An operation that is left for later. `arguments` is what the worker needs to do it, as JSON."""

    kind: str
    name: str
    arguments: Mapping[str, Any]
    rows_total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(NewEntry):
    """An entry of the queue, as it was when it was read."""

    id: int
    revision: str
    state: str
    error: str | None
    rows_done: int
    """The rows that the present pass over the table has walked over."""
    rows_set: int
    last_key: tuple[str, ...] | None
    passes: int
    queued_at: dt.datetime
    changed_at: dt.datetime

    @property
    def is_open(self) -> bool:
        """Return whether the work is not done."""
        return self.state != DONE

    @property
    def rows_left(self) -> int | None:
        """Return about how many rows are left of the present pass; None of an index."""
        return None if self.rows_total is None else max(self.rows_total - self.rows_done, 0)


def exists(connection: Connection) -> bool:
    """Return whether this database has a queue that the role may read."""
    return bool(connection.execute(READABLE).scalar_one())


def read(connection: Connection) -> tuple[Entry, ...]:
    """Return the entries in the order in which they are worked off; none where there is no queue."""
    if not exists(connection):
        return ()
    return tuple(_entry(row) for row in connection.execute(sa.select(table).order_by(table.c.id)))


def find(connection: Connection, number: int) -> Entry | None:
    """Return the entry with the id `number` as it is now; None where a downgrade has removed it."""
    row = connection.execute(sa.select(table).where(table.c.id == number)).first()
    return None if row is None else _entry(row)


def add(connection: Connection, revision: str, entries: Sequence[NewEntry]) -> None:
    """Insert the entries of a revision, in the transaction that records it as applied."""
    table.create(connection, checkfirst=True)
    for each in entries:
        connection.execute(sa.insert(table).values(
            revision=revision, kind=each.kind, name=each.name, arguments=dict(each.arguments),
            state=QUEUED, rows_total=each.rows_total,
        ))  # fmt: skip


def remove(connection: Connection, revision: str) -> None:
    """Delete the entries of a revision, in the transaction that records its downgrade."""
    connection.execute(sa.delete(table).where(table.c.revision == revision))


def update(connection: Connection, number: int, **values: Any) -> None:
    """Change columns of the entry with the id `number`."""
    change = sa.update(table).where(table.c.id == number)
    connection.execute(change.values(**values, changed_at=sa.func.clock_timestamp()))


def begin(connection: Connection, number: int) -> None:
    """Mark the entry with the id `number` as begun, unless somebody has just paused it."""
    queued = sa.and_(table.c.id == number, table.c.state == QUEUED)
    connection.execute(sa.update(table).where(queued).values(state=WORKING, changed_at=sa.func.clock_timestamp()))


def is_being_downgraded(connection: Connection, revision: str) -> bool:
    """Return whether a downgrade of the revision was begun and has not ended: it decides what becomes of the entry."""
    return bool(connection.execute(UNFINISHED_DOWNGRADE, {"revision": revision}).scalar_one())


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it
    values["last_key"] = None if row.last_key is None else tuple(row.last_key)
    return Entry(**values)
