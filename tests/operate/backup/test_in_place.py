"""A role that may not create databases restores inside the one it has: all of it, or nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from ourschool.errors import RefusedError
from ourschool.operate.backup import Backup, How, backup, backups, restore
from ourschool.settings import Settings
from tests.faults.runs import holding
from tests.operate.backup.schools import databases_like, harm, ourschool, state_of
from tests.support.databases import Database, fresh
from tests.support.servers import Server

PASSWORD = "p% @:/#?ü&=+'\"\\$x{y}"


@pytest.fixture
def tenant(newest: Server) -> Iterator[Database]:
    """A school as a managed server gives it: its role owns the database and may not create another one."""
    with fresh(newest) as made:
        name = f"o_{made.url.database}"
        role, database = sql.Identifier(name), sql.Identifier(str(made.url.database))
        with newest.connect() as admin:
            admin.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(PASSWORD)))
            admin.execute(sql.SQL("alter database {} owner to {}").format(database, role))
        of_role = replace(made, url=newest.over_tcp(name, PASSWORD, str(made.url.database)))
        of_role.alembic("upgrade", "head")
        yield of_role
        with newest.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(database))
            admin.execute(sql.SQL("drop role {}").format(role))


def fill(school: Database) -> None:
    school.execute(
        "insert into subjects (name, color) select 'S' || n, '#123456' from generate_series(1, 50) n",
        "create table notes (id bigint generated always as identity primary key, body text, file bytea)",
        r"insert into notes (body, file) select E'\\.\n' || n || E'\t\\N\r', decode(md5(n::text), 'hex') "
        "from generate_series(1, 500) n",
        r"insert into notes (body) values (null), ('\.'), ('')",
        "create view subject_names as select name from subjects",
    )


@pytest.mark.promise("A6", "O5")
def test_what_it_had_comes_back(tenant: Database, project: Path) -> None:
    fill(tenant)
    before = state_of(tenant)
    settings = Settings(project)
    made = backup(settings, tenant.url)
    tenant.execute("drop view subject_names", "delete from notes", "create table rubbish (i int)", "create schema s")
    harmed = state_of(tenant)
    done = ourschool(tenant, project, "restore", "latest", "--yes")
    assert PASSWORD not in done.stdout + done.stderr
    assert "one transaction" in done.stderr
    assert state_of(tenant) == before
    saved = backups(settings.backup_folder)[-1]
    assert saved.name in done.stdout
    restore(settings, tenant.url, saved)
    assert state_of(tenant) == harmed
    restore(settings, tenant.url, made)
    assert state_of(tenant) == before
    assert databases_like(tenant) == [tenant.url.database]
    with pytest.raises(RefusedError, match="may not create the database"):
        restore(settings, tenant.url, made, How(into="another"))


@pytest.mark.promise("A6")
def test_nothing_is_changed_where_it_fails(tenant: Database, project: Path) -> None:
    """A column that the manifest counts on is of another's: the proof at the end, and a table in use at the start."""
    fill(tenant)
    settings = Settings(project)
    made = backup(settings, tenant.url)
    tenant.execute("delete from notes")
    before = state_of(tenant)
    lying = replace(made, manifest=replace(made.manifest, rows=dict(made.manifest.rows) | {"public.notes": 1}))
    with pytest.raises(Exception, match=r"table public\.notes has 503 rows instead of 1"):
        restore(settings, tenant.url, lying)
    assert state_of(tenant) == before
    with holding(tenant, "select 1 from notes", name="canteen"), pytest.raises(RefusedError, match="canteen"):
        restore(settings, tenant.url, made)
    assert state_of(tenant) == before


def test_a_superuser_may_ask_for_it_too(school: Database, settings: Settings, made: Backup) -> None:
    before = state_of(school)
    harm(school)
    restore(settings, school.url, made, How(inside=True))
    assert state_of(school) == before


def test_a_dump_with_large_objects_is_refused(school: Database, settings: Settings) -> None:
    school.execute("select lo_from_bytea(0, 'abc')")
    made = backup(settings, school.url)
    with pytest.raises(RefusedError, match="large objects"):
        restore(settings, school.url, made, How(inside=True))
    restore(settings, school.url, made)
    assert school.value("select count(*) from pg_largeobject_metadata") == 1


def test_roles_that_are_not_there_are_told(school: Database, settings: Settings) -> None:
    """Owners and privileges come back where their roles are; elsewhere it is said what is missing."""
    owner, reader = f"o_{school.url.database}", f"r_{school.url.database}"
    school.execute(f"create role {owner}", f"create role {reader}")
    school.execute(f"alter table notes owner to {owner}", f"grant select on notes to {reader}")
    before = state_of(school)
    made = backup(settings, school.url)
    assert made.manifest.owners == (owner, "postgres")
    assert reader in made.manifest.grantees
    school.execute("drop table notes")
    assert restore(settings, school.url, made).notes == ()
    assert state_of(school) == before
    with school.server.connect() as admin:
        for name in databases_like(school):
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        admin.execute(f"drop role {owner}, {reader}")
    done = restore(settings, school.url, made)
    assert [each.partition(":")[0] for each in done.notes] == [
        "Owners were not restored",
        "Privileges were not restored",
    ]
    assert state_of(school).sums == before.sums
