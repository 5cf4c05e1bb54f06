"""Rows moved aside and put back: none lost, none changed, and none that another row points to."""

import logging

import pytest

from surefoot.errors import RefusedError, UsageError
from surefoot.online import retired_registry
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, operations, run, when
from tests.surefoot.online.retiring import gone, refused, restored_rows, retire_rows

SCHOOL = """
create table pupils (id integer primary key, name text not null unique, friend_id integer references pupils (id));
create table marks (
    id bigint generated always as identity primary key,
    pupil_id integer references pupils (id) on delete cascade,
    points numeric,
    twice numeric generated always as (points * 2) stored,
    reason text default 'none'
);
create index ix_marks_pupil_id on marks (pupil_id);
insert into pupils select n, 'Pupil ' || n from generate_series(1, 50) as n;
insert into marks (pupil_id, points) select 1 + n % 40, n / 4.0 from generate_series(1, 2000) as n;
"""


def test_retired_rows_leave_and_come_back_as_they_were(database: Database) -> None:
    database.execute(SCHOOL)
    before, rows = catalogue(database), database.rows("select * from marks order by id")

    with operations(database) as op:
        assert op.retire_rows("marks", "points < 100", reason="too few") == 399

    assert database.value("select count(*) from marks where points < 100") == 0
    assert database.value("select count(*) from marks") == 1601
    aside = "select id, points, twice, reason, retired_reason, retired_at is not null from retired.marks_rows_unnamed"
    assert database.rows(f"{aside} where id = 7") == [(7, database.value("select 1.75"), database.value("select 3.50"),
                                                      "none", "too few", True)]  # fmt: skip
    with database.engine().connect() as connection:
        (thing,) = retired_registry.all_items(connection)
    assert (thing.what, thing.table, thing.rows, thing.readable_as) == ("rows", "marks", 399, "marks_rows_unnamed")
    assert_equal(before, catalogue(database))
    database.execute("insert into marks (pupil_id, points) values (1, 3)")

    assert restored_rows(database, "marks") == 399
    assert database.rows("select * from marks where id <= 2000 order by id") == rows
    assert database.value("select count(*) from marks") == 2001
    assert_equal(before, catalogue(database))
    assert gone(database)


def test_no_row_meant_leaves_nothing(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    with operations(scratch) as op:
        assert op.retire_rows("marks", "points < 0") == 0
        assert op.restore_rows("marks") == 0
    assert gone(scratch)


def test_two_calls_of_one_revision_share_a_place(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    rows = scratch.rows("select * from marks order by id")
    run(scratch, retire_rows("marks", "id <= 10", "one"), retire_rows("marks", "id between 5 and 20", "two"))
    assert scratch.rows("select retired_reason, count(*) from retired.marks_rows_unnamed group by 1 order by 1") == [
        ("one", 10), ("two", 10)]  # fmt: skip
    assert restored_rows(scratch, "marks") == 20
    assert scratch.rows("select * from marks order by id") == rows


@pytest.mark.parametrize("on_delete", ["no action", "restrict", "cascade", "set null", "set default"])
def test_rows_that_others_point_to_are_refused_whatever_on_delete_says(scratch: Database, on_delete: str) -> None:
    scratch.execute(SCHOOL)
    scratch.execute(
        "alter table marks drop constraint marks_pupil_id_fkey",
        f"alter table marks add foreign key (pupil_id) references pupils (id) on delete {on_delete}",
    )
    rows = scratch.rows("select * from marks order by id")

    text = refused(scratch, retire_rows("pupils", "id in (3, 4, 45)"))

    assert "100 rows of marks (pupil_id)" in text
    assert ("which ON DELETE" in text) == (on_delete not in {"no action", "restrict"})
    assert "op.retire_rows('marks'" in text
    assert scratch.rows("select * from marks order by id") == rows
    assert scratch.value("select count(*) from pupils") == 50
    call = text.split("Retire those first: ")[1].split(". Nothing")[0]
    run(
        scratch, lambda op: eval(call, {"op": op}), retire_rows("pupils", "id in (3, 4, 45)")
    )  # what the error says to do
    assert scratch.value("select count(*) from pupils") == 47
    assert restored_rows(scratch, "pupils") == 3
    assert restored_rows(scratch, "marks") == 100
    assert scratch.rows("select * from marks order by id") == rows


def test_rows_of_the_table_itself_that_point_to_them_are_refused_too(scratch: Database) -> None:
    scratch.execute(SCHOOL, "update pupils set friend_id = 49 where id in (48, 50)")
    assert "2 rows of pupils (friend_id)" in refused(scratch, retire_rows("pupils", "id >= 48"))


def test_a_row_that_comes_to_point_to_them_meanwhile_stops_it(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    with operations(scratch) as op:
        when(op, "for update", lambda: scratch.execute("insert into marks (pupil_id, points) values (45, 1)"))
        with pytest.raises(RefusedError, match="others have come to point"):
            op.retire_rows("pupils", "id > 40")
    assert scratch.value("select count(*) from pupils") == 50
    assert scratch.value("select count(*) from marks") == 2001
    scratch.execute("delete from marks where pupil_id = 45")
    run(scratch, retire_rows("pupils", "id > 40"))
    assert scratch.value("select count(*) from pupils") == 40


def test_a_row_put_right_meanwhile_stays(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    with operations(scratch) as op:
        when(op, "with gone", lambda: scratch.execute("update marks set points = 500 where id = 7"))
        assert op.retire_rows("marks", "points < 10") == 38
    assert scratch.value("select count(*) from marks where points = 500") == 2


def test_what_does_not_fit_any_more_stays_retired_and_is_told(
    scratch: Database, caplog: pytest.LogCaptureFixture
) -> None:
    scratch.execute(SCHOOL)
    run(scratch, retire_rows("marks", "pupil_id in (5, 6)"))
    scratch.execute(
        "insert into marks (id, pupil_id, points) overriding system value values (4, 1, 0), (5, 1, 0)",
        "delete from pupils where id = 6",
        "alter table marks add check (points < 400) not valid",
    )
    with caplog.at_level(logging.WARNING, "surefoot"):
        back = restored_rows(scratch, "marks")
    left = scratch.value("select count(*) from retired.marks_rows_unnamed")
    assert isinstance(left, int)
    assert back + left == 100
    kept = "select count(*) from retired.marks_rows_unnamed where points < 400 and pupil_id = 5"
    assert scratch.value(kept) == 1
    (record,) = [record for record in caplog.records if record.name == "surefoot"]
    assert f"{left} stay retired in retired.marks_rows_unnamed: 2 whose key is taken (id 4; 5), " in record.getMessage()
    assert "50 whose pupil_id is gone from pupils" in record.getMessage()
    assert "that break another rule" in record.getMessage()

    scratch.execute(
        "delete from marks where id in (4, 5)", "insert into pupils values (6, 'Pupil 6')",
        "alter table marks drop constraint marks_points_check",
    )  # fmt: skip
    assert restored_rows(scratch, "marks") == left
    assert scratch.value("select count(*) from marks") == 2000
    assert gone(scratch)


def test_rows_that_point_to_each_other_come_back(scratch: Database) -> None:
    scratch.execute(SCHOOL, "update pupils set friend_id = id + 1 where id between 41 and 45",
                    "update pupils set friend_id = id where id = 50")  # fmt: skip
    rows = scratch.rows("select * from pupils order by id")
    run(scratch, *(retire_rows("pupils", f"id = {pupil}") for pupil in (41, 42, 43, 44, 45, 46)))
    assert restored_rows(scratch, "pupils") == 6
    assert scratch.rows("select * from pupils order by id") == rows


def test_one_key_retired_twice_gives_the_newer_row_and_keeps_the_older(scratch: Database) -> None:
    scratch.execute("create table t (id int primary key, x text)", "insert into t values (1, 'older')")
    run(scratch, retire_rows("t", "id = 1"))
    scratch.execute("insert into t values (1, 'newer')")
    run(scratch, retire_rows("t", "x = 'newer'"))
    assert restored_rows(scratch, "t") == 1
    assert scratch.rows("select x from t") == [("newer",)]
    assert scratch.rows("select x from retired.t_rows_unnamed") == [("older",)]


def test_a_trigger_that_forbids_deletion_may_let_the_documented_road_pass(scratch: Database) -> None:
    scratch.execute(
        SCHOOL,
        """
        create function forbid() returns trigger language plpgsql as $$
        begin
            if coalesce(current_setting('ourschool.retiring', true), 'off') <> 'on' then
                raise exception 'marks are for ever';
            end if;
            return case tg_op when 'DELETE' then old else new end;
        end
        $$
        """,
        "create trigger forbid before delete or update on marks for each row execute function forbid()",
    )
    run(scratch, retire_rows("marks", "id < 10"))
    assert scratch.value("select count(*) from retired.marks_rows_unnamed") == 9


def test_a_trigger_that_keeps_rows_silently_is_noticed(scratch: Database) -> None:
    scratch.execute(
        SCHOOL,
        "create function keep() returns trigger language plpgsql as 'begin return null; end'",
        "create trigger keep before delete on marks for each row when (old.id = 3) execute function keep()",
    )
    with pytest.raises(RefusedError, match="1 row of marks was deleted and is still there"):
        run(scratch, retire_rows("marks", "id < 10"))
    assert scratch.value("select count(*) from marks") == 1992
    assert scratch.value("select count(*) from retired.marks_rows_unnamed") == 8
    scratch.execute("drop trigger keep on marks")
    run(scratch, retire_rows("marks", "id < 10"))
    assert scratch.value("select count(*) from retired.marks_rows_unnamed") == 9


WRONG = {
    "no table": ("nothing", "true", "There is no table 'nothing'"),
    "no key": ("loose", "true", "has no primary key"),
    "not SQL": ("marks", "points <", "PostgreSQL does not take where="),
    "no such column": ("marks", "pionts < 3", "PostgreSQL does not take where="),
    "not a condition": ("marks", "points", "PostgreSQL does not take where="),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_change_nothing(scratch: Database, case: tuple[str, str, str]) -> None:
    table, where, words = case
    scratch.execute(SCHOOL, "create table loose (x int)", "insert into loose values (1)")
    assert words in refused(scratch, retire_rows(table, where), UsageError)
    assert gone(scratch)


def test_a_table_that_lacks_a_column_of_the_rows_is_refused(scratch: Database) -> None:
    scratch.execute(SCHOOL)
    run(scratch, retire_rows("marks", "id < 10"))
    scratch.execute("alter table marks rename points to score")
    assert "has no column points any more" in refused(scratch, lambda op: op.restore_rows("marks"))
    scratch.execute("alter table marks rename score to points")
    assert restored_rows(scratch, "marks") == 9


NAMES = [('my "table"', "it's 100% :x $retire$ ü"), ("T" * 63, "c" * 63), ("日本" * 10, "order")]


@pytest.mark.parametrize("names", NAMES)
def test_awkward_and_long_names(scratch: Database, names: tuple[str, str]) -> None:
    table, column = ('"' + name.replace('"', '""') + '"' for name in names)
    scratch.execute(
        f"create table {table} (id int, {column} text, primary key (id, {column}))",
        f"insert into {table} select n, 'a:b%c' from generate_series(1, 30) as n",
    )
    run(scratch, retire_rows(names[0], f"{column} = 'a:b%c' and id < 5 -- a note", "it's 100% :so"))
    assert scratch.value(f"select count(*) from {table}") == 26
    assert restored_rows(scratch, names[0]) == 4
    assert scratch.value(f"select count(*) from {table} where {column} = 'a:b%c'") == 30
    assert gone(scratch)
