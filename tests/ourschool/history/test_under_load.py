"""Eight clients with statements valid before and after: none fails or waits long while states and numbers change."""

import datetime as dt
import functools
import random
import threading
from contextlib import ExitStack

import psycopg
import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import CHAIN, make_existing, upgrade
from tests.support.databases import Database
from tests.surefoot.online.clients import Clients

FIRST, LAST = "d7a91c34e0b2", "84b1f60ce27d"
BEFORE = CHAIN[CHAIN.index(FIRST) - 1]
STATES = ("not_started", "in_progress", "submitted", "graded", "overdue", "excused")
SIZE = Size.of(student_assignments=6_000, attendance_records=6_000, conflicts=False)
BOUND = 0.4
"""lock_timeout and 200 ms, in seconds."""

_days = iter(range(10**5))
_lock = threading.Lock()


def another_day(_: random.Random) -> dt.date:
    """A day that no other row has."""
    with _lock:
        return dt.date(2100, 1, 1) + dt.timedelta(days=next(_days))


@pytest.mark.promise("C4")
def test_nobody_notices(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # a statement prepared while a column had another type is not valid any more: PostgreSQL says so, once
    monkeypatch.setattr(psycopg, "connect", functools.partial(psycopg.connect, prepare_threshold=None))
    make_existing(scratch, SIZE)
    upgrade(scratch, BEFORE)
    (admin, student, template) = (
        scratch.value(query)
        for query in (
            "select min(id) from users where role = 'admin'",
            "select min(id) from users where role = 'student'",
            "select min(id) from assignment_templates",
        )
    )
    works = {
        "student_assignments": {
            "student_id": lambda _: student,
            "template_id": lambda _: template,
            "assigned_by": lambda _: admin,
            "assigned_date": lambda chance: dt.date(2025, 1, chance.randrange(1, 28)),
            "due_date": lambda _: None,
            "status": lambda chance: chance.choice(STATES),
            "points_earned": lambda chance: chance.randrange(0, 400) / 4,
        },
        "attendance_records": {
            "student_id": lambda _: student,
            "date": another_day,
            "status": lambda chance: chance.choice(("present", "absent", "late")),
        },
    }  # fmt: skip
    with ExitStack() as stack:
        clients = [
            stack.enter_context(Clients(scratch, table, values, clients=4, pause=0.01))
            for table, values in works.items()
        ]
        for client in clients[1].all:
            client.keys.clear()  # of rows that are there twice one is set aside: these write their own
        scratch.alembic("upgrade", LAST)
    failures = [failure for each in clients for failure in each.failures]
    assert failures == []
    assert max(each.longest for each in clients) < BOUND + max(each.stalls.allowance for each in clients)
    assert sum(each.statements for each in clients) > 100
