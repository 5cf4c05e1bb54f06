"""Assignment types become rows and difficulty is retired; both come back, with every row and the enum types."""

import logging

import psycopg
import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import HISTORY, Row, at, catalogue, columns, cut_off, downgrade, upgrade
from tests.support.databases import Database

DOCS = {str(script.doc).splitlines()[0]: script.revision for script in HISTORY.walk_revisions()}
TYPES = DOCS["assignment types are rows"]
DIFFICULTY = DOCS["difficulty retired"]
BEFORE = str(HISTORY.get_revision(TYPES).down_revision)

NINE = ["homework", "project", "test", "quiz", "essay", "presentation", "worksheet", "reading", "practice"]
LEVELS = [None, "beginner", "intermediate", "advanced"]
TEMPLATE = (
    "insert into assignment_templates (id, name, subject_id, created_by{columns}) values ({id}, 'x', 1, 1{values})"
)
LESSON = "insert into lessons (id, title, scheduled_date{columns}) values ({id}, 'x', '2025-01-01'{values})"
ENUMS = "select typname::text from pg_type where typtype = 'e' and typnamespace = 'public'::regnamespace"


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "values (1, 'a', 'a', '-', '', '', 'admin')",
        "insert into subjects (id, name) values (1, 'Art')",
        *(TEMPLATE.format(id=n, columns=", assignment_type, difficulty_level",
                          values=f", '{each}', {quoted(LEVELS[n % 4])}") for n, each in enumerate(NINE, 1)),
        TEMPLATE.format(id=10, columns="", values=""),
        *(LESSON.format(id=n, columns=", difficulty_level", values=f", {quoted(each)}")
          for n, each in enumerate(LEVELS, 1)),
    )  # fmt: skip
    return database


def quoted(value: str | None) -> str:
    return "null" if value is None else f"'{value}'"


def typed(database: Database) -> dict[object, object]:
    return columns(database, "select id, assignment_type::text from assignment_templates order by id")


def levels(database: Database) -> list[Row]:
    return database.rows(
        "select 'lesson', id, difficulty_level::text from lessons union all "
        "select 'template', id, difficulty_level::text from assignment_templates order by 1, 2"
    )


def enums(database: Database) -> set[object]:
    return {name for (name,) in database.rows(ENUMS)}


def test_types_up_down_and_up(before: Database) -> None:
    there, rows = catalogue(before), typed(before)
    upgrade(before, TYPES)
    assert typed(before) == rows == dict(enumerate([*NINE, "homework"], 1))
    assert [key for (key,) in before.rows("select key from assignment_types order by id")] == NINE
    assert before.rows("select name, weight::text from assignment_types where key = 'quiz'") == [("Quiz", "1")]
    assert "assignmenttype" not in enums(before)
    head = catalogue(before)
    downgrade(before, BEFORE)
    assert (catalogue(before), typed(before)) == (there, rows)
    upgrade(before, TYPES)
    assert (catalogue(before), typed(before)) == (head, rows)


def test_the_key_is_kept_by_the_database(before: Database) -> None:
    upgrade(before, TYPES)
    before.execute("update assignment_types set key = 'lab', name = 'Lab report', weight = 2.5 where key = 'quiz'")
    assert typed(before)[4] == "lab"
    before.execute(TEMPLATE.format(id=11, columns="", values=""))
    assert typed(before)[11] == "homework"
    for statement, rule in {
        "delete from assignment_types where key = 'lab'": "assignment_templates_assignment_type_fkey",
        "update assignment_templates set assignment_type = 'quiz'": "assignment_templates_assignment_type_fkey",
        "insert into assignment_types (key, name) values ('lab', 'x')": "assignment_types_key_key",
        "insert into assignment_types (key, name) values (' ', 'x')": "assignment_types_key_check",
        "update assignment_types set weight = -1": "assignment_types_weight_check",
        "update assignment_types set weight = 'NaN'": "assignment_types_weight_check",
    }.items():
        with pytest.raises(psycopg.errors.IntegrityError) as refused:
            before.execute(statement)
        assert refused.value.diag.constraint_name == rule


def test_types_of_the_school_s_own_outlive_the_way_back(before: Database, caplog: pytest.LogCaptureFixture) -> None:
    upgrade(before, TYPES)
    before.execute(
        "insert into assignment_types (key, name, weight) values ('lab', 'Lab report', 2), ('field trip', 'Trip', 0)",
        "update assignment_templates set assignment_type = 'lab' where id in (1, 2)",
        "update assignment_templates set assignment_type = 'field trip' where id = 3",
        "update assignment_templates set assignment_type = 'homework' where id in (8, 9)",
        "delete from assignment_types where key in ('reading', 'practice')",
    )
    rows, kinds = typed(before), before.rows("table assignment_types order by id")
    with caplog.at_level(logging.WARNING):
        downgrade(before, BEFORE)
    assert "3 templates have a type that only rows can name" in caplog.text
    assert "1 'lab', 2 'lab', 3 'field trip'" in caplog.text
    assert typed(before) == rows | {1: "homework", 2: "homework", 3: "homework"}
    before.execute(
        "update assignment_templates set assignment_type = 'essay' where id = 2",
        TEMPLATE.format(id=12, columns=", assignment_type", values=", 'reading'"),
    )
    upgrade(before, TYPES)
    assert typed(before) == rows | {2: "essay", 12: "reading"}
    again = before.rows("table assignment_types order by id")
    assert again[:-1] == kinds
    assert again[-1][1:3] == ("reading", "Reading"), "a template has it again"


def test_difficulty_up_down_and_up(before: Database) -> None:
    upgrade(before, TYPES)
    there, rows = catalogue(before), levels(before)
    upgrade(before, DIFFICULTY)
    assert enums(before).isdisjoint({"assignmenttype", "difficultylevel"})
    assert columns(before, f"select id, difficulty_level::text from retired.lessons_difficulty_level_{DIFFICULTY}") == {
        1: None, 2: "beginner", 3: "intermediate", 4: "advanced",
    }  # fmt: skip
    head = catalogue(before)
    before.execute(LESSON.format(id=9, columns="", values=""))
    downgrade(before, TYPES)
    assert catalogue(before) == there
    assert [row for row in levels(before) if row[1:] != (9, None)] == [row for row in rows if row[1:] != (9, None)]
    upgrade(before, DIFFICULTY)
    assert catalogue(before) == head
    downgrade(before, TYPES)
    assert len(levels(before)) == len(rows) + 1


@pytest.mark.parametrize(("revision", "below"), [(TYPES, BEFORE), (DIFFICULTY, TYPES)], ids=["types", "difficulty"])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(
    before: Database, revision: str, below: str
) -> None:
    upgrade(before, below)
    there, rows = catalogue(before), (typed(before), levels(before))
    upgrade(before, revision)
    head = catalogue(before)
    downgrade(before, below)
    cut_off(before, "upgrade", revision)
    upgrade(before, revision)
    assert (at(before), catalogue(before)) == ([revision], head)
    cut_off(before, "downgrade", below)
    downgrade(before, below)
    assert (at(before), catalogue(before), (typed(before), levels(before))) == ([below], there, rows)


def test_both_ways_on_each_server_to_base(database: Database) -> None:
    upgrade(database, DIFFICULTY)
    downgrade(database, "base")
    assert database.rows(ENUMS) == []
    upgrade(database, DIFFICULTY)
    assert "difficultylevel" not in enums(database)
