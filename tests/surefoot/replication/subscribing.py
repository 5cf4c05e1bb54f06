"""A school's database that publishes, and one beside it that subscribes to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from tests.support.databases import Database, fresh
from tests.support.servers import Server

TABLES = (
    "create type mood as enum ('calm', 'loud')",
    "create table pupils (id integer primary key, name text not null)",
    "create table marks (id integer primary key, code integer not null constraint uq_marks_code unique, note text, "
    "points integer constraint ck_points check (points > 0), mood mood)",
    "create table rooms (id integer primary key, code integer not null, seats integer)",
    "create unique index ix_rooms_code on rooms (code)",
    "alter table rooms replica identity using index ix_rooms_code",
    "create table notes (body text)",
    "create table parts (id integer, kind integer) partition by list (kind)",
    "create table parts_1 partition of parts for values in (1)",
)
ROWS = """
insert into pupils select coalesce(max(id), 0) + 1, 'A' from pupils;
insert into marks (id, code, points, mood)
select coalesce(max(id), 0) + 1, coalesce(max(id), 0) + 1, 1, 'calm' from marks;
insert into rooms select coalesce(max(id), 0) + 1, coalesce(max(id), 0) + 1, 1 from rooms;
update pupils set name = name || '!';
update marks set points = points + 1;
update rooms set seats = seats + 1
"""
"""What the school writes: a row more in each table, and each row changed."""
CONTENT = {
    "pupils": "select id, name from pupils order by 1",
    "marks": "select id, code, points from marks order by 1",
    "rooms": "select id, code, seats from rooms order by 1",
}


@dataclass(frozen=True)
class Pair:
    """The publisher, and its subscriber. `slot` is the name of the subscription as well."""

    publisher: Database
    subscriber: Database
    slot: str

    def follows(self, *tables: str) -> None:
        """The school writes; all of it arrives at the subscriber."""
        self.publisher.execute(ROWS)
        for table in tables or CONTENT:
            self._arrives(CONTENT[table])

    def _arrives(self, query: str) -> None:
        expected, until = self.publisher.rows(query), time.monotonic() + 20
        while self.subscriber.rows(query) != expected:
            assert time.monotonic() < until, f"never arrived: {expected}"
            time.sleep(0.02)


@contextmanager
def replicating(server: Server, publication: str) -> Iterator[Pair]:
    """Two databases with TABLES; `publication` is what follows `create publication p`."""
    with fresh(server) as publisher, fresh(server) as subscriber:
        for each in (publisher, subscriber):
            each.execute(*TABLES)
        slot = f"s_{publisher.url.database}"
        publisher.execute(
            f"create publication p {publication}", f"select pg_create_logical_replication_slot('{slot}', 'pgoutput')"
        )
        with subscriber.connect(autocommit=True) as connection:
            connection.execute(
                sql.SQL(
                    "create subscription {} connection {} publication p with (create_slot = false, slot_name = {})"
                ).format(sql.Identifier(slot), publisher.dsn, sql.Literal(slot))
            )
        try:
            yield Pair(publisher, subscriber, slot)
        finally:
            subscriber.execute(f"drop subscription {slot}")
