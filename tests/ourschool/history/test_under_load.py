"""Clients with statements valid before and after: none fails or waits long while states, numbers and keys change."""

import datetime as dt
import functools
import itertools
import random
import threading
from contextlib import ExitStack

import psycopg
import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, make_existing, upgrade
from tests.ourschool.history.small import SCHOOL
from tests.support.databases import Database
from tests.surefoot.online.clients import Clients

FIRST, LAST = "d7a91c34e0b2", "84b1f60ce27d"
POLICY = "e5308fd2c761"
BEFORE = CHAIN[CHAIN.index(FIRST) - 1]
STATES = ("not_started", "in_progress", "submitted", "graded", "overdue", "excused")
SIZE = Size.of(student_assignments=6_000, attendance_records=6_000, conflicts=False)
STARTED = 60
"""Seconds in which a thread has run its first statement on any machine."""
BOUND = 0.4
"""lock_timeout and 200 ms, in seconds."""

DELETE = "delete from student_assignments where id = 1"
"""Of an assignment that a grade was changed for, see SCHOOL."""

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
    clients = [Clients(scratch, table, values, clients=4, pause=0.01) for table, values in works.items()]
    # the key of the hand-written scripts lets no assignment go that grades were changed for, and so it is until POLICY
    changed_for = {key for (key,) in scratch.rows("select assignment_id from grade_history")}
    for client in clients[0].all:
        client.keys[:] = [key for key in client.keys if key not in changed_for]
    for client in clients[1].all:
        client.keys.clear()  # of rows that are there twice one is set aside: these write their own
    with ExitStack() as stack:
        for each in clients:
            stack.enter_context(each)
        scratch.alembic("upgrade", LAST)
    failures = [failure for each in clients for failure in each.failures]
    assert failures == []
    assert max(each.longest for each in clients) < BOUND + max(each.stalls.allowance for each in clients)
    assert sum(each.statements for each in clients) > 100


def test_a_delete_that_worked_once_works_ever_after(at_revision: Stop) -> None:
    database = at_revision(CHAIN[CHAIN.index(POLICY) - 1])
    database.execute(*SCHOOL)
    outcomes: list[str] = []
    begun, over = threading.Event(), threading.Event()

    def delete_again_and_again() -> None:
        with database.connect(autocommit=True) as connection:
            while not over.is_set():
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute(DELETE)
                        kept = connection.execute("select assignment_id from grade_history").fetchall()
                    outcomes.append("done" if kept == [(None,)] else f"the history says {kept}")
                except psycopg.Error as fault:
                    outcomes.append(type(fault).__name__)
                begun.set()

    client = threading.Thread(target=delete_again_and_again)
    client.start()
    try:
        assert begun.wait(STARTED)
        upgrade(database, POLICY)
    finally:
        over.set()
        client.join()
    # the old key refuses until the new one has its place; from then on none is refused, and the history is kept
    assert [outcome for outcome, _ in itertools.groupby([*outcomes, "done"])] == ["ForeignKeyViolation", "done"]
    database.execute(DELETE)
    assert database.rows("select id, assignment_id from grade_history") == [(1, None)]
