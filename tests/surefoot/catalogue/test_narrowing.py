"""What older code loses by a change, and what does not concern it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from surefoot.catalogue.narrowing import narrowings
from surefoot.catalogue.reader import read_catalogue
from tests.support.databases import Database, fresh
from tests.support.servers import Server

SET_UP = """
create type mood as enum ('good', 'bad');
create domain short as text not null check (length(value) < 9);
create table pupils (
    id integer generated always as identity primary key,
    "na""me" text not null,
    theme varchar(20),
    active boolean not null default true,
    feels mood
);
create table notes (id integer primary key, pupil_id integer references pupils on delete cascade, said text);
create index by_theme on pupils (theme);
alter table pupils add constraint named check ("na""me" <> '') not valid;
create function older(integer) returns integer language sql as 'select 1';
create view seen as select id, theme from pupils;
grant select on notes to public;
"""
ADDS = {
    "a table": "create table plans (id integer primary key, pupil_id integer references pupils on delete cascade)",
    "a table that lets go": "create table plans (by integer references pupils on delete set null)",
    "a table of new tables": "create table a (id integer primary key); create table b (a integer references a)",
    "a column": "alter table pupils add house text",
    "a column with a default": "alter table pupils add points integer not null default 0",
    "a column with an identity": "alter table notes add number integer generated always as identity",
    "a column that is computed": 'alter table pupils add long text generated always as ("na""me" || theme) stored',
    "a column that refers": "create table houses (id integer primary key); alter table pupils add h integer "
    "references houses",
    "a domain in a new table": "create table plans (said short)",
    "an index": "create index by_feeling on pupils (feels)",
    "a type": "create type colour as enum ('red')",
    "a function": "create function newer(integer) returns integer language sql as 'select 1'",
    "a view": "create view more as select * from pupils",
    "a sequence": "create sequence numbers",
    "statistics": "create statistics both_of on theme, feels from pupils",
    "a default": "alter table pupils alter theme set default 'light'",
    "a comment": "comment on table pupils is 'who learns'",
    "a check that is validated": "alter table pupils validate constraint named",
    "a right": "grant update on notes to public",
}
TAKES = {
    "drop table notes": ["table notes is gone"],
    "alter table notes rename to jottings": ["table notes is gone"],
    "alter table pupils drop theme cascade": [
        "column pupils.theme is gone",
        "index by_theme on pupils is gone",
        "view seen is gone",
    ],
    'alter table pupils rename "na""me" to called': [
        'column pupils."na""me" is gone',
        "column pupils.called is new",
        "constraint named on pupils is CHECK (called",
    ],
    "alter table notes alter said type varchar(9)": ["column notes.said is character varying(9), and was text"],
    "alter table pupils alter feels set not null": ["column pupils.feels is not null, and was null"],
    "alter table pupils alter active drop not null": ["column pupils.active is null, and was not null"],
    "alter table pupils alter active drop default": ["column pupils.active is none, and was true"],
    "alter table pupils alter active set default false": ["column pupils.active is false, and was true"],
    "alter table pupils add must text not null": ["column pupils.must is new"],
    "alter table pupils add must short": ["column pupils.must is new"],
    "alter table pupils add check (theme <> '')": ["constraint pupils_theme_check on pupils is new"],
    "alter table notes add unique (said)": ["constraint notes_said_key on notes is new"],
    "create unique index once on notes (said)": ["index once on notes is new"],
    "alter table notes add foreign key (id) references pupils on delete cascade": [
        "constraint notes_id_fkey on notes is new"
    ],
    "alter table pupils drop constraint named": ["constraint named on pupils is gone"],
    "drop index by_theme": ["index by_theme on pupils is gone"],
    "alter index by_theme rename to themes": ["index by_theme on pupils is themes, and was by_theme"],
    "alter type mood add value 'so-so'": ["enum mood is good, bad, so-so, and was good, bad"],
    "create or replace function older(integer) returns integer language sql as 'select 2'": [
        "function older(integer) has another definition"
    ],
    "create function older(text) returns integer language sql as 'select 2'": ["function older(text) is new"],
    "create or replace view seen as select id, theme, active from pupils": ["view seen is"],
    "create trigger t before insert on notes for each row execute function suppress_redundant_updates_trigger()": [
        "trigger t on notes is new"
    ],
    "create rule r as on delete to notes do instead nothing": ["rule r on notes is new"],
    "alter table notes enable row level security": ["table notes is on, and was off"],
    "create table late () inherits (notes)": ["table late is new"],
    "create table plans (by integer constraint p references pupils)": [
        "rows of pupils cannot be deleted while plans has them (p)"
    ],
    "revoke select on notes from public": ["PUBLIC has no SELECT on table notes any more"],
}


@pytest.fixture(scope="module")
def schema(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        made.execute(SET_UP)
        yield made


def taken(schema: Database, statements: str) -> tuple[str, ...]:
    with schema.engine().connect() as connection:
        before = read_catalogue(connection)
        connection.execute(sa.text(statements))
        found = narrowings(before, read_catalogue(connection))
        connection.rollback()
        return found


@pytest.mark.parametrize("what", ADDS)
def test_what_only_adds(schema: Database, what: str) -> None:
    assert taken(schema, ADDS[what]) == ()


@pytest.mark.parametrize("statement", TAKES)
def test_what_takes_something_away(schema: Database, statement: str) -> None:
    found, expected = taken(schema, statement), TAKES[statement]
    assert len(found) == len(expected), found
    assert all(one.startswith(other) for one, other in zip(sorted(found), sorted(expected), strict=True)), found
