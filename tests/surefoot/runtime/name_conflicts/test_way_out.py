"""The way out of a stranger's name and the way back: commands refuse, the repair sets aside, a downgrade returns."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.errors import RefusedError
from surefoot.operate import change, ensure
from surefoot.operate.adopt.adoption import adopt
from surefoot.operate.rehearse import copy_source
from surefoot.operate.rehearse import rehearsal as full_rehearsal
from surefoot.operate.status import health
from surefoot.revision_catalogues.identify import identify
from surefoot.settings import Settings
from tests.ourschool.existing import rows
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.commands.catalogues import catalogue

BASELINE = "cd0edd614cc5"
STRANGERS = (
    "create table api_keys (id serial primary key, user_id integer references users (id), foo text default 'x')",
    "insert into api_keys (user_id, foo) select id, 'key of ' || username from users order by id limit 3",
    "create index on api_keys (foo)",
    "create table key_uses (key_id integer references api_keys (id))",
    "insert into key_uses select id from api_keys",
    "create view my_keys as select foo from api_keys",
    "alter table users add column external_id text unique",
    "update users set external_id = 'old ' || id",
    "create view fees as select 1 as fee",
    "create type marks as enum ('good')",
    "create function keep_name() returns trigger language plpgsql as 'begin return old; end'",
    "create materialized view tests as select 2 as two",
    "create sequence payments_id_seq",
)
TOLD = (
    "table api_keys, 3 rows", "column users.external_id", "view fees", "type marks", "function keep_name()",
    "materialized view tests, 1 row", "sequence payments_id_seq",
)  # fmt: skip


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[str]:
    with fresh(newest) as made:
        made.alembic("upgrade", BASELINE)
        with made.connect() as connection:
            rows.fill(connection, rows.Size.of(student_assignments=30, attendance_records=30, conflicts=False))
        made.execute(*STRANGERS)
        yield str(made.url.database)


@pytest.fixture
def school(newest: Server, template: str) -> Iterator[Database]:
    with fresh(newest, template=template) as made:
        yield made


def project(database: Database) -> Settings:
    return settings.load(PROJECT.at(ROOT), database_url=database.url.render_as_string(False), environ={})


def everything(database: Database) -> tuple[Catalogue, list[tuple[object, ...]]]:
    return catalogue(database), database.rows("select * from api_keys order by id")


def refuses(text: str) -> None:
    assert all(told in text for told in TOLD), text
    assert "python -m ourschool adopt cd0edd614cc5 --repair repair.sql --decided" in text
    assert "Nothing was changed" in text


def test_every_command_that_would_run_the_revisions_refuses(school: Database, tmp_path: Path) -> None:
    before = everything(school)
    refuses(school.alembic("upgrade", "head", status=3).stderr)
    with pytest.raises(RefusedError) as upgrade:
        change.plan_upgrade(project(school), school.url)
    refuses(str(upgrade.value))
    with pytest.raises(RefusedError) as rehearsal:
        full_rehearsal.rehearse(project(school), school.url, copy_source.RehearsalOptions(), say=lambda _: None)
    refuses(str(rehearsal.value))
    with pytest.raises(RefusedError) as starting:
        ensure.ensure_current(school.engine(), PROJECT)
    refuses(str(starting.value))
    school.execute("delete from alembic_version")
    stamp = school.alembic("stamp", BASELINE, status=3).stderr
    refuses(stamp)
    assert school.rows("select * from alembic_version") == []
    adoption = adopt(project(school), school.url, repair=tmp_path / "repair.sql")
    assert all(any(told in str(each) for each in adoption.strangers) for told in TOLD)
    assert not adoption.stamped
    school.alembic("-x", "force=yes", "stamp", BASELINE)
    assert school.value("select version_num from alembic_version") == BASELINE
    assert everything(school) == before


def test_only_what_is_in_the_way_is_asked_of(school: Database) -> None:
    assert "3c09407b2405" in school.alembic("upgrade", "d7a91c34e0b2", status=3).stderr
    school.alembic("upgrade", "4ad87c1e95b0")
    assert school.value("select count(*) from api_keys") == 3


def test_set_aside_and_back(school: Database, tmp_path: Path) -> None:
    before = everything(school)
    values = school.rows("select id, external_id from users order by id")
    uses = school.rows("select * from key_uses order by 1")
    file = tmp_path / "repair.sql"
    adopt(project(school), school.url, BASELINE, repair=file, decided=True)
    school.psql("-f", str(file))
    assert adopt(project(school), school.url, BASELINE).findings == ()
    assert identify(project(school), school.url).equals == (BASELINE,)
    school.alembic("upgrade", "head")
    assert school.value("select count(*) from api_keys") == 0
    assert school.alembic("check").returncode == 0
    doomed = change.purgeable(school.url, dt.timedelta(0))
    assert {"api_keys", "fees", "marks", "keep_name", "tests", "my_keys"} <= {
        each.registered.table for each in doomed if each.registered is not None
    }
    school.alembic("downgrade", BASELINE)
    assert school.rows("select * from api_keys order by id") == before[1]
    assert school.rows("select id, external_id from users order by id") == values
    assert school.rows("select table_name from retired.things where direction = 'unknown'") == []
    assert school.rows("select * from key_uses order by 1") == uses
    assert school.rows("select count(*) from my_keys") == [(3,)]
    found = catalogue(school)
    there = {relation.name: relation for relation in found.relations}
    was = {relation.name: relation for relation in before[0].relations}
    assert there["api_keys"] == was["api_keys"]
    assert there["users"] == was["users"]
    assert there["fees"] == was["fees"]
    assert {each.name for each in found.functions} == {each.name for each in before[0].functions}
    assert "marks" in {each.name for each in found.enums}
    refuses_again = school.alembic("upgrade", "head", status=3).stderr
    assert "table api_keys, 3 rows" in refuses_again


HANGING = {
    "a partition": (
        "create table api_keys (id integer, day date) partition by range (day)",
        "create table api_keys_1 partition of api_keys for values from ('2020-01-01') to ('2030-01-01')",
        "insert into api_keys values (1, '2024-01-01'), (2, '2025-01-01')",
    ),
    "what a column points to": (
        "create table themes (name text primary key)",
        "insert into themes values ('dark')",
        "alter table users add column theme text default 'dark' references themes",
    ),
    "what points to a column": (
        "alter table users add column external_id text unique",
        "update users set external_id = 'e' || id",
        "create table ext_map (ext text references users (external_id))",
        "insert into ext_map select external_id from users",
    ),
    "a chain of tables": (
        "create table fees (id integer primary key, owed_by integer references users)",
        "create table fee_lines (id integer primary key, fee integer references fees)",
        "create table fee_notes (line integer references fee_lines, note text)",
        "insert into fees select 1, min(id) from users",
        "insert into fee_lines values (1, 1)",
        "insert into fee_notes values (1, 'x')",
    ),
}


@pytest.mark.parametrize("hanging", HANGING)
def test_what_hangs_on_it_goes_and_comes_with_it(newest: Server, tmp_path: Path, hanging: str) -> None:
    with fresh(newest) as database:
        database.alembic("upgrade", BASELINE)
        with database.connect() as connection:
            rows.fill(connection, rows.Size.of(student_assignments=30, attendance_records=30, conflicts=False))
        database.execute(*HANGING[hanging])
        tables = TABLES_OF[hanging]
        before = catalogue(database), [database.rows(f"select * from {table} order by 1") for table in tables]
        file = tmp_path / "repair.sql"
        adopt(project(database), database.url, BASELINE, repair=file, decided=True)
        database.psql("-f", str(file))
        database.alembic("upgrade", "head")
        database.alembic("downgrade", BASELINE)
        after = catalogue(database), [database.rows(f"select * from {table} order by 1") for table in tables]
        assert compare(before[0], after[0]).lines() == ()
        assert after[1] == before[1]
        assert database.rows("select table_name from retired.things where direction = 'unknown'") == []


TABLES_OF = {
    "a partition": ("api_keys", "api_keys_1"),
    "what a column points to": ("themes",),
    "what points to a column": ("ext_map",),
    "a chain of tables": ("fees", "fee_lines", "fee_notes"),
}


def test_a_user_can_be_deleted_meanwhile_and_the_table_comes_back_with_every_row(
    school: Database, tmp_path: Path
) -> None:
    kept = school.rows("select * from api_keys order by id")
    file = tmp_path / "repair.sql"
    adopt(project(school), school.url, BASELINE, repair=file, decided=True)
    school.psql("-f", str(file))
    school.alembic("upgrade", "d3a80d2c8cc9")
    school.execute("set session_replication_role = replica", f"delete from users where id = {kept[0][1]}")
    done = school.alembic("downgrade", "4ab558158091")
    assert "NOT VALID" in done.stderr
    assert school.rows("select * from api_keys order by id") == kept
    assert school.value("select convalidated from pg_constraint where conname = 'api_keys_user_id_fkey'") is False


def test_purge_deletes_what_was_set_aside_of_every_kind(school: Database, tmp_path: Path) -> None:
    file = tmp_path / "repair.sql"
    adopt(project(school), school.url, BASELINE, repair=file, decided=True)
    school.psql("-f", str(file))
    mine = settings.load(
        PROJECT.at(ROOT),
        database_url=school.url.render_as_string(False),
        environ={"OURSCHOOL_BACKUPS": str(tmp_path / "backups")},
    )
    change.purge(mine, school.url, change.purgeable(school.url, dt.timedelta(0)))
    assert school.value("select to_regnamespace('retired') is null") is True


def test_what_an_earlier_adopt_moved_is_listed_with_its_foreign_keys_and_purged(
    school: Database, tmp_path: Path
) -> None:
    """Databases that were adopted when it was moved to schema `set_aside`, and kept its foreign keys."""
    school.execute(
        "create schema set_aside",
        "alter table api_keys set schema set_aside",
        "alter table key_uses set schema set_aside",
        "alter view my_keys set schema set_aside",
        "alter function keep_name() set schema set_aside",
        "alter type marks set schema set_aside",
        'create table set_aside."A b" (id integer)',
    )
    with school.engine().connect() as connection:
        found = [(each.kind, each.what, each.remedy) for each in health.find_problems(connection)]
    told = "\n".join(" ".join(map(str, each)) for each in found)
    for line in (
        "table set_aside.api_keys, 3 rows, set aside by adopt",
        "view set_aside.my_keys",
        "routine set_aside.keep_name()",
        "type set_aside.marks",
        'table set_aside."A b", set aside',
    ):
        assert line in told, told
    assert "alter table set_aside.api_keys drop constraint api_keys_user_id_fkey;" in told
    mine = settings.load(
        PROJECT.at(ROOT),
        database_url=school.url.render_as_string(False),
        environ={"OURSCHOOL_BACKUPS": str(tmp_path / "backups")},
    )
    doomed = change.purgeable(school.url, dt.timedelta(0))
    assert len(doomed) == 6
    change.purge(mine, school.url, doomed)
    assert school.value("select to_regnamespace('set_aside') is null") is True
    assert change.purgeable(school.url, dt.timedelta(days=400)) == []
