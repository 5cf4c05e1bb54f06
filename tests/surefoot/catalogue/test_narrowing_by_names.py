"""A table or column that has another name takes nothing away from older code while its old name is alive."""

from collections.abc import Iterator

import pytest

from surefoot.catalogue.narrowing import narrowings
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.online.harness import Work, catalogue, run

SET_UP = """
create table "Pupils" (
    id integer generated always as identity primary key,
    name text not null default 'x' check (name <> ''),
    theme varchar(20),
    long text generated always as (name || theme) stored,
    unique (name, theme)
);
create table notes (
    id integer primary key, pupil_id integer references "Pupils" on delete cascade, said text unique,
    about text references notes (said)
);
create index by_name on "Pupils" (lower(name)) where theme is not null;
create statistics both_of on name, theme from "Pupils";
create view seen as select id, name from "Pupils" where name <> 'nobody';
alter table "Pupils" enable row level security;
create policy own on "Pupils" using (theme is not null);
create table plain (id integer primary key, name text, said text);
create view of_plain as select plain.id, plain.name from plain;
grant select, insert on "Pupils" to public;
grant select (said), update (said) on notes to public;
"""


def table(old: str, new: str) -> Work:
    return lambda op: op.rename_table_online(old, new)


def column(old: str, new: str, of: str = "Pupils") -> Work:
    return lambda op: op.rename_column_online(of, old, new)


def end(old: str, new: str, of: str = "Pupils") -> Work:
    return lambda op: op.end_column_rename(of, old, new, since="unnamed")


def said(text: str) -> Work:
    return lambda op: op.execute(text)


ADDS = {
    "a table": [table("plain", "New plain")],
    "a table that others point to": [table("Pupils", "learners")],
    "a column": [column("name", "called")],
    "a column that others point to": [column("said", "told", "notes")],
    "two columns": [column("theme", "look"), column("said", "told", "plain")],
    "a column and its table": [column("name", "called"), table("Pupils", "learners")],
    "more than that": [table("Pupils", "learners"), said("alter table learners add more text")],
}
TAKES = {
    "another name alone": ([said('alter table "Pupils" rename name to called')], "column \"Pupils\".name is gone"),
    "its end": ([column("name", "called"), end("name", "called")], 'column "Pupils".name is gone'),
    "a rule beside it": (
        [column("name", "called"), said("alter table \"Pupils\" add check (called <> 'y')")],
        'constraint "Pupils_called_check" on "Pupils" is new',
    ),
    "a table and another column": (
        [table("plain", "New plain"), said('drop view of_plain, plain; alter table "New plain" drop said; '
         'create view plain as select * from "New plain"; '
         "comment on view plain is 'Old name of table New plain, kept since revision unnamed'")],
        "column plain.said is gone",
    ),
    "a right": (
        [column("said", "told", "notes"), said("revoke update (told) on notes from public; "
         "revoke update (said) on notes from public")],
        "PUBLIC has no UPDATE on column notes.said any more",
    ),
}  # fmt: skip


@pytest.fixture
def schema(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        made.execute(SET_UP)
        yield made


@pytest.mark.parametrize("name", ADDS)
def test_nothing_is_taken_away(schema: Database, name: str) -> None:
    before = catalogue(schema)
    run(schema, *ADDS[name])
    assert narrowings(before, catalogue(schema)) == ()


@pytest.mark.parametrize("name", TAKES)
def test_what_is_taken_beside_it_is_told(schema: Database, name: str) -> None:
    work, expected = TAKES[name]
    before = catalogue(schema)
    run(schema, *work)
    assert expected in " | ".join(narrowings(before, catalogue(schema)))


def test_a_name_that_was_alive_before_is_no_matter(schema: Database) -> None:
    run(schema, column("name", "called"), table("plain", "New plain"))
    before = catalogue(schema)
    schema.execute('alter table "Pupils" add more text', 'alter table "New plain" add more text')
    assert narrowings(before, catalogue(schema)) == ()
