"""People who read and write a school while it is migrated, with statements that are valid before and after."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.support.databases import Database
from tests.support.stalls import Stalls

LOOK = (
    "select first_name, last_name from users where id = %(user)s",
    "select id, status::text, points_earned::text, teacher_feedback from student_assignments"
    " where student_id = %(student)s order by id limit 20",
    "select count(*) from attendance_records where date = %(day)s",
    "select title, content from journal_entries where student_id = %(student)s order by id desc limit 10",
)
FEEDBACK = "update student_assignments set teacher_feedback = %(text)s where id = %(assignment)s"
POINTS = "update student_assignments set points_earned = %(number)s where id = %(assignment)s"
GRADE = (
    "update student_assignments set status = 'graded', is_graded = true, graded_date = current_date,"
    " points_earned = %(number)s where id = %(assignment)s"
)
ATTEND = "insert into attendance_records (student_id, date, status) values (%(student)s, %(day)s, 'late')"
WRITE = (
    "insert into journal_entries (student_id, author_id, title, content, entry_date)"
    " values (%(student)s, %(student)s, %(text)s, 'in between', now())"
)
ASSIGN = (
    "insert into student_assignments (template_id, student_id, assigned_date, assigned_by, teacher_feedback)"
    " values (%(template)s, %(student)s, '2031-01-01', %(user)s, %(text)s)"
)
INSERTS = {ATTEND: "attendance_records", WRITE: "journal_entries", ASSIGN: "student_assignments"}


@dataclass
class Keys:
    """What there was before anybody began."""

    users: list[int]
    students: list[int]
    assignments: list[int]
    templates: list[int]


@dataclass
class Felt:
    """What the clients felt and did: waits in seconds, faults, inserts by table, and the last write of each row."""

    longest: float = 0.0
    slowest: str = ""
    statements: int = 0
    failures: list[str] = field(default_factory=list)
    inserted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(INSERTS.values(), 0))
    feedback: dict[int, str] = field(default_factory=dict)
    points: dict[int, int] = field(default_factory=dict)


class Clients:
    """So many clients at work inside the block; each has assignments of its own, so that the last write is known."""

    def __init__(self, database: Database, count: int, *, pause: float = 0.01) -> None:
        self.database, self.count, self.pause = database, count, pause
        self.felt = [Felt() for _ in range(count)]
        self.stalls = Stalls(database.dsn)
        self._over = threading.Event()
        self._keys = _keys(database)
        self._threads = [threading.Thread(target=self._work, args=(nth,)) for nth in range(count)]

    def __enter__(self) -> "Clients":
        self.stalls.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.stalls.__exit__(None, None, None)

    @property
    def longest(self) -> tuple[float, str]:
        """The longest wait of any statement, in seconds, and which it was."""
        return max((each.longest, each.slowest) for each in self.felt)

    @property
    def failures(self) -> list[str]:
        """What went wrong for them."""
        return [failure for each in self.felt for failure in each.failures]

    @property
    def statements(self) -> int:
        """How many they ran."""
        return sum(each.statements for each in self.felt)

    def inserted(self, table: str) -> int:
        """How many rows they added."""
        return sum(each.inserted.get(table, 0) for each in self.felt)

    def lost(self) -> list[str]:
        """What they wrote and is not there."""
        found = {
            key: (feedback, points)
            for key, feedback, points in self.database.rows(
                "select id, teacher_feedback, points_earned from student_assignments"
            )
        }
        lost = []
        for each in self.felt:
            lost += [f"feedback of {key}" for key, text in each.feedback.items() if found[key][0] != text]
            lost += [f"points of {key}" for key, number in each.points.items() if found[key][1] != number]
        return lost

    def _work(self, nth: int) -> None:
        chance, felt, keys = random.Random(nth), self.felt[nth], self._keys
        own = keys.assignments[nth :: self.count]
        day = 0
        with psycopg.connect(self.database.dsn, autocommit=True) as connection:
            while not self._over.is_set():
                day += 1
                values: dict[str, Any] = {
                    "user": chance.choice(keys.users), "student": keys.students[(day + nth) % len(keys.students)],
                    "assignment": chance.choice(own), "template": chance.choice(keys.templates),
                    "text": f"{nth} wrote {chance.random()}", "number": chance.randint(0, 50),
                }  # fmt: skip
                # one day a client and round over all students: nobody is there twice on it
                values["day"] = _day(nth, day // len(keys.students))
                statement = chance.choices(
                    [*LOOK, FEEDBACK, POINTS, GRADE, ATTEND, WRITE, ASSIGN], [2, 4, 2, 2, 3, 2, 1, 2, 1, 1]
                )[0]
                started = time.perf_counter()
                try:
                    connection.execute(statement, values)
                except psycopg.Error as fault:
                    felt.failures.append(f"{fault} {statement}")
                else:
                    _note(felt, statement, values)
                took = time.perf_counter() - started
                felt.statements += 1
                if took > felt.longest:
                    felt.longest, felt.slowest = took, statement
                time.sleep(self.pause)


def _note(felt: Felt, statement: str, values: dict[str, Any]) -> None:
    if statement in INSERTS:
        felt.inserted[INSERTS[statement]] += 1
    elif statement == FEEDBACK:
        felt.feedback[values["assignment"]] = values["text"]
    elif statement in {POINTS, GRADE}:
        felt.points[values["assignment"]] = values["number"]


def _day(client: int, nth: int) -> str:
    return f"{2040 + client}-{1 + nth // 28 % 12:02d}-{1 + nth % 28:02d}"


def _keys(database: Database) -> Keys:
    def ids(query: str) -> list[int]:
        return [int(str(key)) for (key,) in database.rows(query)]

    return Keys(
        ids("select id from users"),
        ids("select id from users where role::text = 'student'"),
        ids("select id from student_assignments order by id"),
        ids("select id from assignment_templates"),
    )
