"""SQLSTATE 42501 is explained by what it is: a right that lacks, a place to make something in, an owner's matter."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from surefoot.errors import SurefootError
from surefoot.readonly import read_connection
from surefoot.servers.permission_denied import explain_denied
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.roles.people import Role, role

THINGS = (
    "create table marks (id integer primary key, note text)",
    "create sequence numbers",
    "create type mood as enum ('good')",
    "create function secret() returns integer language sql as 'select 1'",
    "revoke execute on function secret() from public",
    "create schema office",
    "create table office.letters ()",
)
SAYS = {
    "select": ("select * from marks", "may not use table marks", 'grant select on "marks" to'),
    "update": (
        "update marks set note = 'x'", "may not use table marks",
        'grant select, insert, update, delete on "marks" to',
    ),
    "sequence": ("select nextval('numbers')", "may not use sequence", 'grant usage, select on sequence "numbers"'),
    "function": ("select secret()", "may not use function secret", 'grant execute on function "secret" to'),
    "schema": ("select * from office.letters", "may not use schema office", 'grant usage on schema "office" to'),
    "create in a schema": ("create table office.more ()", "may make nothing in schema", 'grant create on schema "o'),
    "create in public": ("create table more ()", "may make nothing in schema", "grant create on schema public to"),
    "create a schema": ("create schema more", "may make nothing in database", "grant create on database"),
    "alter": ("alter table marks add more text", "Only the owner may do this", "Connect as the owner, postgres."),
    "a type": ("alter type mood add value 'bad'", "Only the owner may do this", "Connect as the owner, postgres."),
    "index": ("create index on marks (note)", "Only the owner may do this", "Connect as the owner, postgres."),
    "role": ("create role more", "may not do this", "let a superuser grant"),
}  # fmt: skip


@pytest.fixture
def nobody(scratch: Database) -> Iterator[Role]:
    """May connect, and nothing else."""
    scratch.execute(*THINGS)
    with role(scratch) as made:
        yield made


@pytest.mark.parametrize(("statement", "said", "remedy"), SAYS.values(), ids=SAYS)
def test_each_refusal_has_its_remedy(nobody: Role, statement: str, said: str, remedy: str) -> None:
    with (
        pytest.raises(SurefootError) as refused,
        read_connection(nobody.here.url, "test") as connection,
    ):
        connection.exec_driver_sql(statement)
    assert said in refused.value.message
    assert remedy in refused.value.remedy


def test_a_table_that_a_backup_may_not_read(nobody: Role) -> None:
    nobody.database.execute(f"grant usage on schema office to {nobody.name}")
    said = complaint(ourschool(nobody.here, "backup", status=4))
    assert "may not" in said
    assert "grant select on" in said
    assert "grant create" not in said


GERMAN = {
    "select": ("select * from marks", "may not do this", "grant what the sentence names"),
    "alter": (
        "alter table marks add more text",
        "Only the owner may do this",
        "Connect as the owner of what it names.",
    ),
    "create": ("create table more ()", "may make nothing in schema public", "grant create on schema public to"),
}


@pytest.mark.parametrize(("statement", "said", "remedy"), GERMAN.values(), ids=GERMAN)
def test_a_server_that_speaks_another_language(statement: str, said: str, remedy: str) -> None:
    orig = psycopg.errors.InsufficientPrivilege("keine Berechtigung für Tabelle marks")
    explained = explain_denied(sa.exc.DBAPIError(statement, None, orig), "school", "school at db:5432", lambda *_: None)
    assert said in explained.message
    assert "keine Berechtigung" in explained.message
    assert remedy in explained.remedy
