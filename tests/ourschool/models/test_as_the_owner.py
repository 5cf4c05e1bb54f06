"""What keeps books runs as its owner: whoever may write a table needs nothing beside it, and can turn it to nothing."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.ourschool.history.schools import downgrade, upgrade
from tests.support.databases import Database
from tests.support.servers import Server

BELOW = "9ad05485e457"
WRITES = {
    "points, given and taken with the student": (
        "select, insert on point_transactions; select, insert, delete on users",
        (
            "insert into point_transactions (student_id, amount, type, awarded_by) values (2, 5, 'earned', 1)",
            "delete from users where id = 2",
        ),
    ),
    "a setting, whose changes are recorded": (
        "select, insert, update, delete on system_settings",
        (
            "insert into system_settings (key, value, updated_by) values ('k', 'v', 1)",
            "update system_settings set value = 'w'",
            "delete from system_settings",
        ),
    ),
    "a mark, which waits for the test's maximum": (
        "select, insert, update on marks",
        (
            "insert into marks (test_id, student_id, marks, marked_by) values (1, 2, 3, 1)",
            "update marks set max_marks = 1, marks = 4",
        ),
    ),
    "something bought, as it was": (
        "select, insert on shop_redemptions",
        ("insert into shop_redemptions (student_id, item_id, processed_by) values (2, 1, 1)",),
    ),
    "an entry of the audit log, with a name": (
        "select, insert on audit_log",
        ("insert into audit_log (action, entity, actor_id) values ('a', 'users', 1)",),
    ),
}
SCHOOL = (
    "insert into users (id, email, username, hashed_password, first_name, last_name, role) overriding system value"
    " values (1, 'a', 'a', '-', 'A', 'B', 'admin'), (2, 'b', 'b', '-', 'B', 'B', 'student')",
    "insert into tests (title, held_on, max_marks) values ('x', now(), 10)",
    "insert into shop_items (name, cost) values ('x', 3)",
)


@pytest.fixture(scope="module")
def writer(newest: Server) -> Iterator[str]:
    """A role that owns nothing and may do nothing yet."""
    name = f"writer_{uuid.uuid4().hex[:6]}"
    with newest.connect() as admin:
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    yield name
    with newest.connect() as admin:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def as_writer(database: Database, role: str, *statements: str) -> None:
    database.execute(f"set role {role}; " + "; ".join(statements))


@pytest.mark.parametrize("what", WRITES)
def test_a_right_on_the_table_is_all_that_its_writer_needs(at_head: Database, writer: str, what: str) -> None:
    rights, statements = WRITES[what]
    at_head.execute(*SCHOOL, *(f"grant {each} to {writer}" for each in rights.split(";")))
    as_writer(at_head, writer, *statements)


def test_before_the_revision_it_was_not_and_on_the_way_back_it_is_not(at_head: Database, writer: str) -> None:
    rights, statements = WRITES["points, given and taken with the student"]
    at_head.execute(*SCHOOL, *(f"grant {each} to {writer}" for each in rights.split(";")))
    downgrade(at_head, BELOW)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="student_points"):
        as_writer(at_head, writer, statements[0])
    upgrade(at_head, "d870f86ab19d")
    as_writer(at_head, writer, *statements)


@pytest.mark.parametrize("place", ["temporary", "own"])
def test_no_table_of_the_writers_stands_in_for_the_real_one(at_head: Database, writer: str, place: str) -> None:
    at_head.execute(
        *SCHOOL, f"grant select, insert on point_transactions to {writer}",
        f"create schema own authorization {writer}",
    )  # fmt: skip
    make = "create temporary table {}" if place == "temporary" else "create table own.{}"
    as_writer(
        at_head, writer,
        make.format("student_points (student_id bigint unique, balance numeric, updated_at timestamptz)"),
        make.format("users (id integer, first_name text, last_name text)"),
        "set search_path = own, public",
        "create function own.format(text, name) returns text language sql as $$select 'own, pg_temp'$$",
        "create function own.btrim(text) returns text language sql as $$select 'hidden'$$",
        "insert into public.point_transactions (student_id, amount, type, awarded_by) values (2, 5, 'earned', 1)",
    )  # fmt: skip
    assert at_head.value("select balance from public.student_points where student_id = 2") == 5
    assert at_head.value("select awarded_by_name from public.point_transactions") == "A B"


@pytest.mark.parametrize(
    "function", ["keep_balance", "keep_name", "refuse_change", "record_settings_change", "keep_marks_maximum",
                 "keep_item_as_it_was", "keep_awarder_name"],
)  # fmt: skip
def test_nobody_else_may_hang_it_on_a_table_of_theirs(at_head: Database, writer: str, function: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=function):
        as_writer(
            at_head, writer, "create temporary table mine (id integer)",
            f"create trigger t before insert on mine for each row execute function public.{function}()",
        )  # fmt: skip


def test_a_school_in_another_schema_keeps_its_books_there(at_head: Database, writer: str) -> None:
    """Also after the schema was given another name, which no path that was pinned when the function was made knows."""
    at_head.execute(*SCHOOL, "alter schema public rename to school", "create schema public")
    at_head.execute(f"grant usage on schema school to {writer}; grant insert on school.point_transactions to {writer}")
    as_writer(
        at_head, writer,
        "insert into school.point_transactions (student_id, amount, type, awarded_by) values (2, 5, 'earned', 1)",
    )  # fmt: skip
    assert at_head.value("select balance from school.student_points") == 5


def test_the_writers_own_search_path_is_as_it_was(at_head: Database) -> None:
    at_head.execute(*SCHOOL)
    with at_head.connect() as connection:
        connection.execute("set search_path = public, pg_catalog")
        connection.execute("insert into point_transactions (student_id, amount, type) values (2, 5, 'earned')")
        assert connection.execute("show search_path").fetchone() == ("public, pg_catalog",)
