"""The new tables with rows in each: down to where none of them was, and up again, every row and rule is back."""

import psycopg
import pytest

from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import CHAIN, HEAD, HISTORY, at, catalogue, downgrade, heads_at, upgrade
from tests.support.databases import Database

BEFORE = "4ad87c1e95b0"
ROWS = (
    "insert into users (id, email, username, hashed_password, first_name, last_name, role) values "
    "(1, 'a', 'a', '-', 'Ada', 'Admin', 'admin'), (2, 'b', 'b', '-', 'Pia', 'Pupil', 'student')",
    "insert into subjects (id, name) values (1, 'Art')",
    "insert into assignment_templates (id, name, subject_id, created_by) values (1, 'Page 3', 1, 1)",
    "insert into student_assignments (id, template_id, student_id, assigned_date, assigned_by) "
    "values (1, 1, 2, '2025-01-01', 1)",
    "insert into journal_entries (id, student_id, author_id, title, content, entry_date) "
    "values (1, 2, 1, '', '', now())",
    "insert into user_sessions (user_id, token_hash, ip_address) values (1, 'a', '::1')",
    "insert into api_keys (user_id, name, prefix, key_hash, permissions) values (1, 'a', 'p', 'h', '[\"read\"]')",
    "insert into system_settings (key, value, type, updated_by) values ('a', '[1]', 'json', 1)",
    "update system_settings set value = '[2]'",
    "insert into audit_log (actor_id, action, entity, before, after, address) "
    "values (1, 'a', 'users', '{}', '{\"a\": null}', '10.0.0.1')",
    "insert into school_classes (academic_year, code, name, class_teacher_id) values ('2024-2025', '7B', '7B', 1)",
    "insert into student_profiles (student_id, class_id, roll_number, reg_no) values (2, 1, 1, 'R1')",
    "insert into guardianships (guardian_id, student_id, relation, is_primary) values (1, 2, 'aunt', true)",
    "insert into enrollments (student_id, class_id) values (2, 1)",
    "insert into fees (student_id, period, amount_due) values (2, '2025-01-01', 99.90)",
    "insert into payments (fee_id, amount, method, upi_reference, confirmed_by) values (1, 99.90, 'upi', 'U1', 1)",
    "insert into tests (title, class_id, subject_id, held_on, max_marks) values ('T', 1, 1, '2025-01-10', 20)",
    "insert into marks (test_id, student_id, marks) values (1, 2, 19.5)",
    "insert into notifications (title, class_id) values ('x', 1)",
    "insert into notification_reads (notification_id, user_id) values (1, 2)",
    "insert into resources (title, kind, url) values ('Atlas', 'link', 'https://example.org')",
    "insert into point_transactions (student_id, amount, type, awarded_by) "
    "values (2, 10, 'earned', 1), (2, -3, 'spent', null)",
    "insert into shop_items (name, cost) values ('Pencil', 3)",
    "insert into shop_redemptions (student_id, item_id, transaction_id) values (2, 1, 2)",
    "insert into journal_replies (entry_id, author_id, content) values (1, 1, 'well done')",
    "insert into assignment_time_entries (assignment_id, minutes) values (1, 30)",
    "insert into withdrawal_requests (student_id, reason) values (2, 'moving')",
)
TABLES = """
select relname::text
  from pg_class
 where relnamespace = 'public'::regnamespace
   and relkind = 'r'
   and relname not in ('alembic_version', 'migration_journal', 'migration_definitions')
 order by 1
"""


def rows(database: Database) -> dict[object, object]:
    """All rows by column, without what is retired: that was NULL where the row came later, and is the default since."""
    return {
        table: [
            {name: value for name, value in row.items() if not name.startswith("__retired_")}
            for (row,) in database.rows(f"select to_jsonb(t) from {table} t order by id")
            if isinstance(row, dict)
        ]
        for (table,) in database.rows(TABLES)
    }


def test_every_row_and_rule_is_back_after_down_and_up(at_revision: Stop) -> None:
    database = at_revision(HEAD)
    database.execute(*ROWS)
    there, head = rows(database), catalogue(database)
    assert [table for table, found in there.items() if not found] == [
        "attendance_records", "grade_history", "lesson_assignments", "lessons", "student_term_grades", "term_subjects",
        "terms",
    ], "a new table without a row proves nothing"  # fmt: skip

    downgrade(database, BEFORE)
    assert database.value("select count(*) from pg_proc where pronamespace = 'public'::regnamespace") == 0
    assert {table for (table,) in database.rows(TABLES)}.isdisjoint({"fees", "marks", "audit_log", "student_points"})
    upgrade(database, "head")
    here = rows(database)
    for found in (there, here):
        del found["assignment_types"]  # made anew where nobody had changed them, under other keys
    assert database.value("select count(*) from assignment_types") == 9
    assert (here, catalogue(database)) == (there, head)

    database.execute("insert into point_transactions (student_id, amount, type) values (2, 1, 'earned')")
    assert database.rows("select balance from student_points") == [(8,)]
    with pytest.raises(psycopg.errors.RestrictViolation):
        database.execute("delete from audit_log")


def test_at_base_nobody_gets_what_belonged_to_those_before(at_revision: Stop) -> None:
    """What was set aside stays readable, but the keys of its rows belong to other people by then."""
    database = at_revision(HEAD)
    database.execute(*ROWS)
    head = catalogue(database)
    downgrade(database, "base")
    assert at(database) == []
    (payments,) = database.rows("select readable_as::text from retired.things where table_name = 'payments'")[0]
    assert database.rows(f"select upi_reference from retired.{payments}") == [("U1",)]
    upgrade(database, "head")
    assert catalogue(database) == head
    assert {table for table, found in rows(database).items() if found} == {"assignment_types"}, "the nine of ours"
    database.execute(*ROWS)
    downgrade(database, "base")
    upgrade(database, "head")
    assert catalogue(database) == head


def test_a_base_without_rows_leaves_nothing(at_revision: Stop) -> None:
    database = at_revision(HEAD)
    downgrade(database, "base")
    assert database.value("select to_regnamespace('retired') is null") is True


@pytest.mark.promise("E3")
def test_two_branches_part_and_come_together(at_revision: Stop) -> None:
    """Fees alone, exams alone, both: each is a state that a database may be in."""
    merge = next(script for script in HISTORY.walk_revisions() if script.is_merge_point)
    assert merge.branch_labels == {"fees", "exams"}
    parting = next(script for script in HISTORY.walk_revisions() if script.is_branch_point)
    tips = {str(revision): HISTORY.get_revision(str(revision)) for revision in merge.down_revision or ()}
    for tip, script in tips.items():
        database = at_revision(parting.revision)
        before = catalogue(database)
        (label,) = script.branch_labels
        upgrade(database, f"{label}@{tip}")
        assert at(database) == [tip]
        downgrade(database, f"{label}@{parting.revision}")
        assert (at(database), catalogue(database)) == ([parting.revision], before)
    both = CHAIN[CHAIN.index(merge.revision) - 1]
    assert heads_at(both) == sorted(tips)
    database = at_revision(merge.revision)
    shown = database.alembic("branches").stdout
    assert "fees" in shown
    assert "exams" in shown
    assert "(head)" in database.alembic("heads").stdout
