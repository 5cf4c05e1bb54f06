"""The whole way to head while people work: nobody fails or waits long, no row and no write is lost, kills included."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.pupils_at_work import INSERTS, Clients
from tests.ourschool.history.schools import HEAD, at, catalogue, counted, make_existing
from tests.support.databases import Database, fresh
from tests.support.servers import Server, running
from tests.surefoot.faults.runs import Run, advisory_locks

LOCK_TIMEOUT = 0.2
SHORT = Size.of(student_assignments=6000, attendance_records=6000, conflicts=False)
LONG = Size.of(student_assignments=300_000, attendance_records=300_000, conflicts=False)


@pytest.fixture(scope="module")
def big() -> Iterator[Server]:
    """A server with room for 300,000 rows."""
    with running(18, "shared_buffers = 512MB", "max_wal_size = 4GB") as server:
        yield server


def accounted(database: Database, clients: Clients, before: dict[str, object]) -> None:
    """Every row of before and every row that the clients added is in its table or set aside by name."""
    retired: dict[object, int] = {}
    for table, stands_as in database.rows("select table_name, stands_as from retired.things where what = 'rows'"):
        count = database.value(f'select count(*) from retired."{stands_as}"')
        retired[table] = retired.get(table, 0) + int(str(count))
    now = counted(database)
    for table in (*INSERTS.values(), "users", "grade_history"):
        expected = int(str(before[table])) + clients.inserted(table)
        assert int(str(now[table])) + retired.get(table, 0) == expected, table
    assert clients.lost() == []


def fared(clients: Clients, slack: float) -> None:
    longest, statement = clients.longest
    print(f"{clients.statements} statements of clients, longest {longest:.3f} s: {statement}")
    assert clients.failures == []
    assert clients.statements > 100
    assert longest < LOCK_TIMEOUT + slack + clients.stalls.allowance, statement


@pytest.mark.promise("C6", "O12")
def test_people_work_on_while_a_small_school_is_migrated(scratch: Database) -> None:
    make_existing(scratch, SHORT)
    before = counted(scratch)
    with Clients(scratch, 4) as clients:
        scratch.alembic("upgrade", "head")
    assert at(scratch) == [HEAD]
    accounted(scratch, clients, before)
    fared(clients, slack=0.2)


@pytest.mark.long
def test_people_work_on_while_a_big_school_is_migrated(big: Server) -> None:
    with fresh(big) as database:
        make_existing(database, LONG)
        before = counted(database)
        with Clients(database, 8) as clients:
            time.sleep(1)
            started = time.monotonic()
            database.alembic("upgrade", "head")
            print(f"to head in {time.monotonic() - started:.1f} s")
        assert at(database) == [HEAD]
        accounted(database, clients, before)
        fared(clients, slack=0.2)


@pytest.mark.long
def test_killed_ten_times_on_the_way_the_end_is_the_same(big: Server) -> None:
    with fresh(big) as database, fresh(big) as empty:
        make_existing(database, LONG)
        before = counted(database)
        empty.alembic("upgrade", "head")
        chance, killed, started = random.Random(1), 0, time.monotonic()
        with Clients(database, 8) as clients:
            while killed < 10:
                run = Run(database, "upgrade", "head")
                run.says("Running upgrade")
                time.sleep(chance.uniform(0.2, 6))
                killed += run.kill() == -9
                if at(database) == [HEAD]:
                    break
            database.alembic("upgrade", "head")
        print(f"{killed} kills, at head after {time.monotonic() - started:.1f} s")
        assert killed == 10
        assert (at(database), advisory_locks(database)) == ([HEAD], [])
        assert catalogue(database) == catalogue(empty)
        accounted(database, clients, before)
        assert clients.failures == []
