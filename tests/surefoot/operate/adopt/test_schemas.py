"""The school's schema is the one where its tables are, and every command means that one."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

import ourschool
from ourschool.project import PROJECT
from surefoot import database as surefoot_database
from surefoot import search_path, settings
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.operate.adopt.adoption import adopt
from surefoot.operate.backup import backup, verify
from surefoot.operate.rehearse import rehearsal
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.status.collect import State, Status, status
from surefoot.revision_catalogues.identify import Identity, identify
from surefoot.runtime.head_check import at_head
from surefoot.scratch_database import scratch_database
from surefoot.servers import libpq
from surefoot.settings import Settings
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server

BASELINE, HEAD = "cd0edd614cc5", str(PROJECT.head())
A_USER = """
    insert into users (id, email, username, hashed_password, first_name, last_name, role)
    values (1, 'a@example.org', 'a', 'x', 'A', 'B', 'student')
"""
BEFORE = "3c680e8f3b40"
"""Some revisions before head."""


def given(database: Database, folder: Path = ROOT) -> Settings:
    return settings.load(PROJECT.at(folder), database_url=libpq.connection_uri(database.url), environ={})


def told(database: Database) -> tuple[Status, Identity]:
    """Return what `status` and `identify` find, as the commands do."""
    url = search_path.url_of(given(database))
    return status(given(database), url), identify(given(database), url)


def config(database: Database) -> Config:
    """Return a configuration of Alembic as its command line makes it: env.py connects by itself."""
    options = Namespace(x=[f"database_url={database.url.render_as_string(False)}"])
    return Config(str(PROJECT.ini), cmd_opts=options)


def refusal(run: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `run` says when it refuses, as a function of ours or as a command of Alembic's."""
    with pytest.raises((RefusedError, SystemExit)) as refused:
        run()
    if isinstance(refused.value, RefusedError):
        return refused.value.message
    assert isinstance(refused.value, SystemExit)
    assert refused.value.code == 3
    return capsys.readouterr().err


def in_schema(database: Database, name: str) -> Database:
    """Return the database with all that is in public moved to schema `name`, which its sessions find first."""
    quoted = sql.Identifier(name).as_string()
    database.execute(
        f"alter schema public rename to {quoted}",
        "create schema public",
        f"alter database {database.url.database} set search_path = {quoted}, public",
    )
    return database


@contextmanager
def named_as_the_role(database: Database) -> Iterator[None]:
    """Inside the block there is an empty schema of the role's name, as careful hosts make it."""
    database.execute("create schema postgres")
    yield
    assert database.rows("select relname from pg_class where relnamespace = 'postgres'::regnamespace") == []


@pytest.mark.parametrize("name", ["school", pytest.param('Schule "A", 1', marks=pytest.mark.long)])
def test_a_school_in_a_schema_of_its_own_is_whole(at_head: Database, name: str, tmp_path: Path) -> None:
    database = in_schema(at_head, name)
    url = search_path.url_of(given(database))
    state, identity = told(database)
    assert (state.state, identity.equals) == (State.CURRENT, (HEAD,))
    assert not state.drift.difference
    assert not state.health
    with alembic_api.configured(given(database), url) as connected:
        assert alembic_api.drift(connected) == ()
        connected.attributes["autogenerate"] = True
        assert not command.revision(connected, message="nothing differs", autogenerate=True)
    command.check(config(database))

    command.downgrade(config(database), BEFORE)
    folder = replace(given(database, tmp_path), backups=tmp_path)
    rehearsed = rehearsal.rehearse(folder, url, RehearsalOptions(fresh=True), say=print)
    assert rehearsed is not None
    assert not rehearsed.failure
    assert not rehearsed.problems
    command.upgrade(config(database), "head")
    assert told(database)[1].consistent
    assert database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0
    saved = backup(folder, url, say=print)
    assert saved.manifest.revision == HEAD
    assert not verify(url, saved, say=print).notes


def test_a_search_path_that_leads_nowhere_is_told_and_is_no_empty_database(
    at_head: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    at_head.execute(f"""alter database {at_head.url.database} set search_path = 'no such schema'""")
    said = 'The search_path of postgres ("no such schema") leads to no schema that exists'
    assert said in refusal(lambda: search_path.url_of(given(at_head)), capsys)
    assert said in refusal(lambda: command.upgrade(config(at_head), "head"), capsys)
    assert said in refusal(lambda: ourschool.ensure_current(at_head.engine()), capsys)
    at_head.execute(f"alter database {at_head.url.database} set search_path = public")
    assert told(at_head)[0].state == State.CURRENT


def test_an_existing_database_in_a_schema_of_its_own_is_adopted(
    existing: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    in_schema(existing, "school")
    assert "but no revision" in refusal(lambda: command.upgrade(config(existing), "head"), capsys)
    assert adopt(given(existing), search_path.url_of(given(existing))).stamped
    assert existing.value("select version_num from school.alembic_version") == BASELINE
    command.upgrade(config(existing), "head")
    state, identity = told(existing)
    assert identity.consistent
    assert not state.drift.difference


def test_an_empty_schema_of_the_roles_name_hides_nothing(
    existing: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    before = existing.value("select count(*) from users")
    with named_as_the_role(existing):
        assert told(existing)[0].state is State.UNVERSIONED
        engine = existing.engine()
        assert "but no revision" in refusal(lambda: command.upgrade(config(existing), "head"), capsys)
        assert "but no revision" in refusal(lambda: ourschool.ensure_current(engine), capsys)
        assert adopt(given(existing), search_path.url_of(given(existing))).stamped
        assert existing.value("select version_num from public.alembic_version") == BASELINE
        assert told(existing)[0].state is State.BEHIND
        with engine.connect() as connection:
            path = connection.exec_driver_sql("show search_path").scalar_one()
            connection.rollback()
            assert ourschool.ensure_current(connection).revision == HEAD
            assert connection.exec_driver_sql("show search_path").scalar_one() == path
        assert at_head(given(existing)) == HEAD
        command.check(config(existing))
        assert told(existing)[1].consistent
        command.downgrade(config(existing), BEFORE)
        ourschool.ensure_current(engine)
    assert existing.value("select count(*) from users") == before
    assert existing.value("select count(*) from public.migration_journal where outcome <> 'done'") == 0


def test_a_failure_is_journalled_where_the_tables_are(at_head: Database) -> None:
    with named_as_the_role(at_head):
        at_head.execute("alter table alembic_version add constraint stop check (version_num <> '3c680e8f3b40')")
        with at_head.engine().connect() as connection:
            passed = Config(str(PROJECT.ini))
            passed.attributes["connection"] = connection
            with pytest.raises(Exception, match="stop"):
                command.downgrade(passed, BEFORE)
        assert at_head.value("select count(*) from public.migration_journal where outcome = 'failed'") == 1


TWO = {
    "alembic_version": "create table postgres.alembic_version (version_num varchar(32))",
    "a table in front": "create table postgres.users (id integer)",
    "empty tables before it": """
        do $$
        declare one name;
        begin
            for one in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
                execute format('create table postgres.%I (like public.%I)', one, one);
            end loop;
            insert into postgres.alembic_version table public.alembic_version;
            drop table public.alembic_version;
        end $$
    """,
}


@pytest.mark.parametrize("made", TWO.values(), ids=TWO)
def test_two_schemas_with_the_same_tables_are_refused_by_name(
    at_head: Database, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at_head.execute("create schema postgres", made)
    for run in (
        lambda: command.upgrade(config(at_head), "head"),
        lambda: command.current(config(at_head)),
        lambda: search_path.url_of(given(at_head)),
        lambda: ourschool.ensure_current(at_head.engine()),
    ):
        said = refusal(run, capsys)
        assert "Two schemas of search_path hold tables of ourschool" in said
        assert all(f" {name} (" in said for name in ("public", "postgres"))


@pytest.fixture
def two(newest: Server, template_at_head: str) -> Iterator[tuple[Database, Database]]:
    """Two schools in one database: schema a, which the URL names, and b, which has the name of its role."""
    with fresh(newest, template=template_at_head) as made:
        made.execute(
            "alter schema public rename to a", "create schema public",
            "create role b login", "create schema b authorization b",
            f"grant create on database {made.url.database} to b",
        )  # fmt: skip
        try:
            named = made.url.update_query_dict({"options": "-csearch_path=a"})
            yield replace(made, url=named), replace(made, url=made.url.set(username="b"))
        finally:
            made.execute("drop owned by b", "drop role b")


def test_two_schools_in_one_database_are_kept_apart(two: tuple[Database, Database]) -> None:
    first, second = two
    command.upgrade(config(second), "head")
    for each in two:
        state, identity = told(each)
        assert identity.consistent
        assert not state.drift.difference
    command.downgrade(config(second), BEFORE)
    assert told(first)[0].state is State.CURRENT
    assert told(second)[0].state is State.BEHIND
    assert at_head(given(first)) == HEAD
    assert at_head(given(second)) is None
    ours, theirs = (
        each.value(f"select count(*) from {name}.migration_journal where direction = 'downgrade'")
        for name, each in zip("ab", two, strict=True)
    )
    assert (ours, theirs == 0) == (0, False)
    command.upgrade(config(second), "head")
    assert second.value("select count(*) from pg_namespace where nspname = 'retired'") == 0


def test_what_one_school_retired_is_no_others(
    two: tuple[Database, Database], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two
    command.upgrade(config(second), BASELINE)
    first.execute(A_USER)
    external = first.value("select external_id from users")
    command.downgrade(config(first), "28bd94ce4cd6")
    assert first.value("select schema_name from retired.things") == "a"
    assert told(second)[0].state is State.BEHIND
    for granted in ("select", "grant usage on schema retired to b; grant select on retired.things to b"):
        first.execute(*granted.split("; "))
        said = refusal(lambda: command.upgrade(config(second), "head"), capsys)
        assert "for schema a, and two cannot share it" in said
        assert told(second)[0].health == ()
    command.upgrade(config(first), "head")
    assert first.value("select external_id from users") == external


@pytest.mark.parametrize("where", ["the URL", "the role"])
def test_a_scratch_database_is_built_in_public(two: tuple[Database, Database], where: str) -> None:
    url = two[0].url
    if where == "the role":
        two[0].execute("alter role b createdb", "alter role b set search_path = school")
        url = two[1].url
    with (
        scratch_database(url) as made,
        surefoot_database.engine_for(made, application_name="test").connect() as connection,
    ):
        assert connection.exec_driver_sql("select current_schema()").scalar_one() == "public"
