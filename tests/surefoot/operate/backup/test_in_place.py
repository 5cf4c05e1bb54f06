"""A role that may not create databases restores inside the one it has: all of it, or nothing."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ourschool.project import PROJECT
from surefoot import scratch_database
from surefoot.errors import FailedError, RefusedError
from surefoot.operate.backup import (
    Backup,
    RestoreOptions,
    backup,
    backups,
    clear_database,
    database_swap,
    find,
    restore,
    verify,
)
from surefoot.settings import Settings
from tests.support.databases import Database, fresh
from tests.support.servers import Server, programs, running
from tests.surefoot.faults.runs import holding
from tests.surefoot.operate.backup.schools import databases_like, harm, ourschool, state_of

PASSWORD = "p% @:/#?ü&=+'\"\\$x{y}"


@pytest.fixture
def empty(newest: Server) -> Iterator[Database]:
    """A database as a managed server gives it: its role owns it and may not create another one."""
    with fresh(newest) as made:
        name = f"o_{made.url.database}"
        role, database = sql.Identifier(name), sql.Identifier(str(made.url.database))
        with newest.connect() as admin:
            admin.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(PASSWORD)))
            admin.execute(sql.SQL("alter database {} owner to {}").format(database, role))
        of_role = replace(made, url=newest.over_tcp(name, PASSWORD, str(made.url.database)))
        yield of_role
        with newest.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(database))
            admin.execute(sql.SQL("drop role {}").format(role))


@pytest.fixture
def tenant(empty: Database) -> Database:
    """A school in it."""
    empty.alembic("upgrade", "head")
    return empty


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
    settings = Settings(PROJECT.at(project))
    made = backup(settings, tenant.url)
    tenant.execute("drop view subject_names", "delete from notes", "create table rubbish (i int)", "create schema s")
    harmed = state_of(tenant)
    done = ourschool(tenant, project, "restore", "latest", "--yes")
    assert PASSWORD not in done.stdout + done.stderr
    assert "one transaction" in done.stderr
    assert state_of(tenant) == before
    saved = backups(settings.backup_folder)[-1]
    assert saved.name in done.stdout
    assert str(saved.manifest.reason) == f"before {made.name} was restored"
    assert find(settings.backup_folder, "latest").name == made.name
    restore(settings, tenant.url, saved)
    assert state_of(tenant) == harmed
    restore(settings, tenant.url, made)
    assert state_of(tenant) == before
    assert databases_like(tenant) == [tenant.url.database]
    with pytest.raises(RefusedError, match="may not create the database"):
        restore(settings, tenant.url, made, RestoreOptions(into="another"))


@pytest.mark.promise("A6")
def test_nothing_is_changed_where_it_fails(tenant: Database, project: Path) -> None:
    """A column that the manifest counts on is of another's: the proof at the end, and a table in use at the start."""
    fill(tenant)
    settings = Settings(PROJECT.at(project))
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
    restore(settings, school.url, made, RestoreOptions(inside=True))
    assert state_of(school) == before


def test_large_objects_come_back(school: Database, settings: Settings) -> None:
    school.execute("select lo_from_bytea(70000, 'abc')", "select lo_from_bytea(70001, '')")
    made = backup(settings, school.url)
    school.execute("select lo_unlink(70000)", "select lo_from_bytea(70002, 'rubbish')")
    restore(settings, school.url, made, RestoreOptions(inside=True))
    assert school.rows("select oid::integer, lo_get(oid) from pg_largeobject_metadata order by 1") == [
        (70000, b"abc"),
        (70001, b""),
    ]


OWN_OF_EACH_KIND = (
    "create type pair as (a integer, b text)",
    "create type mood as enum ('calm', 'wild')",
    "create type span as range (subtype = integer)",
    "create domain grade as integer check (value between 1 and 6)",
    "create function same(integer, text) returns boolean language sql immutable as 'select $1::text = $2'",
    "create operator ==== (leftarg = integer, rightarg = text, function = same)",
    "create aggregate total (integer) (sfunc = int4pl, stype = integer, initcond = '0')",
    "create procedure nothing() language plpgsql as 'begin end'",
    "create collation \"deutsch\" (provider = libc, locale = 'C')",
    "create text search dictionary words (template = simple)",
    "create text search configuration plain (copy = simple)",
    "create function mood_of(integer) returns mood language sql immutable as $$ select 'calm'::public.mood $$",
    "create cast (integer as mood) with function mood_of(integer)",
    "create publication parts for table scores",
    "create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
    "create statistics scores_together on id, mark from scores",
    "create materialized view totals as select count(*) from scores",
    'create schema "another one"',
    'create table "another one"."100 % of: ""it""" (id serial primary key)',
)
"""What a role may make that is no table: dropped and made again, each of them."""


def identities(database: Database) -> list[str]:
    with database.engine().connect() as connection:
        return sorted(str(each) for each in clear_database.list_objects(connection))


def test_things_of_each_kind_are_replaced(empty: Database, project: Path) -> None:
    name = str(empty.url.database)
    with empty.server.connect() as admin:
        admin.execute(sql.SQL("grant create on database {} to {}").format(
            sql.Identifier(name), sql.Identifier(str(empty.url.username))))  # fmt: skip
    empty.execute("create table scores (id integer primary key, mark integer)", *OWN_OF_EACH_KIND)
    before = identities(empty)
    assert len(before) > len(OWN_OF_EACH_KIND)
    settings = Settings(PROJECT.at(project))
    made = backup(settings, empty.url)
    empty.execute("drop operator ==== (integer, text)", "drop publication parts", "create type more as (a integer)")
    done = restore(settings, empty.url, made)
    assert done.notes == ()
    assert identities(empty) == before
    assert empty.rows("select schemaname, tablename from pg_publication_tables") == [("public", "scores")]


OTHERS = (
    "create type pair as (a integer, b text)",
    "create function same(integer, text) returns boolean language sql immutable as 'select $1::text = $2'",
    "create operator ==== (leftarg = integer, rightarg = text, function = same)",
    "create collation deutsch (provider = libc, locale = 'C')",
    "create foreign data wrapper files",
    "create server far foreign data wrapper files",
    "create text search configuration plain (copy = simple)",
    "create function watch() returns event_trigger language plpgsql as 'begin end'",
    "create event trigger watched on ddl_command_end execute function watch()",
    "create publication everything for all tables",
    "create schema office",
    "create table office.doors (id integer)",
    "insert into office.doors values (1)",
    "grant usage on schema office to public",
    "grant select on office.doors to public",
    "grant usage on foreign server far to public",
    "select lo_from_bytea(80000, 'theirs')",
    "grant select on large object 80000 to public",
)


def test_what_belongs_to_a_superuser_is_left_where_it_is_and_told(empty: Database, project: Path) -> None:
    admin = replace(empty, url=empty.server.url.set(database=empty.url.database))
    admin.execute(*OTHERS)
    empty.execute(
        "create table pairs (id serial primary key, it pair, name text collate deutsch)",
        "insert into pairs (it, name) values (row(1, 'x'), 'ü')",
        "create foreign table far_away (id integer) server far",
    )
    settings = Settings(PROJECT.at(project))
    made = backup(settings, empty.url)
    before = state_of(empty)
    kept = identities(admin)
    empty.execute("delete from pairs", "create type rubbish as (a integer)")
    admin.execute("insert into office.doors values (2)")
    looked = verify(empty.url, made)
    assert [note for note in looked.notes if note.startswith("Restored in place, these would be left as they are")]
    done = restore(settings, empty.url, made)
    (told,) = [note for note in done.notes if not note.startswith("Ownership could not be restored")]
    assert told.startswith("Left as they are, for they are another role's: ")
    assert "of postgres" in told
    assert identities(admin) == kept
    assert state_of(empty).catalogues == before.catalogues
    assert empty.value("select name from pairs where (it).a = 1") == "ü"
    assert admin.rows("select id from office.doors order by 1") == [(1,), (2,)]
    assert admin.value("select lo_get(80000)") == b"theirs"


def test_what_of_anothers_would_be_lost_is_refused(empty: Database, project: Path) -> None:
    """A superuser's view of a table that is replaced: not in the backup, so nothing could bring it back."""
    admin = replace(empty, url=empty.server.url.set(database=empty.url.database))
    empty.execute("create table notes (body text)", "insert into notes values ('x'), (null)")
    made = backup(Settings(PROJECT.at(project)), empty.url)
    admin.execute("create view watched as select body from notes")
    empty.execute("delete from notes")
    before = state_of(empty)
    with pytest.raises(FailedError, match=r"view public\.watched of postgres would be lost"):
        restore(Settings(PROJECT.at(project)), empty.url, made)
    assert state_of(empty) == before
    assert admin.value("select count(*) from watched") == 0


def test_a_table_that_a_superusers_publication_lost_is_told(empty: Database, project: Path) -> None:
    admin = replace(empty, url=empty.server.url.set(database=empty.url.database))
    empty.execute("create table notes (body text)", "insert into notes values ('x'), (null)")
    admin.execute("create publication copies for table notes")
    made = backup(Settings(PROJECT.at(project)), empty.url)
    done = restore(Settings(PROJECT.at(project)), empty.url, made)
    assert [note for note in done.notes if "publication table public.copies notes" in note]


@pytest.mark.skipif(programs(15) is None, reason="no PostgreSQL 15 with its extensions here")
def test_a_superusers_extensions(tmp_path: Path) -> None:
    with running(15) as server, fresh(server) as made:
        name = str(made.url.database)
        with server.connect() as admin:
            admin.execute("create role school login password 'geheim'")
            admin.execute(f"alter database {name} owner to school")
        made.execute("create extension citext", "create extension pg_stat_statements", "create extension btree_gist")
        school = replace(made, url=server.over_tcp("school", "geheim", name))
        school.execute("create table people (mail citext primary key)", "insert into people values ('A@b.c')")
        settings = Settings(PROJECT.at(tmp_path))
        backed = backup(settings, school.url)
        school.execute("delete from people")
        done = restore(settings, school.url, backed)
        assert done.database == name
        assert school.value("select count(*) from people where mail = 'a@B.C'") == 1
        assert made.value("select count(*) from pg_extension") == 4
        assert any("extension citext of postgres" in note for note in done.notes)


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
        "Ownership could not be restored",
        "Privileges could not be restored",
    ]
    assert state_of(school).sums == before.sums


def test_a_session_of_our_own_that_is_going_stops_nobody(scratch: Database) -> None:
    """That of the backup before, on a busy server."""
    name = str(scratch.url.database)
    going = psycopg.connect(scratch.dsn, application_name=scratch_database.APPLICATION)
    ends = threading.Timer(0.5, going.close)
    with scratch.engine().connect() as admin:
        ends.start()
        database_swap.require_no_sessions(admin, name)
        ends.join()
        admin.rollback()
        with psycopg.connect(scratch.dsn, application_name="canteen"), pytest.raises(RefusedError, match="canteen"):
            database_swap.require_no_sessions(admin, name)


def test_default_privileges_add_nothing_and_take_nothing_away(empty: Database, project: Path) -> None:
    """A dump says nothing of a table whose privileges are PostgreSQL's own; its default privileges come last."""
    empty.execute(
        "create table secrets (word text)",
        "create sequence numbers",
        "create function open() returns integer language sql return 1",
        "create type mood as enum ('glad')",
        "create table seen (word text)",
        "grant select on seen to pg_monitor",
        "alter default privileges grant select on tables to pg_monitor",
        "alter default privileges in schema public grant usage on sequences to pg_monitor with grant option",
        "alter default privileges revoke execute on functions from public",
    )
    rights = """
        select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')
         union all
        select proname, proacl::text from pg_proc where pronamespace = 'public'::regnamespace
         union all
        select typname, typacl::text from pg_type where typnamespace = 'public'::regnamespace
         union all
        select concat(defaclobjtype, defaclnamespace), defaclacl::text from pg_default_acl
         order by 1, 2
    """
    before = empty.rows(rights)
    settings = Settings(PROJECT.at(project))
    made = backup(settings, empty.url)
    empty.execute(
        "alter default privileges revoke all on tables from current_user",
        "alter default privileges grant all on tables to public",
        "alter default privileges revoke usage on types from public",
    )
    restore(settings, empty.url, made)
    assert empty.rows(rights) == before
