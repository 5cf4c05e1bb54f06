"""A lesson lists a template once, and a template's own lesson is such a row; both ways back give what was there."""

import logging

import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.support.databases import Database

OWN = next(script.revision for script in HISTORY.walk_revisions() if script.doc.startswith("the own lesson"))
ONCE = str(HISTORY.get_revision(OWN).down_revision)
BEFORE = str(HISTORY.get_revision(ONCE).down_revision)

TEMPLATE = (
    "insert into assignment_templates (id, name, subject_id, created_by{columns}) values ({id}, 'x', 1, 1{values})"
)
LISTED = """
insert into lesson_assignments (id, lesson_id, assignment_template_id, order_in_lesson, custom_instructions)
values ({id}, {lesson}, {template}, {order}, '{text}')
"""
# template: own lesson, own order
TEMPLATES = {1: ("1", 4), 2: ("1", 5), 3: ("2", 6), 4: ("null", 7), 5: ("3", 0)}
# row: lesson, template, order, instructions
ROWS = {
    1: (1, 1, 4, "own, same order"), 2: (1, 2, 9, "own, another order"), 3: (3, 3, 1, "not its own"),
    4: (3, 4, 2, "twice, first"), 5: (3, 4, 3, "twice, second"), 6: (3, 4, 3, "three times"),
}  # fmt: skip


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "values (1, 'a', 'a', '-', '', '', 'admin')",
        "insert into subjects (id, name) values (1, 'Art')",
        *(f"insert into lessons (id, title, scheduled_date) values ({n}, 'x', '2025-01-01')" for n in (1, 2, 3)),
        *(TEMPLATE.format(id=number, columns=", lesson_id, order_in_lesson", values=f", {lesson}, {order}")
          for number, (lesson, order) in TEMPLATES.items()),
        *(LISTED.format(id=number, lesson=row[0], template=row[1], order=row[2], text=row[3])
          for number, row in ROWS.items()),
        "select setval('lesson_assignments_id_seq', 6), setval('assignment_templates_id_seq', 5)",
    )  # fmt: skip
    return database


def listed(database: Database) -> list[Row]:
    return database.rows(
        "select lesson_id, assignment_template_id, order_in_lesson, coalesce(custom_instructions, '-') "
        "from lesson_assignments order by id"
    )


def own(database: Database) -> list[Row]:
    return database.rows("select id, lesson_id, order_in_lesson from assignment_templates order by id")


def everything(database: Database) -> tuple[object, ...]:
    return database.rows("select * from lesson_assignments order by id"), catalogue(database)


def test_repeated_rows_up_down_and_up(before: Database) -> None:
    there = everything(before)
    upgrade(before, ONCE)
    assert listed(before) == [ROWS[1], ROWS[2], ROWS[3], ROWS[6]]
    kept = (
        "select lesson_id, assignment_template_id, order_in_lesson, custom_instructions "
        f"from retired.lesson_assignments_rows_{ONCE} order by id"
    )
    assert before.rows(kept) == [ROWS[4], ROWS[5]]
    head = everything(before)
    downgrade(before, BEFORE)
    assert everything(before) == there
    upgrade(before, ONCE)
    assert everything(before) == head


def test_own_lessons_up_down_and_up(before: Database, caplog: pytest.LogCaptureFixture) -> None:
    upgrade(before, ONCE)
    there, owned = everything(before), own(before)
    with caplog.at_level(logging.WARNING):
        upgrade(before, OWN)
    assert listed(before) == [ROWS[1], ROWS[2], ROWS[3], ROWS[6], (2, 3, 6, "-"), (3, 5, 0, "-")]
    assert "1 templates were listed in their own lesson with another order" in caplog.text
    assert "2 in lesson 1: 9, not 5" in caplog.text
    assert columns(before, f"select id, order_in_lesson from retired.assignment_templates_order_in_lesson_{OWN}") == {
        number: order for number, (_, order) in TEMPLATES.items()
    }
    head = everything(before)
    downgrade(before, ONCE)
    assert (everything(before), own(before)) == (there, owned)
    upgrade(before, OWN)
    assert everything(before) == head
    downgrade(before, ONCE)
    assert (everything(before), own(before)) == (there, owned)


def test_the_template_follows_what_was_changed_at_head(before: Database) -> None:
    upgrade(before, OWN)
    before.execute(
        "update lesson_assignments set order_in_lesson = 60, custom_instructions = 'new' "
        "where assignment_template_id = 3 and lesson_id = 2",
        "delete from lesson_assignments where assignment_template_id = 5",
        "update lesson_assignments set order_in_lesson = 90 where assignment_template_id = 2",
        TEMPLATE.format(id=6, columns="", values=""),
        LISTED.format(id=50, lesson=2, template=6, order=1, text="listed at head"),
    )
    head = listed(before)
    downgrade(before, ONCE)
    assert own(before) == [(1, 1, 4), (2, 1, 5), (3, 2, 60), (4, None, 7), (5, None, 0), (6, None, 0)]
    assert (2, 6, 1, "listed at head") in listed(before)
    assert (2, 3, 60, "new") not in listed(before)
    upgrade(before, OWN)
    assert sorted(map(str, listed(before))) == sorted(map(str, head))


def test_others_with_the_same_keys_are_not_taken_for_what_was_moved(before: Database) -> None:
    """Emptied and filled anew while down: rows of the same lesson and template, but nobody moved them."""
    upgrade(before, OWN)
    downgrade(before, ONCE)
    before.execute(
        "delete from lesson_assignments",
        "update assignment_templates set lesson_id = null",
        LISTED.format(id=7, lesson=2, template=3, order=1, text="listed"),
    )
    upgrade(before, OWN)
    downgrade(before, ONCE)
    assert (2, 3, 1, "listed") in listed(before)


@pytest.mark.parametrize(("revision", "below"), [(ONCE, BEFORE), (OWN, ONCE)], ids=["once", "own"])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(
    before: Database, revision: str, below: str
) -> None:
    upgrade(before, below)
    there, owned = everything(before), own(before)
    upgrade(before, revision)
    head = everything(before)
    downgrade(before, below)
    cut_off(before, "upgrade", revision)
    upgrade(before, revision)
    assert (at(before), everything(before)) == ([revision], head)
    cut_off(before, "downgrade", below)
    downgrade(before, below)
    assert (at(before), everything(before), own(before)) == ([below], there, owned)
    upgrade(before, revision)
    assert everything(before) == head
