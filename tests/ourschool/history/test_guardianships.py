"""Each parent_id becomes a guardianship; what was added since is there again after down and up."""

import logging

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, catalogue, downgrade, upgrade
from tests.support.databases import Database

REVISION = next(script.revision for script in HISTORY.walk_revisions() if script.doc == "guardianships")
BEFORE = str(HISTORY.get_revision(REVISION).down_revision)
PERSON = """
insert into users (id, email, username, hashed_password, first_name, last_name, role, parent_id)
values ({id}, '{id}', '{id}', '-', '', '', '{role}', {parent})
"""


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(
        *(PERSON.format(id=number, role="admin", parent="null") for number in (1, 2)),
        *(PERSON.format(id=number, role="student", parent=parent)
          for number, parent in ((11, 1), (12, 1), (13, 2), (14, "null"), (15, 15))),
        PERSON.format(id=3, role="admin", parent=2),  # an admin may have a parent too: nothing ever forbade it
    )  # fmt: skip
    return database


def pairs(database: Database) -> list[Row]:
    query = "select guardian_id, student_id, relation, is_primary from guardianships order by student_id, guardian_id"
    return database.rows(query)


FROM_PARENTS = [(2, 3, "parent", True), (1, 11, "parent", True), (1, 12, "parent", True), (2, 13, "parent", True)]


def test_parents_up_down_and_up(before: Database, caplog: pytest.LogCaptureFixture) -> None:
    there = catalogue(before)
    with caplog.at_level(logging.WARNING):
        upgrade(before, REVISION)
    assert pairs(before) == FROM_PARENTS
    assert "1 users are their own parent" in caplog.text
    assert "users 15" in caplog.text
    rows, head = before.rows("select * from guardianships order by id"), catalogue(before)
    downgrade(before, BEFORE)
    assert catalogue(before) == there
    upgrade(before, REVISION)
    assert (before.rows("select * from guardianships order by id"), catalogue(before)) == (rows, head)


def test_what_changed_since_stays_and_new_parents_are_added(before: Database) -> None:
    upgrade(before, REVISION)
    before.execute(
        "update guardianships set is_primary = false, relation = 'mother' where student_id = 11",
        "insert into guardianships (guardian_id, student_id, relation, is_primary) values (2, 11, 'father', true)",
        "insert into guardianships (guardian_id, student_id, relation) values (2, 14, 'aunt')",
    )
    downgrade(before, BEFORE)
    before.execute(
        PERSON.format(id=16, role="student", parent=1),
        "update users set parent_id = 2 where id = 12",
        "update users set parent_id = 1 where id = 14",
    )
    upgrade(before, REVISION)
    assert pairs(before) == [
        (2, 3, "parent", True),
        (1, 11, "mother", False), (2, 11, "father", True),
        (1, 12, "parent", True), (2, 12, "parent", False),
        (2, 13, "parent", True),
        (1, 14, "parent", True), (2, 14, "aunt", False),
        (1, 16, "parent", True),
    ]  # fmt: skip
