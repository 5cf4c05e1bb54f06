"""Clients that read and write a table all the while, and remember what they wrote, how long it took and what failed."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

import psycopg
from psycopg import sql

from tests.support.databases import Database
from tests.support.stalls import Stalls

Value = Callable[[random.Random], object]


@dataclass
class Client:
    """One of them, with rows of its own; what failed is in doubt from then on."""

    dsn: str
    table: str
    key: str
    values: Mapping[str, Value]
    number: int
    pause: float
    keys: list[object]
    chance: random.Random
    written: dict[object, tuple[object, ...]] = field(default_factory=dict)
    inserted: int = 0
    deleted: list[object] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def run(self, over: threading.Event) -> None:
        name = f"client {self.number}"
        with psycopg.connect(self.dsn, autocommit=True, application_name=name) as connection:
            while not over.wait(self.pause):
                step = self.chance.choices((self.read, self.update, self.insert, self.delete), (4, 4, 2, 0.3))[0]
                began = time.perf_counter()
                try:
                    step(connection)
                except psycopg.Error as fault:
                    self.failures.append(f"{step.__name__}: {type(fault).__name__}: {fault}")
                self.seconds.append(time.perf_counter() - began)

    def insert(self, connection: psycopg.Connection) -> None:
        row = self._row()
        columns = sql.SQL(", ").join(map(sql.Identifier, self.values))
        query = sql.SQL("insert into {} ({}) values ({}) returning {}").format(
            sql.Identifier(self.table), columns, sql.SQL(", ").join([sql.Placeholder()] * len(row)), self._key
        )
        key = connection.execute(query, row).fetchall()[0][0]
        self.inserted += 1
        self.keys.append(key)
        self.written[key] = row

    def update(self, connection: psycopg.Connection) -> None:
        if not self.keys:
            return
        key, row = self.chance.choice(self.keys), self._row()
        pairs = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(c), sql.Placeholder()) for c in self.values)
        query = sql.SQL("update {} set {} where {} = %s").format(sql.Identifier(self.table), pairs, self._key)
        before = self.written.pop(key, None)
        try:
            changed = connection.execute(query, (*row, key)).rowcount
        except psycopg.errors.DatabaseError:
            if before is not None and not connection.broken:
                self.written[key] = before  # refused: the row is as it was
            raise
        self.written[key] = row
        if changed != 1:
            self.failures.append(f"update: row {key} is gone")

    def read(self, connection: psycopg.Connection) -> None:
        if not self.keys:
            return
        key = self.chance.choice(self.keys)
        columns = sql.SQL(", ").join(map(sql.Identifier, self.values))
        query = sql.SQL("select {} from {} where {} = %s").format(columns, sql.Identifier(self.table), self._key)
        found = connection.execute(query, (key,)).fetchone()
        if found is None or (key in self.written and found != self.written[key]):
            self.failures.append(f"read: row {key} is {found}, written was {self.written.get(key)}")

    def delete(self, connection: psycopg.Connection) -> None:
        if not self.keys:
            return
        key = self.keys.pop(self.chance.randrange(len(self.keys)))
        self.written.pop(key, None)
        connection.execute(
            sql.SQL("delete from {} where {} = %s").format(sql.Identifier(self.table), self._key), (key,)
        )
        self.deleted.append(key)

    @property
    def _key(self) -> sql.Identifier:
        return sql.Identifier(self.key)

    def _row(self) -> tuple[object, ...]:
        return tuple(value(self.chance) for value in self.values.values())


class Clients:
    """A context manager: inside, so many clients read, insert, update and delete rows of `table`.

    `values` makes a random value for each column that they write; other columns must have a default. Each client
    changes rows of its own alone: those whose key leaves its number, and those that it inserted. Afterwards
    `failures`, `longest` (s) and `lost()` say how they fared. Give them a `pause` (s) where the machine is shared.
    """

    def __init__(
        self,
        database: Database,
        table: str,
        values: Mapping[str, Value],
        *,
        clients: int = 8,
        key: str = "id",
        pause: float = 0.002,
    ) -> None:
        self.database, self.table, self.key, self.values = database, table, key, values
        self.before = self._count()
        keys: list[list[object]] = [[] for _ in range(clients)]
        for nth, (each,) in enumerate(database.rows(f'select "{key}" from "{table}" order by 1')):
            keys[nth % clients].append(each)
        self.all = [
            Client(database.dsn, table, key, values, number, pause, keys[number], random.Random(number))
            for number in range(clients)
        ]
        self.stalls = Stalls(database.dsn)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=client.run, args=(self._over,), daemon=True) for client in self.all]

    def __enter__(self) -> "Clients":
        self.stalls.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        self.stalls.__exit__(kind, fault, trace)

    @property
    def failures(self) -> list[str]:
        return [failure for client in self.all for failure in client.failures]

    @property
    def longest(self) -> float:
        """The longest that any statement took, in seconds."""
        return max((max(client.seconds, default=0.0) for client in self.all), default=0.0)

    @property
    def statements(self) -> int:
        return sum(len(client.seconds) for client in self.all)

    def lost(self) -> list[str]:
        """What is not as they wrote it, row for row, and whether as many rows are there as there must be."""
        columns = ", ".join(f'"{column}"' for column in self.values)
        there = {row[0]: row[1:] for row in self.database.rows(f'select "{self.key}", {columns} from "{self.table}"')}
        wrong = [
            f"row {key} is {there.get(key)}, written was {row}"
            for client in self.all
            for key, row in client.written.items()
            if there.get(key) != row
        ]
        wrong += [f"row {key} is back" for client in self.all for key in client.deleted if key in there]
        must = self.before + sum(client.inserted - len(client.deleted) for client in self.all)
        return wrong if len(there) == must else [*wrong, f"{len(there)} rows, not {must}"]

    def _count(self) -> int:
        count = self.database.value(f'select count(*) from "{self.table}"')
        assert isinstance(count, int)
        return count
