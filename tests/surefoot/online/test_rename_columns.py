"""A column that has another name, and is read and written by its old one until a later revision ends that."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from surefoot.autogenerate import model_differences
from surefoot.catalogue import old_names
from surefoot.catalogue.old_names import OldName
from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, run
from tests.surefoot.online.renaming_columns import AWKWARD, SCHOOL
from tests.surefoot.online.retiring import refused
from tests.surefoot.roles.people import role

LEFT = """
select attrelid::regclass::text || '.' || attname from pg_attribute where attname ~ '__(changing|old_name)_'
 union all
select proname from pg_proc where proname ~ '__(changing|old_name)_'
 union all
select relname from pg_class where relname ~ '__(changing|old_name)_'
"""
Work = Callable[[Any], object]
RENAMED = ("name", "term", "worth", "parts", "mood", "seen")
PRIVILEGES = """
select grantee::regrole::text, privilege_type, is_grantable
  from pg_attribute, aclexplode(attacl)
 where attrelid = 'pupils'::regclass and attname = '{}'
 order by 1, 2
"""


@pytest.fixture
def school(database: Database) -> Database:
    database.psql(stdin=SCHOOL)
    return database


def rename(old: str = "name", new: str = "called", table: str = "pupils") -> Work:
    return lambda op: op.rename_column_online(table, old, new)


def undo(old: str = "name", new: str = "called", table: str = "pupils") -> Work:
    return lambda op: op.undo_column_rename(table, old, new)


def end(old: str = "name", new: str = "called", table: str = "pupils", since: str = "unnamed") -> Work:
    return lambda op: op.end_column_rename(table, old, new, since=since)


def resume(old: str = "name", new: str = "called", table: str = "pupils", since: str = "unnamed") -> Work:
    return lambda op: op.resume_column_rename(table, old, new, since=since)


def different(database: Database, old: str, new: str) -> object:
    return database.value(f"select count(*) from pupils where row(pupils.{old})::record *<> row(pupils.{new})::record")


@pytest.mark.parametrize("name", RENAMED)
def test_each_step_and_its_way_back_and_each_twice(school: Database, name: str) -> None:
    before = catalogue(school)
    school.execute(f"alter database \"{school.url.database}\" set timezone = 'America/St_Johns'")
    rows = school.rows(f"select id, {name}::text from pupils order by id")
    run(school, rename(name), rename(name))
    renamed = catalogue(school)
    assert list(old_names.find(renamed)) == [OldName(name, "called", "unnamed", "pupils")]
    for each in (name, "called"):
        assert school.rows(f"select id, {each}::text from pupils order by id") == rows
    assert different(school, name, "called") == 0
    run(school, end(name), end(name))
    assert list(old_names.find(catalogue(school))) == []
    assert "__old_name" not in repr(catalogue(school))
    assert school.rows("select id, called::text from pupils order by id") == rows
    run(school, resume(name), resume(name))
    assert_equal(renamed, catalogue(school))
    assert different(school, name, "called") == 0
    run(school, undo(name), undo(name))
    assert_equal(before, catalogue(school))
    run(school, rename(name), end(name), resume(name), undo(name))
    assert_equal(before, catalogue(school))
    assert school.rows(f"select id, {name}::text from pupils order by id") == rows
    assert school.rows(LEFT) == []


WRITES = {
    "old": ("insert into pupils (name, term) values ('new', 't2')", ("new", "new")),
    "new": ("insert into pupils (called, term) values ('new', 't2')", ("new", "new")),
    "neither": ("insert into pupils (term) values ('t2')", ("Ü", "Ü")),
    "both alike": ("insert into pupils (name, called) values ('a', 'a')", ("a", "a")),
    "both, different": ("insert into pupils (name, called) values ('a', 'b')", ("b", "b")),
    "old, the default": ("insert into pupils (name) values (default)", ("Ü", "Ü")),
    "update old": ("update pupils set name = 'x' where id = 4", ("x", "x")),
    "update new": ("update pupils set called = 'x' where id = 4", ("x", "x")),
    "update both": ("update pupils set name = 'x', called = 'y' where id = 4", ("y", "y")),
    "update another": ("update pupils set mood = 'sad' where id = 4", ("Pupil 4", "Pupil 4")),
    "back to the default": ("update pupils set name = default where id = 4", ("Ü", "Ü")),
    "insert or update": (
        "insert into pupils (name, term) values ('Pupil 3', 't1') on conflict (name, term) "
        "do update set name = excluded.name || '!'",
        ("Pupil 3!", "Pupil 3!"),
    ),
    "insert or update, new": (
        "insert into pupils (called, term) values ('Pupil 3', 't1') on conflict (called, term) "
        "do update set called = excluded.called || excluded.name",
        ("Pupil 3Pupil 3", "Pupil 3Pupil 3"),
    ),
    "by the view": ("update glad set name = 'seen' where id = 7", ("seen", "seen")),
}  # fmt: skip


def test_the_applications_of_before_and_after_write_the_same(school: Database) -> None:
    run(school, rename())
    with school.connect() as connection:
        for name, (statement, expected) in WRITES.items():
            returning = statement if "glad" in statement else f"{statement} returning name, called"
            found = connection.execute(returning)
            if "glad" in statement:
                found = connection.execute("select name, called from pupils where id = 7")
            assert found.fetchall() == [expected], name
            connection.rollback()
        for column in ("name", "called"):
            for value in ("''", "null", "'Pupil 5'"):
                with pytest.raises(psycopg.errors.IntegrityError):
                    connection.execute(f"update pupils set {column} = {value}, term = 't3' where id = 4")
                connection.rollback()
    assert different(school, "name", "called") == 0


def test_a_null_that_is_meant_is_written_by_either_name(school: Database) -> None:
    """A default is no value that was given: NULL in its place is."""
    run(school, rename("mood", "feels"))
    both = "returning mood::text, feels::text"
    for column in ("mood", "feels"):
        assert school.rows(f"insert into pupils (name, {column}) values ('n{column}', null) {both}") == [(None, None)]
        assert school.rows(f"insert into pupils (name, {column}) values ('s{column}', 'sad') {both}") == [("sad",) * 2]
        assert school.rows(f"update pupils set {column} = null where id = 9 {both}") == [(None, None)]
        assert school.rows(f"update pupils set {column} = 'sad' where id = 9 {both}") == [("sad", "sad")]


def test_a_default_that_is_another_one_since_takes_no_value_away(school: Database) -> None:
    run(school, rename())
    school.execute("alter table pupils alter called set default 'since'")
    for columns, expected in (
        ("(name) values ('old')", "old"), ("(called) values ('new')", "new"), ("(term) values ('t1')", "since"),
        ("(name, term) values ('old', 't2')", "old"),
    ):  # fmt: skip
        assert school.rows(f"insert into pupils {columns} returning name, called") == [(expected, expected)]


def test_the_same_moment_in_both_and_the_same_digits(school: Database) -> None:
    run(school, rename("seen", "noticed"), rename("worth", "value"), rename("parts", "pieces"))
    school.execute(
        "insert into pupils (name) values ('now')",
        "insert into pupils (name, seen, worth, parts) values ('old', '2025-01-01', 7, '[1,  2]')",
        "update pupils set pieces = '{\"a\":1}', value = 7.10 where id = 5",
    )
    for old, new in (("seen", "noticed"), ("worth", "value"), ("parts", "pieces")):
        assert different(school, old, new) == 0
    assert school.value("select seen is not null from pupils where name = 'now'") is True


def test_what_other_tables_do_to_a_foreign_key_reaches_the_old_name(school: Database) -> None:
    run(school, rename("term", "of_term"))
    school.execute("update terms set code = 'first' where code = 't1'", "delete from terms where code = 't2'")
    assert school.rows("select distinct term, of_term from pupils order by 1") == [
        ("first", "first"), ("t3", "t3"), (None, None),
    ]  # fmt: skip
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        school.execute("insert into pupils (name, term) values ('x', 'nowhere')")


def test_the_old_name_has_the_indexes_too(school: Database) -> None:
    """The old application finds its rows as fast as before, and its ON CONFLICT finds a unique index."""
    run(school, rename())
    school.execute("set enable_seqscan = off")
    with school.connect() as connection:
        connection.execute("set enable_seqscan = off")
        plan = connection.execute("explain select id from pupils where name = 'Pupil 9'").fetchall()
    assert "Index" in str(plan)
    assert "Filter" not in str(plan)
    copies = "select count(*) from pg_indexes where indexname like '\\_\\_old\\_name\\_%'"
    assert school.value(copies) == 3
    run(school, undo())
    assert school.value(copies) == 0


def test_the_same_may_do_the_same(school: Database) -> None:
    with role(school) as clerk, role(school) as other:
        school.execute(
            f"grant select, insert on pupils to {clerk.name}",
            f"grant select (name), update (name) on pupils to {other.name} with grant option",
            f"grant select (id) on pupils to {other.name}",
            f"grant usage on sequence pupils_number_seq to {clerk.name}",
        )
        run(school, rename())
        granted = school.rows(PRIVILEGES.format("called"))
        assert school.rows(PRIVILEGES.format("name")) == granted
        assert len(granted) == 2
        other.here.execute("update pupils set name = 'x' where name = 'Pupil 1'")
        assert other.here.rows("select name, called from pupils where id = 1") == [("x", "x")]
        clerk.here.execute("insert into pupils (name) values ('clerk')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clerk.here.execute("update pupils set name = 'x'")
        run(school, end(), resume())
        assert school.rows(PRIVILEGES.format("name")) == granted


def test_the_owner_who_is_nobody_else(school: Database) -> None:
    with role(school, owns=True) as owner:
        school.execute(f"grant all on schema public to {owner.name}")
        school.execute(*(f"alter {kind} owner to {owner.name}" for kind in ("table pupils", "table terms")))
        run(owner.here, rename(), end(), resume(), undo(), rename(), undo())


def test_awkward_names_and_long_ones(database: Database) -> None:
    database.psql(stdin=AWKWARD)
    table, before = "Pupils' Marks ü", catalogue(database)
    pairs = [("Points %s", "select %I :x"), ("$rename$", "n" * 63)]
    for old, new in pairs:
        run(database, rename(old, new, table), end(old, new, table), resume(old, new, table))
        assert [(each.old, each.new, each.table) for each in old_names.find(catalogue(database))] == [(old, new, table)]
        run(database, undo(old, new, table))
        assert_equal(before, catalogue(database))
    assert "64 bytes" in refused(database, rename("$rename$", "n" * 64, table), UsageError)
    assert "same name" in refused(database, rename("$rename$", "$rename$", table), UsageError)


TRIGGER = "create trigger other before {} on pupils for each row execute function touched()"
REFUSED: dict[str, tuple[str, Work, type[Exception], str]] = {
    "no such table": ("", rename(table="nobody"), UsageError, "There is no table nobody"),
    "no such column": ("", rename("nothing"), UsageError, "Table pupils has no column nothing to rename"),
    "a taken name": ("", rename("name", "term"), RefusedError, "there is a column term already"),
    "a name of the server's": ("", rename("name", "ctid"), RefusedError, "there is a column ctid already"),
    "the primary key": (
        "create table more (code text primary key)", rename("code", "x", "more"), RefusedError,
        "it is part of the primary key more_pkey",
    ),
    "identity": (
        "create table more (n integer generated always as identity)", rename("n", "x", "more"), RefusedError,
        "the server numbers it",
    ),
    "serial": ("", rename("number"), RefusedError, "its default nextval('pupils_number_seq'::regclass) is another at"),
    "volatile": ("", rename("made"), RefusedError, "its default random() is another at each call"),
    "generated": ("", rename("twice"), RefusedError, "its values are generated"),
    "a domain with rules": (
        "create domain word as text check (value <> 'no'); alter table pupils add word word", rename("word"),
        RefusedError, "its type word is a domain with rules",
    ),
    "a trigger on it": (TRIGGER.format("update of name"), rename(), RefusedError, "trigger other on table pupils"),
    "a trigger that asks for it": (
        "create trigger other after update on pupils for each row when (old.name <> new.name) "
        "execute function touched()", rename(), RefusedError, "trigger other on table pupils names it",
    ),
    "a trigger that looks at it": (TRIGGER.format("insert"), rename("note"), RefusedError,
                                   "function touched of trigger other says note"),
    "a trigger that comes last": (
        TRIGGER.replace("other", '"~~"').format("update"), rename(), RefusedError, 'trigger "~~" fires last',
    ),
    "a rule": ("create rule nothing as on delete to pupils do also select 1", rename(), RefusedError, "rule nothing"),
    "partitions": (
        "create table parts (id integer, a text) partition by list (id)", rename("a", "b", "parts"), RefusedError,
        "is a partitioned table",
    ),
    "a child": ("create table kin () inherits (pupils)", rename(), RefusedError, "has inheritance"),
    "no key to walk by": ("create table bare (a text)", rename("a", "b", "bare"), UsageError, "has no primary key"),
    "another's comment": (
        "alter table pupils add called text", end(), RefusedError,
        "Column name of table pupils is not the old name of column called that revision unnamed has kept",
    ),
    "the end of what is no more": ("", end("some", "thing"), UsageError, "Table pupils has no column thing"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_reason_and_nothing_changed(school: Database, name: str) -> None:
    before, work, kind, why = REFUSED[name]
    if before:
        school.execute(before)
    if name == "no key to walk by":
        school.execute("insert into bare values ('x')")
    assert why in refused(school, work, kind)  # type: ignore[arg-type]


def test_who_still_needs_the_old_name_is_named(school: Database) -> None:
    run(school, rename())
    assert "is not the old name" in refused(school, end(since="another"))
    assert "it is itself the old name of column called" in refused(school, rename("name", "other"))
    assert "its old name name is still alive" in refused(school, rename("called", "other"))
    assert "index pupils_name_term_key has column called, whose old name" in refused(school, rename("term", "of_term"))
    for made, dropped, what in (
        ("create view named as select name from pupils", "drop view named", "by view named"),
        ("create index mine on pupils (name)", "drop index mine", "by index mine"),
        ("alter table pupils add constraint mine check (name > '')", "alter table pupils drop constraint mine",
         "by constraint mine"),
        ("create trigger mine before update of name on pupils for each row execute function touched()",
         "drop trigger mine on pupils", "by trigger mine"),
    ):  # fmt: skip
        school.execute(made)
        for work in (end(), undo()):
            assert f"The old name name of column pupils.called is still needed: {what}" in refused(school, work)
        school.execute(dropped)
    school.execute("alter table pupils drop name cascade")  # somebody else has: the way on and the way back are open
    run(school, end(), rename("called", "other"), undo("called", "other"), undo())
    assert school.value("select count(*) from pupils where name like 'Pupil %'") == 1200


def test_the_name_of_the_table_and_that_of_a_column_end_one_after_the_other(school: Database) -> None:
    run(school, rename(), lambda op: op.rename_table_online("pupils", "learners"))
    fault = refused(school, end(table="learners"))
    assert "is still needed: by view pupils" in fault
    assert "op.end_table_rename('pupils', 'learners', since='unnamed')" in fault
    school.execute("insert into pupils (name) values ('by both old names')")
    assert school.rows("select called from pupils where name = 'by both old names'") == [("by both old names",)]
    run(school, lambda op: op.end_table_rename("pupils", "learners", since="unnamed"), end(table="learners"))


def test_the_models_have_the_new_name_alone(database: Database) -> None:
    database.execute("create table pupils (id integer primary key, name text not null default 'x', other text unique)")
    metadata = sa.MetaData()
    sa.Table(
        "pupils", metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("called", sa.Text, nullable=False, server_default="x"),
        sa.Column("otherwise", sa.Text),
        sa.UniqueConstraint("otherwise", name="pupils_other_key"),
    )  # fmt: skip
    run(database, rename(), rename("other", "otherwise"))
    with database.engine().connect() as connection:
        assert not model_differences.difference_from_models(connection, metadata)


def test_a_table_without_rows_needs_no_key(database: Database) -> None:
    database.execute("create table pupils (name text)")
    before = catalogue(database)
    run(database, rename(), undo())
    assert_equal(before, catalogue(database))


def test_what_would_break_the_two_names_says_how_to_end_the_old_one(school: Database) -> None:
    run(school, rename("worth", "value"), rename("mood", "feels"))
    types = {name: ("numeric(9, 2)", name, name) for name in ("worth", "value")}
    works: list[tuple[Work, str]] = [
        (lambda op: op.retire_column("pupils", "feels"), "its old name mood is still alive"),
        (lambda op: op.retire_column("pupils", "mood"), "it is the old name of column feels"),
        (lambda op: op.change_types_online("pupils", {"value": types["value"]}), "its old name worth is still alive"),
        (lambda op: op.change_types_online("pupils", {"worth": types["worth"]}), "it is the old name of column value"),
    ]
    for work, why in works:
        fault = refused(school, work)
        assert why in fault
        pair = "'mood', 'feels'" if "feels" in fault else "'worth', 'value'"
        assert f"op.end_column_rename('pupils', {pair}, since='unnamed')" in fault
    run(school, lambda op: op.change_types_online("pupils", {"note": ("varchar(900)", "note", "note")}))
    school.execute("insert into pupils (name, worth, mood) values ('after', 1.5, 'sad')")
    assert school.rows("select value, feels::text from pupils where name = 'after'") == [(1.5, "sad")]
