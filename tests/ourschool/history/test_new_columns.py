"""Columns that users and journal entries got: what old rows hold, and that values survive down and up."""

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, cut_off, downgrade, upgrade
from tests.support.databases import Database

DOCS = {str(script.doc).splitlines()[0]: script.revision for script in HISTORY.walk_revisions()}
LOCKOUT = DOCS["users are locked out after failed logins"]
PASSWORD = DOCS["users may have to change their password"]
THEME = DOCS["users choose a theme"]
JOURNAL = DOCS["journal entries have a mood tags goals and a win"]
EXTERNAL = DOCS["users have an external id"]

PERSON = """
insert into users (id, email, username, hashed_password, first_name, last_name, role)
values ({id}, '{id}', '{id}', '-', '', '', 'student')
"""
ENTRY = """
insert into journal_entries (id, student_id, author_id, title, content, entry_date{columns})
values ({id}, 1, 1, '', '', now(){values})
"""
FIELDS = "mood, tags::text, goals::text, needs_response, win, points_awarded::text"
CASES = {
    LOCKOUT: (
        "select id, failed_login_attempts, locked_until::text, last_failed_login_at::text from users order by id",
        [(1, 0, None, None), (2, 0, None, None)],
        "update users set failed_login_attempts = 5, locked_until = '2030-01-01', last_failed_login_at = '2029-12-31' "
        "where id = 1",
        (3, 0, None, None),
    ),
    PASSWORD: (
        "select id, must_change_password from users order by id",
        [(1, False), (2, False)],
        "update users set must_change_password = true where id = 1",
        (3, False),
    ),
    THEME: (
        "select id, theme from users order by id",
        [(1, "system"), (2, "system")],
        "update users set theme = 'dark' where id = 1",
        (3, "system"),
    ),
    JOURNAL: (
        f"select id, {FIELDS} from journal_entries order by id",
        [(1, None, "[]", "[]", False, None, "0"), (2, None, "[]", "[]", False, None, "0")],
        "update journal_entries set mood = 'low', tags = '[\"a\"]', goals = '[1]', needs_response = true, win = 'w', "
        "points_awarded = 2.50 where id = 1",
        (3, None, "[]", "[]", False, None, "0"),
    ),
}  # fmt: skip


def below(revision: str) -> str:
    return str(HISTORY.get_revision(revision).down_revision)


def prepare(at_revision: Stop, revision: str) -> Database:
    database = at_revision(below(revision))
    database.execute(*(PERSON.format(id=n) for n in (1, 2)))
    database.execute(*(ENTRY.format(id=n, columns="", values="") for n in (1, 2)))
    return database


@pytest.mark.promise("T9")
@pytest.mark.parametrize("revision", CASES)
def test_old_rows_get_the_defaults_and_values_survive_down_and_up(at_revision: Stop, revision: str) -> None:
    query, old, change, new = CASES[revision]
    database = prepare(at_revision, revision)
    there = catalogue(database)
    upgrade(database, revision)
    assert database.rows(query) == old
    database.execute(change)
    head, values = catalogue(database), database.rows(query)
    downgrade(database, below(revision))
    assert catalogue(database) == there
    database.execute(PERSON.format(id=3), ENTRY.format(id=3, columns="", values=""))
    upgrade(database, revision)
    assert (database.rows(query), catalogue(database)) == ([*values, new], head)


@pytest.mark.parametrize("revision", [*CASES, EXTERNAL])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(at_revision: Stop, revision: str) -> None:
    database = prepare(at_revision, revision)
    there = catalogue(database)
    upgrade(database, revision)
    head = catalogue(database)
    downgrade(database, below(revision))
    cut_off(database, "upgrade", revision)
    upgrade(database, revision)
    assert (at(database), catalogue(database)) == ([revision], head)
    cut_off(database, "downgrade", below(revision))
    downgrade(database, below(revision))
    assert catalogue(database) == there
    upgrade(database, revision)
    assert catalogue(database) == head


def test_everybody_has_an_external_id_and_keeps_it(at_revision: Stop) -> None:
    database = prepare(at_revision, EXTERNAL)

    def ids() -> list[Row]:
        return database.rows("select id, external_id from users order by id")

    database.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "select n, n, n, '-', '', '', 'student' from generate_series(10, 3000) n"
    )
    upgrade(database, EXTERNAL)
    first = ids()
    assert len({external for _, external in first}) == 2993
    database.execute(PERSON.format(id=5000))
    downgrade(database, below(EXTERNAL))
    database.execute(PERSON.format(id=5001))
    upgrade(database, EXTERNAL)
    again = ids()
    assert again[:-2] == first
    assert len({external for _, external in again}) == 2995
