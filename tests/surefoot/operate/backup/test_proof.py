"""A backup counts once a database can be made from it; what only this role may not make is told apart from that."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.errors import FailedError
from surefoot.operate.backup import (
    Backup,
    RestoreOptions,
    backup,
    manifest,
    restore,
    table_of_contents,
    verify,
)
from surefoot.operate.backup.store import listing
from surefoot.settings import Settings
from tests.support.databases import Database, fresh
from tests.support.servers import Server, programs, running
from tests.surefoot.operate.backup.schools import ourschool

TABLE = "create table marks (id serial primary key, a integer, b text, mood text default 'calm')"
UNREADABLE = {
    "a trigger that compares records": (
        "create function touch() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger touched before update on marks for each row "
        "when (row(new.a)::record *<> row(old.a)::record) execute function touch()",
        "trigger public.marks touched: operator does not exist",
    ),
    "a view that compares records": (
        "create view odd as select id from marks where row(a)::record *<> row(id)::record",
        "view public.odd: operator does not exist",
    ),
    "an index with such a predicate": (
        "create index odd_marks on marks (id) where row(a)::record *= row(id)::record",
        "index public.odd_marks: operator does not exist",
    ),
    "a policy": (
        "create policy even on marks using (row(a)::record *<> row(id)::record)",
        "policy public.marks even: operator does not exist",
    ),
    "an operator that the text cannot name": (
        "create function same(integer, text) returns boolean language sql as 'select $1::text = $2'",
        "create operator public.= (leftarg = integer, rightarg = text, function = same)",
        "create view unnamed as select nullif(a, b) as c from marks",
        "view public.unnamed: operator does not exist: integer = text",
    ),
    "a materialized view that looks for a table in the search_path": (
        "create function counted() returns bigint language plpgsql stable as "
        "'begin return (select count(*) from public.marks); end'",
        "create materialized view totals as select counted() as marks",
        "create or replace function counted() returns bigint language plpgsql stable as "
        "'begin return (select count(*) from marks); end'",
        'materialized view data public.totals: relation "marks" does not exist',
    ),
}


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(PROJECT.at(tmp_path))


def scratches(database: Database) -> object:
    return database.value("select count(*) from pg_database where datname like 'ourschool\\_proof\\_%'")


@pytest.mark.parametrize("case", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_built_is_no_backup(case: tuple[str, ...], scratch: Database, here: Settings) -> None:
    *statements, told = case
    scratch.execute(TABLE, "insert into marks (a) values (1)", *statements)
    with pytest.raises(FailedError) as failed:
        backup(here, scratch.url)
    assert told in failed.value.message
    assert "does not count" in failed.value.message
    assert list(here.backup_folder.iterdir()) == []
    assert scratches(scratch) == 0


NAMED = (
    "create function known(integer) returns boolean language sql immutable as 'select $1 = 1'",
    'create function "is it 100%"(integer) returns boolean language plpgsql immutable as '
    "'begin return known($1); end'",
)
"""A function that looks for another in the search_path, which a restore empties: what has rows fails then."""
UNLOADABLE = {
    "a check": (
        'alter table marks add check ("is it 100%"(a))',
        "rows of public.marks: function known(integer) does not",
    ),
    "a generated column": (
        'create table more (a integer, b boolean generated always as ("is it 100%"(a)) stored)',
        "insert into more values (1)",
        "rows of public.more: function known(integer) does not exist",
    ),
    "a domain in an array of a composite type": (
        'create domain one as integer check ("is it 100%"(value))',
        "create type pair as (a one, b one)",
        'create table "more of it" (pairs pair[])',
        """insert into "more of it" values (array[row(1, 1)::pair])""",
        'rows of public."more of it": function known(integer) does not exist',
    ),
    "an operator": (
        'create operator ?! (rightarg = integer, function = "is it 100%")',
        "alter table marks add check (?! a)",
        "rows of public.marks: function known(integer) does not",
    ),
    "the predicate of an index": (
        'create index odd on marks (id) where "is it 100%"(a)',
        "insert into marks (a) values (1)",
        "index public.odd: function known(integer) does not exist",
    ),
}


@pytest.mark.parametrize("case", UNLOADABLE.values(), ids=UNLOADABLE.keys())
def test_rows_that_no_restore_can_load_are_no_backup(case: tuple[str, ...], scratch: Database, here: Settings) -> None:
    *statements, told = case
    scratch.execute(TABLE, *NAMED, *statements, "insert into marks (a) values (1)")
    with pytest.raises(FailedError) as failed:
        backup(here, scratch.url)
    assert told in failed.value.message
    assert list(here.backup_folder.iterdir()) == []
    command = shlex.split(failed.value.remedy.partition("again: ")[2])
    assert command[:3] == ["ourschool", "psql", "-c"]
    scratch.execute(command[3])
    made = backup(here, scratch.url)
    assert made.manifest.not_proven is None
    verify(scratch.url, made)


def test_rows_that_a_restore_may_load_in_vain_are_not_proven(scratch: Database, here: Settings) -> None:
    """A check that reads another table holds only where that was loaded before."""
    scratch.execute(
        TABLE,
        "create table known as select 1 as a",
        "create function is_known(integer) returns boolean language plpgsql as "
        "'begin return exists (select from public.known where a = $1); end'",
        "alter table marks add check (is_known(a))",
        "insert into marks (a) values (1)",
    )
    why = str(backup(here, scratch.url).manifest.not_proven)
    assert why.startswith("rows of public.marks are refused where other tables are empty (new row for relation")


def test_a_materialized_view_of_a_table_whose_owner_its_policies_bind(scratch: Database, here: Settings) -> None:
    """It is filled by its owner, and with row security off that is refused: no restore would ever end."""
    role = f"keeper_{scratch.url.database}"
    scratch.execute(
        f"create role {role}",
        f"grant create on schema public to {role}",
        f"set role {role}; {TABLE}; insert into marks (a) values (1), (2);"
        "create policy even on marks using (a % 2 = 0);"
        "alter table marks enable row level security, force row level security;"
        "create materialized view totals as select count(*) as many from marks",
    )
    try:
        made = backup(here, scratch.url)
        verify(scratch.url, made)
        into = f"{scratch.url.database}_look"
        restore(here, scratch.url, made, RestoreOptions(into=into))
        there = replace(scratch, url=scratch.url.set(database=into))
        assert there.rows("select many from totals") == [(1,)]
        assert there.value("select count(*) from marks") == 2
    finally:
        scratch.execute(f"drop database if exists {scratch.url.database}_look", f"drop owned by {role}")
        scratch.execute(f"drop role {role}")


def test_it_is_found_on_each_version_and_has_its_status(database: Database, tmp_path: Path) -> None:
    *statements, told = UNREADABLE["a trigger that compares records"]
    database.execute(TABLE, *statements)
    said = ourschool(database, tmp_path, "backup", status=4).stderr
    assert told in " ".join(said.split())
    assert not list((tmp_path / "backups").iterdir())


def test_what_can_be_built_is_proven_and_the_cost_is_told(database: Database, tmp_path: Path) -> None:
    database.execute(
        TABLE, "create table days (day date) partition by range (day)",
        "create table days_2026 partition of days for values from ('2026-01-01') to ('2027-01-01')",
        "create domain grade as integer check (value between 1 and 6)",
        "create materialized view totals as select count(*) from public.marks",
        "create type pair as (a integer, b text)",
        # what a script of pg_restore looks like, inside a function
        "create function looks_like() returns text language sql as $$ select '\n--\n-- TOC entry 1 (class 1 OID 1)\n"
        "-- Name: x; Type: TABLE; Schema: y; Owner: z\n--\n' $$",
        "comment on schema public is 'ours'",
    )  # fmt: skip
    done = ourschool(database, tmp_path, "backup", "--json")
    told = json.loads(done.stdout)
    assert told["proven"] is True
    assert told["proof_seconds"] > 0
    assert told["not_proven"] is None
    assert "its schema was built for a trial in" in done.stderr
    assert ourschool(database, tmp_path, "backup", "list").stdout.count("\n") == 2
    assert scratches(database) == 0


def test_the_trial_has_the_encoding_of_the_database(newest: Server, here: Settings) -> None:
    with newest.connect() as admin:
        admin.execute("create database t_latin1 template template0 encoding 'LATIN1' locale 'C'")
    database = Database(newest, newest.url.set(database="t_latin1"))
    try:
        database.execute("create table \"für\" (a text default 'ä')")
        made = backup(here, database.url)
        assert made.manifest.proof is not None
        assert made.manifest.not_proven is None
    finally:
        with newest.connect() as admin:
            admin.execute("drop database t_latin1")


@pytest.fixture
def owner(newest: Server) -> Iterator[Database]:
    """A database whose owner may not create another one."""
    with fresh(newest) as made:
        name = f"o_{made.url.database}"
        with newest.connect() as admin:
            admin.execute(f"create role {name} login password 'geheim'")
            admin.execute(f"alter database {made.url.database} owner to {name}")
        yield replace(made, url=newest.over_tcp(name, "geheim", str(made.url.database)))
        with newest.connect() as admin:
            admin.execute(f"drop database {made.url.database} with (force)")
            admin.execute(f"drop role {name}")


def test_without_a_scratch_database_it_is_not_proven(owner: Database, tmp_path: Path) -> None:
    owner.execute(TABLE)
    done = ourschool(owner, tmp_path, "backup", "--json")
    told = json.loads(done.stdout)
    assert told["proven"] is False
    assert "may not create a scratch database" in told["not_proven"]
    said = " ".join(done.stderr.split())
    assert f"Not proven: {told['name']}: this role may not create a scratch database" in said
    assert f"What proves it: ourschool backup verify {told['name']}" in said
    listed = " ".join(ourschool(owner, tmp_path, "backup", "list").stdout.split())
    assert f"not proven: {told['name']}: this role may not create a scratch database" in listed
    assert json.loads(ourschool(owner, tmp_path, "backup", "list", "--json").stdout)["backups"][0]["proven"] is False
    ourschool(owner, tmp_path, "backup", "verify", told["name"])


def test_an_older_manifest_has_no_proof(scratch: Database, here: Settings) -> None:
    scratch.execute(TABLE)
    made = backup(here, scratch.url)
    path = made.path / manifest.NAME
    told = json.loads(path.read_text())
    del told[manifest.DIGEST], told["proof"]
    path.write_text(json.dumps(told | {manifest.DIGEST: manifest._digest(told)}))
    (found,) = listing(here.backup_folder).backups
    assert found.manifest.proof is None
    assert "did not build its schema" in str(found.manifest.not_proven)


@pytest.mark.skipif(programs(15) is None, reason="no PostgreSQL 15 with its extensions here")
def test_what_only_a_superuser_may_make_is_no_fault_of_the_dump(here: Settings) -> None:
    with running(15) as server, fresh(server) as database:
        name = str(database.url.database)
        with server.connect() as admin:
            admin.execute("create role school login createdb password 'geheim'")
            admin.execute(f"alter database {name} owner to school")
        url = server.over_tcp("school", "geheim", name)
        school = replace(database, url=url)
        school.execute(TABLE, "create extension citext", "create table people (mail citext)")
        trusted = backup(here, url)
        assert trusted.manifest.not_proven is None
        database.execute(
            "create extension pg_stat_statements",
            "create foreign data wrapper files",
            "create server far foreign data wrapper files",
            "grant usage on foreign server far to school",
            "create user mapping for school server far",
            "create function watch() returns event_trigger language plpgsql as 'begin end'",
            "create event trigger watched on ddl_command_end execute function watch()",
        )
        school.execute("create foreign table far_away (id integer) server far")
        made = backup(here, url)
        why = str(made.manifest.not_proven)
        assert why.startswith("this role may not make ")
        assert "extension pg_stat_statements (permission denied to create extension" in why
        assert "far_away" not in why, "it needs the server, and is no reason of its own"
        school.execute("create view odd as select id from marks where row(a)::record *<> row(id)::record")
        with pytest.raises(FailedError, match=r"view public\.odd"):
            backup(here, url)


def test_a_script_is_cut_at_its_own_headers_only() -> None:
    head = (
        "--\n-- TOC entry {} (class 1259 OID 1)\n-- Dependencies: 1 2\n"
        "-- Name: t; Type: TABLE; Schema: public; Owner: -\n--\n\n"
    )
    script = f"set a;\n{head.format(3)}create 3;\n{head.format(9)}{head.format(3)}{head.format(4)}create 4;\n"
    found = list(table_of_contents.entries(script, frozenset({3, 4})))
    assert [entry.id for entry in found] == [0, 3, 4]
    assert found[1].sql.count("TOC entry") == 2
    assert found[2].dependencies == {1, 2}
    assert str(found[2]) == "table public.t"


def test_everybodys_backup_is_proven(made: Backup) -> None:
    assert made.manifest.proof is not None
    assert made.manifest.proof.proven
