"""What the operations of a revision would refuse is asked of all of them before the first one changes anything."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from surefoot.environment.precheck.row_preserving_sql import preserves_rows
from surefoot.errors import RefusedError, SurefootError
from tests.support.databases import Database
from tests.surefoot.online.harness import MARKS, catalogue, empty, write

FIRST = 'op.create_index_online("ix_marks_note", "marks", ["note"])'
REFUSED = {
    "a check": 'op.add_check_online("c", "marks", "points < 50")',
    "a foreign key": 'op.add_foreign_key_online("k", "marks", "pupils", ["points_id"], ["id"])',
    "a unique constraint": 'op.add_unique_online("u", "marks", ["pupil_id"])',
    "a unique index": 'op.create_index_online("i", "marks", [sa.text("lower(name)")], unique=True)',
    "NOT NULL": 'op.set_not_null_online("marks", "note")',
    "a type": 'op.change_types_online("marks", {"subject": ("integer", "subject::integer", "subject::text")})',
    "an enum type to come": (
        'op.create_enum("Kind", ["A", "it\'s"])\n'
        'op.change_types_online("marks", {"name": (sa.Enum("A", "it\'s", name="Kind"), '
        '\'name::"Kind"\', "name::text")})'
    ),
    "a check of the type to come": (
        'op.change_types_online("marks", {"points": ("integer", "points * 2", "points / 2")})\n'
        'op.add_check_online("c", "marks", "points < 150")'
    ),
    "NOT NULL of the type to come": (
        'op.change_types_online("marks", {"subject": ("text", "nullif(subject, \'Subject 7\')", "subject")})\n'
        'op.set_not_null_online("marks", "subject")'
    ),
    "NOT NULL behind a column that is dropped": 'op.drop_column("marks", "name", if_exists=True)\n'
    'op.set_not_null_online("marks", "note")',
    "a check behind a table that is dropped": 'op.drop_table("notes", if_exists=True)\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "a check behind a table that is renamed": 'op.rename_table("notes", "papers")\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "an index of a table with a child": 'op.create_index_online("i", "kin", ["id"])',
    "an index of a child that goes": 'op.drop_index_online("kin_pkey", "kin")',
    "a constraint of a table with a child": 'op.drop_constraint_online("kin_check", "kin")',
    "a backfill of a table with a child": 'op.backfill("kin", {"note": "\'x\'"}, "note is null")',
    "NULL in a table with a child": 'op.drop_not_null_online("kin", "name")',
    "a column that a view needs": 'op.retire_column("marks", "points")',
    "a table that a view needs": 'op.retire_table("marks")',
    "a table that a view needs, after another": 'op.retire_table("notes")\nop.retire_table("marks")',
    "a table that another one's policy needs": 'op.retire_table("pupils")',
    "rows that others point to": 'op.retire_rows("pupils", "id = 1")',
    "rows that others point to, beside columns that change": (
        'op.add_column("pupils", sa.Column("more", sa.Integer), if_not_exists=True)\n'
        'op.backfill("pupils", {"name": "lower(name)"}, "name <> lower(name)")\nop.retire_rows("pupils", "id = 1")'
    ),
}
PUT_RIGHT = {
    "an enum type to come that fits": (
        'op.create_enum("Kind", ["A", "it\'s"])\n'
        'op.change_types_online("marks", {"name": (sa.Enum("A", "it\'s", name="Kind"), '
        "\"(case when name is not null then 'A' end)::\\\"Kind\\\"\", \"name::text\")})"
    ),
    "rows that others pointed to": 'op.retire_rows("notes", "id = 1")\nop.retire_rows("pupils", "id = 1")',
    "rows to which a table pointed that goes": 'op.retire_table("notes")\nop.retire_rows("pupils", "id = 1")',
    "rows to which a key pointed that goes": 'op.drop_constraint_online("of_a_pupil", "notes")\n'
    'op.retire_rows("pupils", "id = 1")',
    "rows that are none of those meant by then": (
        'op.backfill("pupils", {"name": "\'Ada\'"}, "name = \'Pupil 1\'")\n'
        'op.retire_rows("pupils", "name = \'Pupil 1\'")'
    ),
    "a backfill before NOT NULL": 'op.backfill("marks", {"note": "\'\'"}, "note is null")\n'
    'op.set_not_null_online("marks", "note")',
    "a backfill before a check": 'op.backfill("marks", {"points": "1"}, "points > 1")\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "an update before a check": 'op.execute("update marks set points = 1")\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "rows set aside before a check": 'op.retire_rows("marks", "points >= 50")\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "a type before a check": (
        'op.change_types_online("marks", {"points": ("integer", "points / 3", "points * 3")})\n'
        'op.add_check_online("c", "marks", "points < 50")'
    ),
    "a view that goes": 'op.execute("drop view seen")\nop.retire_column("marks", "points")',
    "a view that goes before a table": 'op.execute("drop view seen")\nop.retire_table("marks")',
    "a table that goes with its policy": 'op.retire_table("notes")\nop.retire_table("pupils")',
    "a view that goes before a type": 'op.execute("drop view seen")\n'
    'op.change_types_online("marks", {"points": ("integer", "points::integer", "points::numeric")})',
    "a bind": 'op.get_bind().execute(sa.text("delete from marks where points >= 50"))\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "a function that changes": (
        "op.execute(\"create or replace function fits(numeric) returns boolean immutable language sql "
        "as 'select true'\")\n"
        'op.add_check_online("c", "marks", "fits(points)")'
    ),
    "a rule of a column that goes": 'op.drop_column("marks", "name", if_exists=True)\n'
    'op.add_column("marks", sa.Column("name", sa.Text), if_not_exists=True)\n'
    'op.create_index_online("i", "marks", [sa.text("lower(name)")], unique=True)',
    "a table that goes before another of its name": 'op.rename_table("marks", "old_marks")\n'
    'op.create_table("marks", sa.Column("points", sa.Integer), sa.PrimaryKeyConstraint("points", name="new_key"))\n'
    'op.add_check_online("c", "marks", "points < 50")',
    "a new column": (
        'op.add_column("marks", sa.Column("extra", sa.Integer, server_default="1"), if_not_exists=True)\n'
        'op.set_not_null_online("marks", "extra")\nop.add_check_online("c", "marks", "extra = 1")'
    ),
}  # fmt: skip
PREPARED = (
    *MARKS,
    "alter table marks add column points_id integer, add column name text default 'A'",
    "update marks set points_id = id, name = case when id = 7 then 'a' else id::text end where id <> 9",
    "create view seen as select points from marks where id > 3",
    "create table kin (id integer primary key, note text, name text not null, constraint kin_check check (id > 0))",
    "create table kid (extra text) inherits (kin)",
    "create table notes (id integer primary key)",
    "insert into notes values (1)",
    "alter table notes add constraint of_a_pupil foreign key (id) references pupils",
    "create policy of_pupils on notes using (exists (select from pupils where pupils.id = notes.id))",
    "create function fits(numeric) returns boolean immutable language sql as 'select $1 < 50'",
)


def stamped(database: Database, project: Path, body: str) -> Config:
    """A project of two revisions, the second of which is to run; its connection is in the configuration."""
    write(empty(project), "aaaa", None, "pass")
    write(project, "bbbb", "aaaa", f"{FIRST}\n{body}")
    database.execute(*PREPARED, *(["drop view seen"] if "change_types" in body and "drop view" not in body else []))
    config = Config(str(project / "alembic.ini"))
    config.attributes["connection"] = database.engine()
    command.stamp(config, "aaaa")
    return config


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_nothing_was_changed_where_a_later_one_refuses(scratch: Database, project: Path, refused: str) -> None:
    config = stamped(scratch, project, refused)
    before, rows = catalogue(scratch), scratch.rows("select * from marks order by id")

    with pytest.raises(RefusedError):
        command.upgrade(config, "head")

    assert catalogue(scratch) == before
    assert scratch.rows("select * from marks order by id") == rows


def test_rows_are_compared_with_a_table_that_is_still_to_come_back(scratch: Database, project: Path) -> None:
    write(empty(project), "aaaa", None, "pass")
    down = """
    op.drop_index_online("ix_marks_note", "marks")
    op.restore_table("notes")
    op.add_foreign_key_online("of_a_note", "marks", "notes", ["points_id"], ["id"])
    """
    write(project, "bbbb", "aaaa", f'{FIRST}\nop.retire_table("notes")', down)
    scratch.execute(*PREPARED, "drop view seen", "update marks set points_id = 1")
    config = Config(str(project / "alembic.ini"))
    config.attributes["connection"] = scratch.engine()
    command.stamp(config, "aaaa")
    command.upgrade(config, "head")
    before = catalogue(scratch)
    scratch.execute("update marks set points_id = 2 where id in (3, 5)")

    with pytest.raises(RefusedError, match=r"2 rows of marks would break of_a_note, a foreign key to notes: id 3, 5"):
        command.downgrade(config, "aaaa")

    assert catalogue(scratch) == before
    scratch.execute("update marks set points_id = 1")
    command.downgrade(config, "aaaa")
    assert scratch.rows("select id from notes") == [(1,)]


@pytest.mark.parametrize("body", PUT_RIGHT.values(), ids=PUT_RIGHT)
def test_what_an_earlier_one_puts_right_is_not_refused(scratch: Database, project: Path, body: str) -> None:
    command.upgrade(stamped(scratch, project, body), "head")
    assert scratch.value("select version_num from alembic_version") == "bbbb"


NEW_ONES = """
op.retire_column("marks", "points")
op.add_column("marks", sa.Column("points", sa.Integer), if_not_exists=True)
op.retire_table("notes")
op.create_table("notes", sa.Column("id", sa.Integer), if_not_exists=True)
op.create_index_online("ix_marks_points", "marks", ["points"])
"""


def test_what_a_cut_off_run_has_set_aside_is_not_asked_again(scratch: Database, project: Path) -> None:
    """What has the name now is new, and stays, whatever needs it."""
    config = stamped(scratch, project, f'{NEW_ONES}op.execute("select 1 / 0")')
    scratch.execute("drop view seen")
    with pytest.raises(SurefootError, match="division by zero"):
        command.upgrade(config, "head")
    scratch.execute("create view new_ones as select points, notes.id from marks, notes")

    write(project, "bbbb", "aaaa", f"{FIRST}\n{NEW_ONES}")
    command.upgrade(config, "head")

    assert scratch.value("select version_num from alembic_version") == "bbbb"
    assert scratch.value("select count(*) from new_ones") == 0


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("comment on table a is 'drop table b; update a'", True),
        ("create or replace function f() returns void language sql as $$ delete from a; $$", True),
        ("alter table a alter column b set default 'update'", True),
        ("alter table a rename constraint b to c; -- delete from a", True),
        ("do $$ begin if exists (select from x) then alter table a rename constraint b to c; end if; end $$", True),
        ("set local timezone = 'UTC'", True),
        ("update a set b = 1", False),
        ("comment on table a is ''; update a set b = 1", False),
        ("do $$ begin perform f(); end $$", False),
        ("do $$ begin update a set b = 1; end $$", False),
        ("select f()", False),
        ("with x as (delete from a returning *) select 1", False),
        ("alter table a alter column b type integer", False),
        ("alter table a rename to b", False),
        ("alter table a drop column b", False),
        ("truncate a", False),
        ("drop table a", False),
        ("call p()", False),
    ],
)  # fmt: skip
def test_which_statements_leave_rows_as_they_are(text: str, harmless: bool) -> None:
    assert preserves_rows(text) is harmless
