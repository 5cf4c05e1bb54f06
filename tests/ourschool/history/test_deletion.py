"""Who did something may leave and their name stays; orphans are set aside; each foreign key says what goes along."""

import logging

import psycopg
import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, at, catalogue, cut_off, downgrade, upgrade
from tests.ourschool.history.small import PERSON, SCHOOL, contents
from tests.support.databases import Database

NAMES, ORPHANS, POLICY = "9c2f7be1a846", "4b8e60d915fa", "e5308fd2c761"
BEFORE = CHAIN[CHAIN.index(NAMES) - 1]
STAND_IN = f"deleted-{NAMES}"

KEYS = """
select conrelid::regclass::text || '.' || attname, confdeltype::text, convalidated
  from pg_constraint
  join pg_attribute on attrelid = conrelid and attnum = conkey[1]
 where contype = 'f' and conrelid::regclass::text not like '%.%'
"""
NAMED = """
select 'terms', created_by, created_by_name from terms where id = 1
union all select 'assignment_templates', created_by, created_by_name from assignment_templates where id = 1
union all select 'assigned', assigned_by, assigned_by_name from student_assignments where id = 1
union all select 'graded', graded_by, graded_by_name from student_assignments where id = 1
union all select 'finalized', finalized_by, finalized_by_name from student_term_grades where id = 1
union all select 'history', changed_by, changed_by_name from grade_history where id = 1
union all select 'journal', author_id, author_name from journal_entries where id = 1
"""


@pytest.fixture
def before(at_revision: Stop) -> Database:
    database = at_revision(BEFORE)
    database.execute(*SCHOOL)
    return database


def named(database: Database) -> dict[object, tuple[object, ...]]:
    return {what: rest for what, *rest_ in database.rows(NAMED) for rest in (tuple(rest_),)}


def all_named(key: int | None = 2, name: str = "Tom Name") -> dict[object, tuple[object, ...]]:
    found: dict[object, tuple[object, ...]] = dict.fromkeys(
        ("terms", "assignment_templates", "assigned", "finalized", "history", "journal"), (key, name)
    )
    return found | {"graded": (1, "Ada Name")}


def test_each_step_up_down_and_up(before: Database) -> None:
    stops = {BEFORE: (catalogue(before), contents(before))}
    for revision in (NAMES, ORPHANS, POLICY):
        upgrade(before, revision)
        stops[revision] = (catalogue(before), contents(before))
    assert named(before) == all_named()
    for revision in (ORPHANS, NAMES, BEFORE):
        downgrade(before, revision)
        assert (catalogue(before), contents(before)) == stops[revision]
    for revision in (NAMES, ORPHANS, POLICY):
        upgrade(before, revision)
        assert (catalogue(before), contents(before)) == stops[revision]


def test_every_key_says_what_a_deletion_does(before: Database) -> None:
    upgrade(before, POLICY)
    keys = {name: (action, valid) for name, action, valid in before.rows(KEYS)}
    assert {valid for _, valid in keys.values()} == {True}
    assert {name for name, (action, _) in keys.items() if action == "c"} == {
        "attendance_records.student_id", "student_assignments.student_id", "student_term_grades.student_id",
        "journal_entries.student_id", "grade_history.student_term_grade_id",
    }  # fmt: skip
    assert {name for name, (action, _) in keys.items() if action == "n"} == {
        "users.parent_id", "terms.created_by", "assignment_templates.created_by", "student_assignments.assigned_by",
        "student_assignments.graded_by", "student_term_grades.finalized_by", "grade_history.changed_by",
        "grade_history.assignment_id", "journal_entries.author_id",
    }  # fmt: skip
    assert {action for action, _ in keys.values()} == {"c", "n", "r"}


def test_a_teacher_leaves_and_the_names_stay_there_and_back_and_there(before: Database) -> None:
    upgrade(before, POLICY)
    before.execute("delete from users where id = 2")
    assert named(before) == all_named(None)
    assert before.rows("select parent_id from users where id = 3") == [(None,)]
    rows = contents(before)

    downgrade(before, BEFORE)
    stands_in = before.rows(
        f"select role::text, is_active, hashed_password from users where username = '{STAND_IN}' and id in "
        "(select created_by from terms intersect select author_id from journal_entries)"
    )
    assert stands_in == [("admin", False, "!")]

    upgrade(before, POLICY)
    assert contents(before) == rows
    assert before.rows(f"select id from users where username = '{STAND_IN}'") == []


def test_a_stand_in_who_is_needed_stays(before: Database) -> None:
    upgrade(before, POLICY)
    before.execute("delete from users where id = 2")
    downgrade(before, BEFORE)
    before.execute(f"update users set parent_id = (select id from users where username = '{STAND_IN}') where id = 4")
    upgrade(before, POLICY)
    assert before.value(f"select count(*) from users where username = '{STAND_IN}'") == 1
    assert named(before) == all_named(None)


def test_a_pupil_goes_with_all_that_is_theirs_and_what_others_need_does_not_go(before: Database) -> None:
    upgrade(before, POLICY)
    for statement in (
        "delete from terms", "delete from subjects", "delete from lessons", "delete from assignment_templates",
        "delete from term_subjects",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation if before.server.major >= 18
                           else psycopg.errors.ForeignKeyViolation):  # fmt: skip
            before.execute(statement)
    before.execute("delete from users where id = 3")
    for table in ("student_assignments", "student_term_grades", "grade_history", "journal_entries",
                  "attendance_records"):  # fmt: skip
        assert before.value(f"select count(*) from {table}") == 0, table
    assert before.value("select count(*) from assignment_templates") == 1


# what damage does: all keys off, rows taken away, some keys put back without looking
DAMAGE = (
    "alter table student_assignments drop constraint student_assignments_student_id_fkey, "
    "drop constraint student_assignments_graded_by_fkey, drop constraint student_assignments_assigned_by_fkey",
    "alter table grade_history drop constraint grade_history_changed_by_fkey, "
    "drop constraint grade_history_student_term_grade_id_fkey, drop constraint grade_history_assignment_id_fkey",
    "alter table student_term_grades drop constraint student_term_grades_term_subject_id_fkey",
    "alter table term_subjects drop constraint term_subjects_term_id_fkey",
    "alter table attendance_records drop constraint attendance_records_student_id_fkey",
    "alter table users drop constraint users_parent_id_fkey",
    PERSON.format(id=7, first="Gone", role="student", parent="null"),
    "insert into terms (id, name, start_date, end_date, academic_year, created_by) "
    "values (9, 'gone', '2024-09-01', '2025-01-31', '2024-2025', 1)",
    "insert into term_subjects (id, term_id, subject_id) values (9, 9, 1)",
    "insert into student_term_grades (id, student_id, term_subject_id) values (9, 4, 9)",
    "insert into grade_history (id, student_term_grade_id, field_name, changed_by, assignment_id) "
    "values (8, 9, 'of an orphan', 2, null), (9, 1, 'about an orphan', 1, 9), (10, 1, 'by nobody', 99, 98), "
    "(11, 97, 'of nothing', 1, null)",
    "insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by, graded_by) "
    "values (9, 1, 7, '2025-01-01', 2, 1), (10, 1, 4, '2025-01-01', 77, 78)",
    "insert into attendance_records (id, student_id, date, status) values (9, 7, '2025-01-01', 'present')",
    "update users set parent_id = 76 where id = 4",
    "delete from users where id = 7",
    "delete from terms where id = 9",
    "alter table grade_history add constraint grade_history_changed_by_fkey foreign key (changed_by) "
    "references users not valid",
    "alter table student_assignments add constraint student_assignments_student_id_fkey foreign key (student_id) "
    "references users not valid",
)


def test_orphans_are_set_aside_and_named_and_the_keys_are_whole_again(
    before: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before.execute(*DAMAGE)
    with caplog.at_level(logging.WARNING):
        upgrade(before, POLICY)
    assert before.rows("select id from student_assignments order by 1") == [(1,), (10,)]
    assert before.rows("select assigned_by, graded_by from student_assignments where id = 10") == [(None, None)]
    assert before.rows("select id, changed_by, assignment_id from grade_history order by 1") == [
        (1, 2, 1), (9, 1, None), (10, None, None)
    ]  # fmt: skip
    assert before.rows("select id from student_term_grades union all select id from term_subjects") == [(1,), (1,)]
    assert before.rows("select id from attendance_records") == [(1,)]
    for table, ids in {
        "student_assignments": [9], "grade_history": [8, 11], "student_term_grades": [9], "term_subjects": [9],
        "attendance_records": [9],
    }.items():  # fmt: skip
        kept = before.rows(f"select id from retired.{table}_rows_{ORPHANS} order by 1")
        assert kept == [(number,) for number in ids], table
    assert before.rows(f"select table_name, column_name, row_id, key from retired.dangling_keys_{ORPHANS} "
                       "order by 1, 2, 3") == [
        ("grade_history", "assignment_id", 9, 9), ("grade_history", "assignment_id", 10, 98),
        ("grade_history", "changed_by", 10, 99), ("student_assignments", "assigned_by", 10, 77),
        ("student_assignments", "graded_by", 10, 78), ("users", "parent_id", 4, 76),
    ]  # fmt: skip
    assert "grade_history.assignment_id: 2 rows pointed to nothing" in caplog.text
    assert {valid for _, _, valid in before.rows(KEYS)} == {True}

    downgrade(before, BEFORE)
    assert {action for _, action, _ in before.rows(KEYS)} == {"a", "c"}
    assert before.value(f"select count(*) from retired.grade_history_rows_{ORPHANS}") == 2
    upgrade(before, POLICY)
    assert before.rows("select id, changed_by, assignment_id from grade_history order by 1") == [
        (1, 2, 1), (9, 1, None), (10, None, None)
    ]  # fmt: skip


def test_who_is_there_again_gets_back_what_was_set_aside(before: Database) -> None:
    before.execute(*DAMAGE)
    upgrade(before, POLICY)
    before.execute(PERSON.format(id=7, first="Gone", role="student", parent="null"),
                   PERSON.format(id=76, first="Mum", role="admin", parent="null"))  # fmt: skip
    downgrade(before, BEFORE)
    assert before.rows("select student_id from student_assignments where id = 9") == [(7,)]
    assert before.rows("select student_id from attendance_records where id = 9") == [(7,)]
    assert before.rows("select parent_id from users where id = 4") == [(76,)]


@pytest.mark.parametrize("revision", [NAMES, ORPHANS, POLICY])
def test_a_run_that_was_cut_off_just_before_its_record_is_simply_run_again(before: Database, revision: str) -> None:
    below = CHAIN[CHAIN.index(revision) - 1]
    upgrade(before, below)
    there = catalogue(before), contents(before)
    upgrade(before, revision)
    head = catalogue(before), contents(before)
    downgrade(before, below)
    cut_off(before, "upgrade", revision)
    upgrade(before, revision)
    assert (at(before), catalogue(before), contents(before)) == ([revision], *head)
    cut_off(before, "downgrade", below)
    downgrade(before, below)
    assert (catalogue(before), contents(before)) == there


@pytest.mark.parametrize("cut", ["not valid", "beside", "no key at all"])
def test_a_swap_that_was_cut_off_goes_on(before: Database, cut: str) -> None:
    upgrade(before, POLICY)
    head = catalogue(before)
    downgrade(before, ORPHANS)
    name = "journal_entries_author_id_fkey"
    body = "foreign key (author_id) references users (id) on delete set null"
    if cut == "no key at all":
        before.execute(f"alter table journal_entries drop constraint {name}")
    else:
        valid = "not valid" if cut == "not valid" else ""
        before.execute(f"alter table journal_entries add constraint {name}_{POLICY} {body} {valid}")
    upgrade(before, POLICY)
    assert catalogue(before) == head
