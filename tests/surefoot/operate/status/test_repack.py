"""What pg_repack leaves where it was cut off is named before an upgrade, with what ends it."""

from ourschool.project import PROJECT
from surefoot.operate.change.change_preflight import preflight
from surefoot.operate.status.health import HealthFinding, find_problems
from surefoot.settings import Settings
from tests.support.databases import Database


def left_by_repack(database: Database) -> list[HealthFinding]:
    with database.engine().connect() as connection:
        return [each for each in find_problems(connection) if each.kind == "left by pg_repack"]


def test_its_trigger_and_tables_are_named_and_end_with_what_is_printed(scratch: Database) -> None:
    scratch.execute(
        'create table "Class" (id integer primary key, name text)',
        "create table whole (id integer primary key)",
        "create schema repack",
        "create view repack.tables as select 1 as whatever",
        "create function repack.repack_trigger() returns trigger language plpgsql as 'begin return new; end'",
    )
    assert left_by_repack(scratch) == []
    oid = scratch.value("select '\"Class\"'::regclass::oid")
    scratch.execute(
        f'create table repack.log_{oid} (id bigserial primary key, pk integer, "row" "Class")',
        f"create table repack.table_{oid} (id integer)",
        'create trigger repack_trigger after insert or update or delete on "Class" for each row '
        "execute function repack.repack_trigger('a')",
    )
    (found,) = left_by_repack(scratch)
    assert found.what.startswith('pg_repack was cut off at "Class": trigger repack_trigger writes every change')
    warnings = preflight(Settings(PROJECT), scratch.url, with_backup=False)
    assert [each for each in warnings if "Pg_repack was cut off" in each or "pg_repack was cut off" in each]
    with scratch.connect(autocommit=True) as working:
        working.execute("set application_name = pg_repack")
        assert left_by_repack(scratch)[0].what.startswith('pg_repack works on "Class" now')
    scratch.execute(*found.remedy.split(";")[:-1])
    assert left_by_repack(scratch) == []
    scratch.execute('alter table "Class" alter name type varchar(50)')
