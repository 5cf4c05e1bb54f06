"""Emails, usernames and subjects alike but for case, several active terms: refused by name, resolved as the guide says.

Users who are deleted leave their names free, there and back.
"""

import re

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.support.databases import ROOT, Database

DOCS = {str(script.doc).splitlines()[0]: script.revision for script in HISTORY.walk_revisions()}
USERS = DOCS["emails and usernames are unique whatever their case"]
SUBJECTS = DOCS["subjects are unique whatever their case"]
TERMS = DOCS["one term is active"]
BEFORE = str(HISTORY.get_revision(USERS).down_revision)

PERSON = """
insert into users (id, email, username, hashed_password, first_name, last_name, role{columns})
values ({id}, '{email}', '{username}', '-', '', '', 'admin'{values})
"""
TERM = """
insert into terms (id, name, start_date, end_date, academic_year, created_by{columns})
values ({id}, 'x', current_date + {start}, current_date + {end}, '2024-2025', 1{values})
"""
ALIKE = [
    (1, "anna@x", "anna"), (2, "Anna@x", "Bo"), (3, "ben@x", "BO"), (4, "ANNA@X", "bO"), (5, "no mailbox", "carl"),
    (6, "NO MAILBOX", "CARL"), (7, "\u00e9lodie@x", "\u00e9lodie"), (8, "other@x", "other"),
]  # fmt: skip


def documented() -> str:
    """The statements of docs/operator.md."""
    section = (ROOT / "docs" / "operator.md").read_text("utf-8").split("### Same name in other case")[1]
    found = re.search(r"<<'SQL'\n(.*?)\nSQL\n", section, flags=re.DOTALL)
    assert found is not None
    return found[1]


def everything(database: Database, table: str) -> tuple[object, ...]:
    return at(database), database.rows(f"select * from {table} order by id"), catalogue(database)


def people(database: Database) -> list[Row]:
    return database.rows("select id, email, username, is_active from users order by id")


@pytest.mark.parametrize("plain", [True, False], ids=["upgrade", "as SQL"])
def test_users_alike_are_named_and_nothing_is_changed(at_revision: Stop, plain: bool) -> None:
    database = at_revision(BEFORE)
    database.execute(*(PERSON.format(id=i, email=e, username=u, columns="", values="") for i, e, u in ALIKE))
    there = everything(database, "users")
    if plain:
        said = database.alembic("upgrade", "head", status=4).stderr
        assert "by email users 1 = 2 = 4; 5 = 6, by username users 2 = 3 = 4; 5 = 6" in said
        assert "MIGRATIONS.md, “Alike but for case”" in said
    else:
        script = database.alembic("upgrade", f"{BEFORE}:{USERS}", "--sql").stdout
        with pytest.raises(AssertionError, match="by email users 1 = 2 = 4; 5 = 6"):
            database.psql(stdin=script)
    assert everything(database, "users") == there

    database.psql(stdin=documented())
    assert people(database) == [
        (1, "anna@x", "anna", True), (2, "Anna+2@x", "Bo", True), (3, "ben@x", "BO-3", True),
        (4, "ANNA+4@X", "bO-4", True), (5, "no mailbox", "carl", True), (6, "NO MAILBOX+6", "CARL-6", True),
        (7, "\u00e9lodie@x", "\u00e9lodie", True), (8, "other@x", "other", True),
    ]  # fmt: skip
    upgrade(database, "head")


def test_names_alone_may_be_alike(at_revision: Stop) -> None:
    database = at_revision(BEFORE)
    for i, email, username in ((1, "a", "b"), (2, "b", "a"), (3, "A b", "B a")):
        database.execute(PERSON.format(id=i, email=email, username=username, columns="", values=""))
    upgrade(database, USERS)
    assert len(people(database)) == 3


def test_subjects_alike_are_named_and_nothing_is_changed(at_revision: Stop) -> None:
    database = at_revision(USERS)
    for number, name in enumerate(("Art", "ART", "art", "art ", "Music"), 1):
        database.execute(f"insert into subjects (id, name) values ({number}, '{name}')")
    there = everything(database, "subjects")
    said = database.alembic("upgrade", "head", status=4).stderr
    assert "subjects cannot be told apart but for case: subjects 1 = 2 = 3" in said
    assert everything(database, "subjects") == there
    database.psql(stdin=documented())
    assert columns(database, "select id, name from subjects") == {
        1: "Art", 2: "ART (2)", 3: "art (3)", 4: "art ", 5: "Music",
    }  # fmt: skip
    upgrade(database, "head")


@pytest.mark.parametrize(("starts", "stays"), [((-400, -10, 30), 2), ((-400, -200, 30), 3)], ids=["today", "newest"])
def test_active_terms_are_named_and_nothing_is_changed(at_revision: Stop, starts: tuple[int, ...], stays: int) -> None:
    database = at_revision(SUBJECTS)
    database.execute(PERSON.format(id=1, email="a", username="a", columns="", values=""))
    for number, start in enumerate(starts, 1):
        database.execute(TERM.format(id=number, start=start, end=start + 60, columns="", values=""))
    database.execute(TERM.format(id=9, start=0, end=60, columns=", is_active", values=", false"))
    there = everything(database, "terms")
    said = database.alembic("upgrade", "head", status=4).stderr
    assert re.search(r"more than one term is active: terms 1 \(.*2 \(.*3 \(", said)
    assert everything(database, "terms") == there
    database.psql(stdin=documented())
    assert database.rows("select id from terms where is_active") == [(stays,)]
    upgrade(database, "head")
    database.execute(TERM.format(id=10, start=0, end=60, columns="", values=""))
    assert database.rows("select id from terms where is_active") == [(stays,)], "a new one waits"


@pytest.mark.parametrize("revision", [USERS, SUBJECTS, TERMS])
def test_up_down_and_up_and_cut_off_just_before_its_record(at_revision: Stop, revision: str) -> None:
    below = str(HISTORY.get_revision(revision).down_revision)
    database = at_revision(below)
    there = catalogue(database)
    upgrade(database, revision)
    head = catalogue(database)
    downgrade(database, below)
    cut_off(database, "upgrade", revision)
    upgrade(database, revision)
    assert catalogue(database) == head
    cut_off(database, "downgrade", below)
    downgrade(database, below)
    assert (catalogue(database), at(database)) == (there, [below])
    upgrade(database, revision)
    assert catalogue(database) == head


def test_who_is_deleted_stays_so_there_and_back(at_revision: Stop) -> None:
    """1 is alive; 2 and 3 were deleted and 1 has their names now; 4 was deleted alone; 5 was deleted, inactive."""
    database = at_revision(USERS)
    gone = {"columns": ", deleted_at, is_active"}
    database.execute(
        PERSON.format(id=2, email="anna@x", username="anna", **gone, values=", '2025-01-01', true"),
        PERSON.format(id=3, email="ANNA@x", username="Anna", **gone, values=", '2025-01-02', true"),
        PERSON.format(id=1, email="Anna@x", username="ANNA", columns="", values=""),
        PERSON.format(id=4, email="four@x", username="four", **gone, values=", '2025-01-03', true"),
        PERSON.format(id=5, email="five@x", username="five", **gone, values=", '2025-01-04', false"),
        PERSON.format(id=6, email="six@x", username="six", **gone, values=", '2025-01-05', true"),
    )
    deleted = "select id, deleted_at::text from users order by id"
    there, days, head = people(database), database.rows(deleted), catalogue(database)
    downgrade(database, BEFORE)
    assert people(database) == [
        (1, "Anna@x", "ANNA", True), (2, "anna@x#2", "anna#2", False), (3, "ANNA@x#3", "Anna#3", False),
        (4, "four@x", "four", False), (5, "five@x", "five", False), (6, "six@x", "six", False),
    ]  # fmt: skip
    upgrade(database, USERS)
    assert (people(database), database.rows(deleted), catalogue(database)) == (there, days, head)
    assert database.value(f"select to_regclass('retired.users_deleted_{USERS}') is null")

    downgrade(database, BEFORE)
    database.execute(
        "update users set is_active = true where id in (3, 4)", "update users set email = 'new@x' where id = 6"
    )
    upgrade(database, USERS)
    assert people(database) == [
        (1, "Anna@x", "ANNA", True), (2, "anna@x", "anna", True), (3, "ANNA@x#3", "Anna#3", True),
        (4, "four@x", "four", True), (5, "five@x", "five", False), (6, "new@x", "six", True),
    ]  # fmt: skip
    assert [number for number, day in database.rows(deleted) if day is None] == [1, 3, 4], "who is active did not leave"
    assert columns(database, f"select user_id, email from retired.users_deleted_{USERS}") == {
        3: "ANNA@x", 4: "four@x", 6: "six@x",
    }  # fmt: skip
    downgrade(database, BEFORE)
    upgrade(database, USERS)
    assert len(people(database)) == 6
