"""The ledger, the audit log and the settings' changes only grow; names outlive those who had them."""

import psycopg
import pytest

from tests.support.databases import Database

ROWS = {
    "point_transactions": "insert into point_transactions (student_id, amount, type, awarded_by) "
                          "values (3, 5, 'earned', 2)",
    "audit_log": "insert into audit_log (actor_id, action, entity) values (2, 'grade.changed', 'student_term_grades')",
    "settings_changes": "insert into settings_changes (setting_key, action, changed_by) values ('a', 'insert', 2)",
}  # fmt: skip
WHO = {"point_transactions": "awarded_by", "audit_log": "actor_id", "settings_changes": "changed_by"}
NAME = {"point_transactions": "awarded_by_name", "audit_log": "actor_name", "settings_changes": "changed_by_name"}
TABLES = pytest.mark.parametrize("table", ROWS)


@TABLES
@pytest.mark.parametrize("change", [
    "update {table} set {who} = null", "update {table} set {who} = 1", "update {table} set id = id",
    "update {table} set {name} = 'Nobody'", "delete from {table}", "truncate {table} cascade",
    "insert into {table} select * from {table} on conflict (id) do update set {name} = excluded.{name}",
])  # fmt: skip
def test_what_is_written_stays_as_it_is(rolled_back: psycopg.Connection, table: str, change: str) -> None:
    rolled_back.execute(ROWS[table].encode())
    with pytest.raises(psycopg.errors.RestrictViolation, match="only grows") as refused:
        rolled_back.execute(change.format(table=table, who=WHO[table], name=NAME[table]).encode())
    assert "ourschool.retiring" in str(refused.value.diag.message_hint)


@TABLES
def test_who_did_it_may_be_deleted_and_the_name_stays(rolled_back: psycopg.Connection, table: str) -> None:
    rolled_back.execute(ROWS[table].encode())
    assert one(rolled_back, f"select {NAME[table]} from {table}") == "Tom Teacher"
    rolled_back.execute("delete from users where id = 2")
    assert one(rolled_back, f"select {NAME[table]} || coalesce({WHO[table]}::text, '') from {table}") == "Tom Teacher"


@TABLES
def test_nothing_else_changes_under_cover_of_a_deleted_user(rolled_back: psycopg.Connection, table: str) -> None:
    """Whoever it was is gone, but that lets nobody edit the rest of the row, or name somebody else."""
    rolled_back.execute(ROWS[table].encode())
    rolled_back.execute("delete from users where id = 2")
    for change in (f"{NAME[table]} = 'Nobody'", f"{WHO[table]} = 1"):
        with pytest.raises(psycopg.errors.RestrictViolation), rolled_back.transaction():
            rolled_back.execute(f"update {table} set {change}".encode())


@TABLES
def test_no_trigger_edits_the_row_while_its_user_is_deleted(rolled_back: psycopg.Connection, table: str) -> None:
    rolled_back.execute(ROWS[table].encode())
    rolled_back.execute(
        f"""
        create function meddle() returns trigger language plpgsql as $$
        begin
            new.{NAME[table]} := 'Nobody';
            return new;
        end $$;
        create trigger a_meddles before update on {table} for each row execute function meddle();
        """.encode()
    )
    with pytest.raises(psycopg.errors.RestrictViolation, match="only grows"):
        rolled_back.execute("delete from users where id = 2")


@TABLES
def test_retiring_is_the_one_way_and_ends_with_its_transaction(school: Database, table: str) -> None:
    school.execute(ROWS[table])
    with school.connect() as connection:
        connection.execute("select set_config('ourschool.retiring', 'on', true)")
        connection.execute(f"delete from {table}".encode())
        connection.commit()
        assert one(connection, f"select count(*) from {table}") == 0
        connection.execute(ROWS[table].encode())
        connection.commit()
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"delete from {table}".encode())


def test_a_pupil_takes_ledger_and_balance_along(rolled_back: psycopg.Connection) -> None:
    for student in (3, 4):
        rolled_back.execute(ROWS["point_transactions"].replace("(3,", f"({student},").encode())
    rolled_back.execute("delete from users where id = 3")
    for table in ("point_transactions", "student_points"):
        assert rolled_back.execute(f"select student_id from {table}".encode()).fetchall() == [(4,)]


def test_one_who_gave_points_to_himself_can_be_deleted_too(rolled_back: psycopg.Connection) -> None:
    rolled_back.execute(
        "insert into point_transactions (student_id, amount, type, awarded_by) values (3, 1, 'earned', 3)"
    )
    rolled_back.execute(
        "insert into point_transactions (student_id, amount, type, awarded_by) values (4, 1, 'earned', 3)"
    )
    rolled_back.execute("delete from users where id = 3")
    assert rolled_back.execute("select student_id, awarded_by, awarded_by_name from point_transactions").fetchall() == [
        (4, None, "Pia Pupil")
    ]


NAMED = [
    ("fees, payments", "confirmed_by",
     ("insert into fees (id, student_id, period, amount_due) values (1, 3, '2025-01-01', 1)",
      "insert into payments (fee_id, amount, method, confirmed_by) values (1, 1, 'cash', 2)")),
    ("tests", "created_by",
     ("insert into tests (title, held_on, max_marks, created_by) values ('x', '2025-01-01', 1, 2)",)),
    ("marks", "marked_by",
     ("insert into tests (id, title, held_on, max_marks) values (1, 'x', '2025-01-01', 1)",
      "insert into marks (test_id, student_id, marks, marked_by) values (1, 3, 1, 2)")),
    ("notifications", "sent_by", ("insert into notifications (title, to_all, sent_by) values ('x', true, 2)",)),
    ("resources", "uploaded_by",
     ("insert into resources (title, kind, url, uploaded_by) values ('x', 'link', 'x', 2)",)),
    ("journal_entries, journal_replies", "author_id",
     ("insert into journal_entries (id, student_id, author_id, title, content, entry_date) "
      "values (1, 3, 1, '', '', now())",
      "insert into journal_replies (entry_id, author_id, content) values (1, 2, 'well done')")),
    ("shop_redemptions", "processed_by",
     ("insert into shop_items (id, name, cost) values (1, 'Pencil', 3)",
      "insert into shop_redemptions (student_id, item_id, processed_by) values (3, 1, 2)")),
    ("withdrawal_requests", "processed_by",
     ("insert into withdrawal_requests (student_id, processed_by) values (3, 2)",)),
    ("system_settings", "updated_by",
     ("insert into system_settings (key, value, updated_by) values ('a', 'b', 2)",)),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "column", "rows"), NAMED, ids=[case[0] for case in NAMED])
def test_names_are_kept_beside_what_becomes_null(
    rolled_back: psycopg.Connection, tables: str, column: str, rows: tuple[str, ...]
) -> None:
    table, name = tables.rpartition(", ")[2], column.removesuffix("_id") + "_name"
    for row in rows:
        rolled_back.execute(row.encode())
    assert one(rolled_back, f"select {name} from {table}") == "Tom Teacher"
    rolled_back.execute(f"update {table} set {column} = 1".encode())
    assert one(rolled_back, f"select {name} from {table}") == "Ada Admin"
    rolled_back.execute(f"update {table} set {column} = 2, {name} = 'T. T.'".encode())
    rolled_back.execute("delete from users where id = 2")
    assert rolled_back.execute(f"select {column}, {name} from {table}".encode()).fetchall() == [(None, "T. T.")]


GRADE = (
    "insert into terms (id, name, start_date, end_date, academic_year, created_by) "
    "values (1, 'x', '2024-09-01', '2025-01-31', '2024-2025', 1)",
    "insert into term_subjects (id, term_id, subject_id) values (1, 1, 1)",
    "insert into student_term_grades (id, student_id, term_subject_id) values (1, 3, 1)",
    "insert into grade_history (student_term_grade_id, field_name, old_value, new_value, changed_by) "
    "values (1, 'final_percentage', '80', '90', 2)",
)


@pytest.mark.parametrize("change", [
    "update grade_history set new_value = '100'", "update grade_history set changed_by = 1",
    "delete from grade_history", "truncate grade_history",
    "insert into grade_history select * from grade_history on conflict (id) do update set new_value = '1'",
])  # fmt: skip
def test_grade_history_stays_as_it_was_written(rolled_back: psycopg.Connection, change: str) -> None:
    for row in GRADE:
        rolled_back.execute(row.encode())
    with pytest.raises(psycopg.errors.RestrictViolation, match="grade_history only grows"), rolled_back.transaction():
        rolled_back.execute(change.encode())
    rolled_back.execute("select set_config('ourschool.retiring', 'on', true)")
    rolled_back.execute("delete from grade_history")


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
