"""Keys of the old tables become identity columns: the next number is the one that it would have been, both ways."""

import threading
import time

import psycopg
import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, at, catalogue, cut_off, downgrade, upgrade
from tests.support.databases import Database

DOCS = {str(script.doc).splitlines()[0]: script.revision for script in HISTORY.walk_revisions()}
REVISION = DOCS["keys of the old tables are identity columns"]
BELOW = str(HISTORY.get_revision(REVISION).down_revision)
OLD = (
    "assignment_templates", "attendance_records", "grade_history", "journal_entries", "lesson_assignments", "lessons",
    "student_assignments", "student_term_grades", "subjects", "term_subjects", "terms", "users",
)  # fmt: skip
IDENTITY = f"""
select attrelid::regclass::text
  from pg_attribute
 where attidentity = 'd' and attname = 'id' and attrelid::regclass::text in {OLD}
 order by 1
"""
OWNED = f"""
select count(*)
  from pg_class
 where relname in {OLD} and pg_get_serial_sequence(relname, 'id') = 'public.' || relname || '_id_seq'
"""
ADD = "insert into subjects (name) values ('{}')"


def newest(database: Database) -> object:
    return database.value("select max(id) from subjects")


def owned(database: Database) -> object:
    return database.value(OWNED)


def test_up_down_and_up(at_revision: Stop) -> None:
    database = at_revision(BELOW)
    there = catalogue(database)
    assert database.rows(IDENTITY) == []
    upgrade(database, REVISION)
    head = catalogue(database)
    assert [name for (name,) in database.rows(IDENTITY)] == list(OLD)
    assert owned(database) == len(OLD)
    downgrade(database, BELOW)
    cut_off(database, "upgrade", REVISION)
    upgrade(database, REVISION)
    assert (at(database), catalogue(database)) == ([REVISION], head)
    downgrade(database, BELOW)
    assert owned(database) == len(OLD)
    upgrade(database, REVISION)
    cut_off(database, "downgrade", BELOW)
    downgrade(database, BELOW)
    assert (at(database), catalogue(database)) == ([BELOW], there)
    upgrade(database, REVISION)
    assert catalogue(database) == head


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ((), 1),
        ((ADD.format("a"), ADD.format("b")), 3),
        ((ADD.format("a"), ADD.format("b"), "delete from subjects"), 3),
        (("select nextval('subjects_id_seq')",), 2),
        (("select setval('subjects_id_seq', 100)",), 101),
        (("select setval('subjects_id_seq', 100, false)",), 100),
        (("insert into subjects (id, name) values (50, 'by hand')",), 51),
        (("insert into subjects (id, name) values (50, 'by hand')", "select setval('subjects_id_seq', 70)"), 71),
    ],
)
@pytest.mark.parametrize("steps", [1, 2, 3], ids=["up", "down", "up again"])
def test_the_next_number_is_the_one_it_would_have_been(
    at_revision: Stop, before: tuple[str, ...], expected: int, steps: int
) -> None:
    """However often the way is gone without an insert between."""
    database = at_revision(BELOW)
    database.execute(*before)
    for step in range(steps):
        (downgrade if step % 2 else upgrade)(database, BELOW if step % 2 else REVISION)
    database.execute(ADD.format("new"))
    assert newest(database) == expected
    database.execute(ADD.format("newer"))
    assert newest(database) == expected + 1


def test_keys_may_still_be_given_and_rows_copied_in(at_revision: Stop) -> None:
    database = at_revision(REVISION)
    database.execute("insert into subjects (id, name) values (7, 'x')")
    with database.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("copy subjects (id, name) from stdin") as copy:
            copy.write_row((8, "y"))
        connection.commit()
    assert database.rows("select id from subjects order by id") == [(7,), (8,)]


@pytest.mark.parametrize("prepare", [False, True], ids=["plain", "prepared"])
def test_inserts_go_on_while_it_runs_both_ways(at_revision: Stop, prepare: bool) -> None:
    """Prepared statements too, which know the old sequence; and nobody gets a number twice."""
    database = at_revision(BELOW)
    faults: list[BaseException] = []
    done = threading.Event()

    def insert(client: int) -> None:
        try:
            with database.connect(autocommit=True) as connection:
                nth = 0
                while not done.is_set():
                    connection.execute("insert into subjects (name) values (%s)", [f"{client} {nth}"], prepare=prepare)
                    nth += 1
                    time.sleep(0.001)
        except psycopg.Error as fault:
            faults.append(fault)

    clients = [threading.Thread(target=insert, args=(n,)) for n in range(4)]
    for each in clients:
        each.start()
    try:
        for _ in range(2):
            upgrade(database, REVISION)
            downgrade(database, BELOW)
    finally:
        done.set()
        for each in clients:
            each.join()
    assert faults == []
