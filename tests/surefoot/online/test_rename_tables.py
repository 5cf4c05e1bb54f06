"""A table that has another name, and is read and written by its old one as before, until a later revision ends that."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from surefoot.autogenerate import model_differences
from surefoot.catalogue import old_names
from surefoot.catalogue.old_names import OldName
from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, run
from tests.surefoot.online.renaming import SCHOOL
from tests.surefoot.online.retiring import refused
from tests.surefoot.roles.people import hide, role

KEPT = OldName("pupils", "learners", "unnamed")
PRIVILEGES = """
select coalesce(attname, ''), grantee::regrole::text, privilege_type, is_grantable
  from pg_class
  left join pg_attribute on attrelid = pg_class.oid and attacl is not null
 cross join aclexplode(coalesce(attacl, relacl))
 where relname = '{}' and grantee <> relowner
 union
select '', grantee::regrole::text, privilege_type, is_grantable
  from pg_class, aclexplode(relacl) where relname = '{}' and grantee <> relowner
 order by 1, 2, 3
"""
Work = Callable[[Any], object]


@pytest.fixture
def school(database: Database) -> Database:
    database.execute(SCHOOL)
    return database


def rename(old: str = "pupils", new: str = "learners") -> Work:
    return lambda op: op.rename_table_online(old, new)


def undo(old: str = "pupils", new: str = "learners") -> Work:
    return lambda op: op.undo_table_rename(old, new)


def end(old: str = "pupils", new: str = "learners", since: str = "unnamed") -> Work:
    return lambda op: op.end_table_rename(old, new, since=since)


def resume(old: str = "pupils", new: str = "learners", since: str = "unnamed") -> Work:
    return lambda op: op.resume_table_rename(old, new, since=since)


def test_each_step_and_its_way_back_and_each_twice(school: Database) -> None:
    before, rows = catalogue(school), school.rows("select * from pupils order by id")
    run(school, rename(), rename())
    renamed = catalogue(school)
    assert list(old_names.find(renamed)) == [KEPT]
    assert school.rows("select * from pupils order by id") == rows == school.rows("select * from learners order by id")
    run(school, end(), end())
    assert school.rows("select to_regclass('pupils'), to_regclass('learners') is null") == [(None, False)]
    assert list(old_names.find(catalogue(school))) == []
    run(school, resume(), resume())
    assert_equal(renamed, catalogue(school))
    run(school, undo(), undo())
    assert_equal(before, catalogue(school))
    run(school, rename(), end(), resume(), undo())
    assert_equal(before, catalogue(school))
    assert school.rows("select * from pupils order by id") == rows


WRITES = {
    "insert": (
        "insert into pupils (term_id, name) values (1, 'new') returning id, number, name, mood::text, twice",
        [(21, 21, "new", "glad", 42)],
    ),
    "all columns": (
        "insert into pupils (id, number, name, twice) values (default, 7, default, default) returning id, name, twice",
        [(21, "Ü", 14)],
    ),
    "its own number": (
        "insert into pupils (id, name) overriding system value values (100, 'own') returning id",
        [(100,)],
    ),
    "insert or update": (
        "insert into pupils (term_id, name) values (1, 'Pupil 3') on conflict (name, term_id) "
        "do update set mood = 'sad', name = excluded.name returning id, name, mood::text",
        [(3, "Pupil 3.", "sad")],
    ),
    "insert or not": ("insert into pupils (term_id, name) values (1, 'Pupil 3') on conflict do nothing returning id",
                      []),
    "update": ("update pupils set name = 'x' where id = 4 returning name", [("x.",)]),
    "update by another": ("update pupils set mood = 'sad' from visits where pupil_id = pupils.id and visits.id = 5 "
                          "returning pupils.id", [(5,)]),
    "delete": ("delete from pupils where id = 6 returning name", [("Pupil 6",)]),
    "locked": ("select name from pupils where id = 7 for update", [("Pupil 7",)]),
    "the row": ("select (to_jsonb(pupils) ->> 'name') from pupils where id = 8", [("Pupil 8",)]),
}  # fmt: skip


def test_the_application_of_before_writes_as_before(school: Database) -> None:
    """What each statement does to the table, it does by the old name."""
    run(school, rename())
    with school.connect() as connection:
        for name, (statement, expected) in WRITES.items():
            assert connection.execute(statement).fetchall() == expected, name
            connection.rollback()
            connection.execute("select setval('pupils_id_seq', 20), setval('pupils_number_seq', 20)")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("insert into pupils (name) values ('')")


NOT_BY_THE_VIEW = {
    "truncate pupils": "is not a table",
    "copy pupils from '/dev/null'": "cannot copy to view",
    "copy pupils to '/dev/null'": "cannot copy from view",
    "create table more (pupil_id bigint references pupils)": "is not a table",
    "alter table pupils add column more integer": "cannot be performed on relation",
    "select ctid from pupils": "does not exist",
    "select name from pupils group by id": "must appear in the GROUP BY clause",
    "insert into pupils (name) values ('x') on conflict on constraint pupils_pkey do nothing": "does not exist",
}
"""What docs/author.md says does not work."""


def test_what_does_not_work_by_the_old_name(school: Database) -> None:
    run(school, rename())
    for statement, why in NOT_BY_THE_VIEW.items():
        with pytest.raises(psycopg.Error, match=why):
            school.execute(statement)
    assert school.value("select pg_get_serial_sequence('pupils', 'number')") is None


def test_the_same_may_do_the_same_and_see_the_same_rows(school: Database) -> None:
    with role(school) as clerk, role(school) as other:
        school.execute(
            f"grant select, insert, delete on pupils to {clerk.name} with grant option",
            f"grant select, insert (name) on pupils to {other.name}",
            f"grant update (name, mood), select (name) on pupils to {other.name} with grant option",
            f"grant usage on sequence pupils_number_seq to {clerk.name}",
            f"alter default privileges grant all on tables to {other.name}",
        )
        hide(school, "pupils", "id > 15 and current_user = " + f"'{clerk.name}'")
        run(school, rename())
        of_table, of_view = (school.rows(PRIVILEGES.format(name, name)) for name in ("learners", "pupils"))
        assert of_view == of_table
        assert len(of_view) == 8
        assert clerk.here.value("select count(*) from pupils") == 5
        assert other.here.value("select count(name) from pupils") == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.here.execute("update pupils set number = 1")
        other.here.execute("update pupils set name = 'x'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.here.execute("delete from pupils")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            clerk.here.execute("insert into pupils (id, name) overriding system value values (3, 'x')")
        assert clerk.here.rows("delete from pupils where id in (1, 20) returning id") == [(20,)]
        school.execute(f"alter default privileges revoke all on tables from {other.name}")


def test_the_owner_who_is_nobody_else(school: Database) -> None:
    """The view belongs to whom the table belongs to, also where a superuser renames it."""
    with role(school, owns=True) as owner:
        school.execute(f"alter table pupils owner to {owner.name}", f"grant all on schema public to {owner.name}")
        run(school, rename())
        belongs = "select distinct relowner::regrole::text from pg_class where relname in ('pupils', 'learners')"
        assert school.rows(belongs) == [(owner.name,)]
        run(owner.here, end(), resume(), undo(), rename(), undo())
        assert school.rows(belongs) == [(owner.name,)]


AWKWARD = ('Pupils\' "Marks" ü %s {x} $retire$', "select")


def test_awkward_names_and_what_is_set_aside_in_the_table(school: Database) -> None:
    old, new = AWKWARD
    school.execute("alter table visits rename to " + sql.Identifier(old).as_string())
    before = catalogue(school)
    run(school, rename(old, new))
    assert [(each.old, each.new) for each in old_names.find(catalogue(school))] == [AWKWARD]
    run(school, end(old, new), resume(old, new), undo(old, new))
    assert_equal(before, catalogue(school))
    school.execute("drop view glad")
    run(school, lambda op: op.retire_column("pupils", "mood"), rename())
    assert "__retired" not in str(school.rows("select attname from pg_attribute where attrelid = 'pupils'::regclass"))
    long = "n" * 64
    assert "64 bytes" in refused(school, rename("terms", long), UsageError)
    assert "same name" in refused(school, rename("terms", "terms"), UsageError)


REFUSED = {
    "no such table": ("", rename("nobody"), UsageError, "There is no table nobody to rename"),
    "a taken name": ("create table learners (id integer)", rename(), RefusedError, "something called learners already"),
    "a type of the name": ("create type learners as (a integer)", rename(), RefusedError, "something called learners"),
    "a view": ("", rename("glad", "happy"), RefusedError, "it is no ordinary table"),
    "a parent": ("create table kin () inherits (pupils)", rename(), RefusedError, "has inheritance"),
    "a child": ("create table kin () inherits (pupils)", rename("kin", "kith"), RefusedError, "has inheritance"),
    "partitions": (
        "create table parts (id integer) partition by list (id)", rename("parts", "p"), RefusedError,
        "is a partitioned table",
    ),
    "a partition": (
        "create table parts (id integer) partition by list (id); create table one partition of parts for values in (1)",
        rename("one", "two"), RefusedError, "is a partition",
    ),
    "its row type in a function": (
        "create function seen(pupils) returns text language sql as 'select $1.name'", rename(), RefusedError,
        "function seen(pupils) names its row type",
    ),
    "its row type in a column": (
        "create table log (id integer, was pupils[])", rename(), RefusedError, "column was of table log names its row",
    ),
    "a stranger under the old name, on the way back": (
        "alter table pupils rename to learners; create table pupils ()", undo(), RefusedError,
        "What is called pupils is",
    ),
    "a view of another": (
        "alter table pupils rename to learners; create view pupils as select * from learners", end(), RefusedError,
        "is not the old name of table learners that revision unnamed has kept",
    ),
    "a role that may read single columns": (
        "grant select (id), update (name) on pupils to public", rename(), RefusedError,
        "public may read single columns of it, and a view with the caller's rights asks for all",
    ),
    "the end of what is no more": ("", end("some", "thing"), UsageError, "There is no table thing"),
    "resumed over a stranger": (
        "alter table pupils rename to learners; create table pupils ()", resume(), RefusedError,
        "What is called pupils",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_reason_and_nothing_changed(school: Database, name: str) -> None:
    before, work, kind, why = REFUSED[name]
    if before:
        school.execute(before)
    assert why in refused(school, work, kind)


def test_who_still_needs_the_old_name_is_named(school: Database) -> None:
    run(school, rename())
    school.execute("create view sad as select id from pupils where mood = 'sad'")
    for work in (end(), undo()):
        assert "The old name pupils of table learners is still needed: by view sad" in refused(school, work)
    assert "is not the old name" in refused(school, end(since="another"))
    assert "its old name pupils is still alive" in refused(school, rename("learners", "students"))
    school.execute("drop view sad, pupils")  # somebody else has taken it away: the way on and the way back are open
    run(school, end(), rename("learners", "students"), undo("learners", "students"), undo())
    assert school.value("select count(*) from pupils") == 20


def test_a_column_that_the_old_name_shows_is_kept_while_it_is_alive(school: Database) -> None:
    """A new column passes beside it; another type is told, for the application of before does not know it."""
    school.execute("drop view glad", "alter table pupils drop twice")
    run(school, rename())
    change = {"number": ("bigint", "number", "number::integer")}
    works: list[Work] = [
        lambda op: op.retire_column("learners", "mood"),
        lambda op: op.retire_table("learners"),
        lambda op: op.change_types_online("learners", change),
    ]
    for work in works:
        fault = refused(school, work)
        assert "view pupils needs it" in fault
        assert "op.end_table_rename('pupils', 'learners', since='unnamed')" in fault
    run(school, lambda op: op.add_column("learners", sa.Column("more", sa.Text, server_default="m")))
    assert school.rows("insert into pupils (name) values ('x') returning number") == [(21,)]
    run(school, end(), lambda op: op.change_types_online("learners", change), resume())
    assert school.rows("insert into pupils (name) values ('x') returning number, more") == [(22, "m")]


def test_the_models_have_the_new_name_alone(school: Database) -> None:
    school.execute("drop table visits; drop view glad; drop table pupils cascade; drop table terms")
    school.execute("drop function touched; drop type mood; create table pupils (id integer primary key)")
    metadata = sa.MetaData()
    sa.Table("learners", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))
    run(school, rename())
    school.execute("alter table learners alter id add generated by default as identity",
                   "alter table learners rename constraint pupils_pkey to learners_pkey")  # fmt: skip
    with school.engine().connect() as connection:
        assert not model_differences.difference_from_models(connection, metadata)
    school.execute("comment on view pupils is 'mine'")
    with school.engine().connect() as connection:
        assert model_differences.difference_from_models(connection, metadata)
