"""`ourschool purge` knows everything that a revision keeps, and the last one leaves no schema `retired`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import catalogue, downgrade, make_existing, upgrade
from tests.support import typed
from tests.support.databases import Database, fresh
from tests.support.servers import Server

LEFT = """
select 'column ' || attname from pg_attribute where starts_with(attname, '__retired_') and not attisdropped
 union all
select 'schema ' || nspname from pg_namespace where nspname in ('retired', 'set_aside')
"""


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[Database]:
    """At head, with what an existing database brought there."""
    with fresh(newest) as made:
        make_existing(made, Size(conflicts=False))
        upgrade(made, "head")
        yield made


@pytest.fixture
def head(template: Database) -> Iterator[Database]:
    with fresh(template.server, template=template.url.database or "") as made:
        yield made


def purge(database: Database, folder: Path, *arguments: str, status: int = 0) -> str:
    done = typed.ourschool(database, "purge", *arguments, status=status, env={"OURSCHOOL_BACKUPS": str(folder)})
    assert typed.too_wide(done.stdout) == []
    return " ".join((done.stdout + done.stderr).split())


def test_everything_that_revisions_keep_is_listed_counted_and_deleted(head: Database, tmp_path: Path) -> None:
    at_head = catalogue(head)
    rows = head.value("select count(*) from retired.terms_mended_fb1733680cf3")
    said = purge(head, tmp_path, "--older-than", "0", "--yes")
    assert f"table retired.terms_mended_fb1733680cf3, {rows} rows, kept on 20" in said
    for kept in (
        "table retired.users_grade_level_3f1c9a7d52e4, ", "table retired.lessons_mended_5b503ac82380, ",
        "table retired.student_assignments_mended_3ed7125a9fc8, ",
        "table retired.lesson_assignments_moved_28bd94ce4cd6, ", "type retired.userrole_1f95c3e8d704, kept on ",
        "type retired.difficultylevel_2f7d60c3be91, kept on ", "rows attendance_records, 18 rows, ",
    ):  # fmt: skip
        assert kept in said
    assert head.rows(LEFT) == []
    assert catalogue(head) == at_head
    assert "Nothing was set aside" in purge(head, tmp_path, "--older-than", "0")

    downgrade(head, "base")
    upgrade(head, "head")
    assert catalogue(head) == at_head


MORE = (
    "create table retired.canteen_mended_3f1c9a7d52e4 (id int, was text)",
    "insert into retired.canteen_mended_3f1c9a7d52e4 values (1, 'x'), (2, 'y')",
    'create table retired."who\'s 100%" (mood retired.userrole_1f95c3e8d704)',
    "create domain retired.old_grade as int",
    "create sequence retired.numbers",
    "create function retired.read_it(text) returns int language sql as 'select 1'",
    "create view retired.seen as select * from retired.canteen_mended_3f1c9a7d52e4",
    "create materialized view retired.counted as select count(*) from retired.seen",
    "create schema set_aside",
    "create table set_aside.api_keys (id serial primary key, secret text)",
    "insert into set_aside.api_keys (secret) values ('a')",
)


def test_whatever_stands_there_is_known_and_goes_in_the_right_order(head: Database, tmp_path: Path) -> None:
    head.execute(*MORE)
    said = purge(head, tmp_path, "--older-than", "0", "--yes")
    assert "table retired.canteen_mended_3f1c9a7d52e4, 2 rows, kept on 20" in said
    assert "by 3f1c9a7d52e4" in said
    assert "table set_aside.api_keys, 1 row, set aside by adopt, nobody knows when" in said
    assert "domain retired.old_grade" in said
    assert "routine retired.read_it(text)" in said
    ((note,),) = head.rows("select note from migration_journal where (direction, outcome) = ('purge', 'done')")
    assert "routine retired.read_it(text)" in str(note)
    assert "; backup " in str(note)
    assert head.rows(LEFT) == []


def test_what_nobody_knows_the_age_of_is_not_old(head: Database, tmp_path: Path) -> None:
    head.execute("create schema set_aside", "create table set_aside.t (id int)", "insert into set_aside.t values (1)")
    head.execute("update retired.things set retired_at = now() - interval '9 years'")
    head.execute("update migration_journal set started_at = now() - interval '9 years' where revision = '3f1c9a7d52e4'")
    said = purge(head, tmp_path, "--yes")
    assert "users_grade_level_3f1c9a7d52e4" in said
    assert "set_aside" not in said
    assert "terms_mended_fb1733680cf3" not in said
    assert head.value("select count(*) from set_aside.t") == 1
    assert head.value("select count(*) > 0 from retired.terms_mended_fb1733680cf3") is True
    assert "2 items" not in said


NEEDED = {
    "a view of the user": (
        "create view public.ours as select role from retired.users_role_1f95c3e8d704", "view ours",
        "users.role: ", "drop view ours",
    ),
    "a view of a kept table": (
        "create view public.ours as select * from retired.lessons_mended_5b503ac82380", "view ours",
        "table retired.lessons_mended_5b503ac82380", "drop view ours",
    ),
    "a column of the user": (
        "create table public.ours (role retired.userrole_1f95c3e8d704)", "column role of table ours",
        "type retired.userrole_1f95c3e8d704", "drop table ours",
    ),
    "a foreign key of the user": (
        "create table public.ours (id int references retired.lesson_assignments_moved_28bd94ce4cd6)",
        "constraint ours_id_fkey on table ours", "table retired.lesson_assignments_moved_28bd94ce4cd6",
        "drop table ours",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NEEDED.values(), ids=NEEDED.keys())
def test_what_something_else_needs_is_refused_and_the_rest_goes(
    head: Database, tmp_path: Path, case: tuple[str, str, str, str]
) -> None:
    made, needs, stays, resolved = case
    head.execute(made)
    said = purge(head, tmp_path, "--older-than", "0", "--yes", status=3)
    assert f"{needs} depends on" in said
    assert stays in said.partition("not deleted:")[2]
    assert head.value("select to_regclass('retired.terms_mended_fb1733680cf3') is null") is True
    head.execute(resolved)
    purge(head, tmp_path, "--older-than", "0", "--yes")
    assert head.rows(LEFT) == []


def test_what_holds_no_rows_is_nothing_to_look_at(head: Database) -> None:
    """As databases have it from before: an empty column in its table, an empty table of a revision."""
    head.execute(
        "update retired.things set rows = 0 where column_name = 'role'",
        "truncate retired.terms_mended_fb1733680cf3",
    )
    said = typed.ourschool(head, "status").stdout
    assert "Health    nothing found" in said
    assert "_mended_" not in said
    with_rows, _, without = typed.ourschool(head, "status", "--retired").stdout.partition("without rows:")
    for name, holds in (("users.role", False), ("terms_mended", False), ("lessons_mended_5b503ac82380", True)):
        assert (name in with_rows, name in without) == (holds, not holds)
