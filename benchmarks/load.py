"""Clients that read and write one table all the while, and what the slowest of their statements had to wait."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

import psycopg

STATEMENTS = (
    "select id, name, amount from ledger where id = %(id)s",
    "update ledger set name = %(text)s where id = %(id)s",
    "insert into ledger (name, amount, points, pupil_id) values (%(text)s, %(number)s, %(number)s, %(pupil)s)",
)


@dataclass(frozen=True)
class Client:
    """One client: where it works, rows up to which id it touches, its pause between statements (s)."""

    dsn: str
    highest: int
    pause: float
    seed: int


@dataclass
class Felt:
    """What the clients felt while something went on; seconds."""

    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest wait for one statement."""
        return max(self.waits, default=0.0)

    @property
    def p99(self) -> float:
        """What 99 of 100 statements did not exceed."""
        return sorted(self.waits)[int(len(self.waits) * 0.99)] if self.waits else 0.0


@contextmanager
def clients(dsn: str, highest: int, *, count: int = 8, pause: float = 0.004) -> Iterator[Felt]:
    """Let `count` processes read and write rows up to id `highest` inside the block; what they felt is in the yield."""
    context = multiprocessing.get_context("fork")
    over, ready, reports = context.Event(), context.Barrier(count + 1), context.Queue()
    processes = [
        context.Process(target=_client, args=(Client(dsn, highest, pause, seed), ready, over, reports), daemon=True)
        for seed in range(count)
    ]
    for process in processes:
        process.start()
    ready.wait(30)
    felt = Felt()
    try:
        yield felt
    finally:
        over.set()
        for _ in processes:
            waits, failures = reports.get(timeout=60)
            felt.waits += waits
            felt.failures += failures
        for process in processes:
            process.join()


def _client(client: Client, ready: Barrier, over: Event, reports: "Queue[tuple[list[float], list[str]]]") -> None:
    chance = random.Random(client.seed)
    waits: list[float] = []
    failures: list[str] = []
    with psycopg.connect(client.dsn, autocommit=True) as connection:
        ready.wait(30)
        while not over.is_set():
            statement = chance.choices(STATEMENTS, (6, 3, 1))[0]
            values = {
                "id": chance.randint(1, client.highest),
                "text": f"name {chance.random()}",
                "number": chance.randint(1, 100),
                "pupil": chance.randint(1, 1000),
            }
            started = time.perf_counter()
            try:
                connection.execute(statement, values)
            except psycopg.Error as fault:
                failures.append(str(fault).split("\n", 1)[0])
            waits.append(time.perf_counter() - started)
            time.sleep(client.pause)
    reports.put((waits, failures))
