"""A snapshot is the same for equal schemas, wherever they stand and whatever they have been through."""

import subprocess
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Grant, Owner
from surefoot.catalogue.reader import read_catalogue
from surefoot.servers import libpq
from tests.support.databases import Database, fresh
from tests.surefoot.catalogue.school import AWKWARD, SCHOOL, build, run

FINGERPRINT = "c740090db563897e34654e618aec91a963131530d9a3773cd49f5b340768ca77"
"""Of the school, on every version of PostgreSQL. It moves with SCHOOL, and with what a catalogue holds."""


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    engine = database.engine()
    with engine.connect() as made, made.begin():
        yield made
    engine.dispose()


@pytest.mark.parametrize("script", [SCHOOL, AWKWARD], ids=["school", "awkward names"])
@pytest.mark.parametrize("name", ["lower", 'Näh "x"\'.y', "select", "users"])
def test_equal_schemas_of_different_names_are_equal(connection: sa.Connection, name: str, script: str) -> None:
    build(connection, "public", script)
    build(connection, name, script)

    here, there = read_catalogue(connection), read_catalogue(connection, name)

    assert compare(here, there).lines() == ()
    assert here == there
    assert here.fingerprint == there.fingerprint
    assert here.tables


def test_the_fingerprint_is_the_same_on_every_server_version(connection: sa.Connection) -> None:
    build(connection, "public")
    assert read_catalogue(connection).fingerprint == FINGERPRINT


@pytest.mark.parametrize("script", [SCHOOL, AWKWARD], ids=["school", "awkward names"])
def test_a_database_restored_from_its_dump_is_equal(database: Database, script: str) -> None:
    with database.engine().begin() as connection:
        build(connection, "public", script)
    dump = subprocess.run(
        [database.server.bin / "pg_dump"],
        env=libpq.process_environment(database.url),
        capture_output=True,
        text=True,
        check=True,
    )
    with fresh(database.server) as copy:
        copy.psql(stdin=dump.stdout)
        with database.engine().connect() as one, copy.engine().connect() as other:
            assert compare(read_catalogue(one), read_catalogue(other)).lines() == ()


def test_the_physical_order_of_columns_does_not_matter(connection: sa.Connection) -> None:
    build(connection, "one", "create table t (a integer, b text, c date);")
    build(connection, "two", "create table t (x text, c date, a integer); alter table t drop x, add b text;")
    assert read_catalogue(connection, "one") == read_catalogue(connection, "two")


def test_texts_are_as_the_catalogue_prints_them(connection: sa.Connection) -> None:
    build(connection, "public", "create table users (id serial primary key, email varchar(255) unique);")

    (users,) = read_catalogue(connection).tables

    email, number = users.columns
    assert (email.name, email.type, email.nullable, email.default) == ("email", "character varying(255)", True, None)
    assert (number.nullable, number.default) == (False, "nextval('users_id_seq'::regclass)")
    assert [(key.kind, key.definition) for key in users.constraints] == [
        ("u", "UNIQUE (email)"),
        ("p", "PRIMARY KEY (id)"),
    ]
    assert users.indexes[1].definition == "CREATE UNIQUE INDEX users_pkey ON users USING btree (id)"


def test_what_is_elsewhere_is_named_in_full(connection: sa.Connection) -> None:
    build(connection, "other", "create table t (id integer primary key); create type mood as enum ('glad');")
    build(connection, "public", "create table u (id integer references other.t, mood other.mood);")

    (table,) = read_catalogue(connection).tables

    assert table.constraints[0].definition == "FOREIGN KEY (id) REFERENCES other.t(id)"
    assert table.columns[1].type == "other.mood"


def test_names_of_the_own_schema_in_texts_stay(connection: sa.Connection) -> None:
    script = "create function f() returns text language sql as $$ select 'public.f' || ' ON public.users' $$;"
    build(connection, "public", script + "create table t (note text default 'public.t');")

    catalogue = read_catalogue(connection)

    assert "select 'public.f' || ' ON public.users'" in catalogue.functions[0].definition
    assert catalogue.functions[0].definition.startswith("CREATE OR REPLACE FUNCTION f()\n")
    assert catalogue.tables[0].columns[0].default == "'public.t'::text"


def test_the_bookkeeping_of_migrations_is_left_out(connection: sa.Connection) -> None:
    bookkeeping = (
        "create table alembic_version (version_num varchar(32) primary key);"
        "create table migration_journal (id serial primary key, number integer generated always as identity);"
    )
    build(connection, "public", bookkeeping)
    assert read_catalogue(connection) == read_catalogue(connection, "nothing of this name")

    journal = read_catalogue(connection, ignore=frozenset({"alembic_version"}))
    assert [table.name for table in journal.tables] == ["migration_journal"]
    assert [sequence.owner for sequence in journal.sequences] == [
        Owner("migration_journal", "id"),
        Owner("migration_journal", "number"),
    ]


def test_what_an_extension_brought_is_left_out(connection: sa.Connection) -> None:
    """Made by hand, as an extension's script would: not every server has one to install."""
    before = read_catalogue(connection)
    run(
        connection,
        """
        create table t (id serial);
        create view v as select 1 as one;
        create type mood as enum ('glad');
        create type pair as (a integer, b integer);
        create function f() returns integer language sql as 'select 1';
        create sequence s;
        """,
    )
    assert read_catalogue(connection) != before
    for member in ("table t", "view v", "type mood", "type pair", "function f()", "sequence s", "sequence t_id_seq"):
        run(connection, f"alter extension plpgsql add {member}")
    assert read_catalogue(connection) == before


def test_grants_are_reported_but_not_compared(connection: sa.Connection) -> None:
    build(connection, "public", "create table t (id integer, note text);")
    before = read_catalogue(connection)
    run(connection, "grant select on t to public; grant update (note) on t to pg_monitor with grant option;")

    after = read_catalogue(connection)

    assert set(after.grants) - set(before.grants) == {
        Grant("table t", "PUBLIC", "SELECT", grantable=False),
        Grant("column t.note", "pg_monitor", "UPDATE", grantable=True),
    }
    assert after == before
    assert after.fingerprint == before.fingerprint
    assert not compare(before, after)


def test_not_null_constraints_are_no_constraints_of_their_own(connection: sa.Connection) -> None:
    """PostgreSQL 18 keeps them in pg_constraint, under names that a rename of the column leaves behind."""
    build(connection, "one", "create table t (id integer not null);")
    build(connection, "two", "create table t (old integer not null); alter table t rename old to id;")
    assert read_catalogue(connection, "one") == read_catalogue(connection, "two")
    assert read_catalogue(connection, "one").tables[0].constraints == ()


def test_a_not_null_that_is_not_valid_is_not_a_not_null(database: Database, connection: sa.Connection) -> None:
    if database.server.major < 18:
        pytest.skip("NOT NULL NOT VALID came with PostgreSQL 18")
    build(
        connection, "one", "create table t (id integer not null, twice integer generated always as (id * 2) virtual);"
    )
    build(connection, "two", "create table t (id integer, twice integer generated always as (id * 2) stored);")
    run(connection, "alter table t add constraint id_there not null id not valid;")

    assert compare(read_catalogue(connection, "one"), read_catalogue(connection, "two")).lines() == (
        "column t.id: expected not null, found not null, not valid",
        "column t.twice: expected generated id * 2 virtual, found id * 2 stored",
    )
