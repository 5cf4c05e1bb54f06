"""What tests of retired columns, tables and rows share: setting one aside, taking it back, and being refused."""

from typing import Any

import pytest
from alembic.operations import Operations

from surefoot.errors import RefusedError, SurefootError
from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue, operations, run

SET_ASIDE = """
select attrelid::regclass, attname, atthasdef, attnotnull from pg_attribute where starts_with(attname, '__retired_')
"""
ASIDE = """
select attrelid::regclass::text || '.' || attname from pg_attribute
 where starts_with(attname, '__retired_') and not attisdropped
 union all
select oid::regclass::text from pg_class where relnamespace = to_regnamespace('retired')
 union all
select oid::regtype::text from pg_type where typnamespace = to_regnamespace('retired')
"""
"""Every column, relation and type that is set aside."""
SCHOOL = """
create type mood as enum ('glad', 'sad');
create table terms (id integer primary key, name text);
create table lessons (
    id serial primary key,
    number bigint generated always as identity (start 100),
    term_id integer not null references terms (id) on delete restrict,
    parent_id integer constraint lessons_parent_id_fkey references lessons (id),
    title text not null default 'Art' check (title <> ''),
    mood mood default 'glad',
    unique (title, number)
);
comment on table lessons is 'what is taught';
create index ix_lessons_title on lessons (lower(title));
alter table lessons enable row level security;
create policy own on lessons using (title <> 'secret');
create table visits (id serial primary key, lesson_id integer references lessons (id) on delete cascade);
create index ix_visits_lesson_id on visits (lesson_id);
create table notes (lesson_id integer);
alter table notes add foreign key (lesson_id) references lessons (id) not valid;
create function touched() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update on lessons for each row execute function touched();
alter table lessons enable always trigger touched;
comment on trigger touched on lessons is 'a note';
insert into terms select n, 'Term ' || n from generate_series(1, 3) as n;
insert into lessons (term_id, parent_id, title)
select 1 + n % 3, case when n > 1 then n - 1 end, 'Lesson ' || n from generate_series(1, 20) as n;
insert into visits (lesson_id) select n from generate_series(1, 20) as n;
"""


def retire(table: str, column: str) -> Any:
    return lambda op: op.retire_column(table, column)


def restore(table: str, column: str) -> Any:
    def work(op: Operations) -> None:
        assert op.restore_column(table, column)  # type: ignore[attr-defined]

    return work


def refused(database: Database, work: Any, kind: type[SurefootError] = RefusedError) -> str:
    """The whole text of the refusal; asserts that nothing changed."""
    before, aside, columns = catalogue(database), catalogue(database, "retired"), database.rows(SET_ASIDE)
    with pytest.raises(kind) as caught:
        run(database, work)
    assert database.rows(SET_ASIDE) == columns
    assert_equal(before, catalogue(database))
    assert_equal(aside, catalogue(database, "retired"))
    return str(caught.value)


def gone(database: Database) -> bool:
    """Whether nothing of ours is left."""
    return database.value("select to_regnamespace('retired') is null") is True


def retire_table(table: str) -> Any:
    return lambda op: op.retire_table(table)


def restore_table(table: str) -> Any:
    def work(op: Operations) -> None:
        assert op.restore_table(table)  # type: ignore[attr-defined]

    return work


def retire_rows(table: str, where: str, reason: str | None = None) -> Any:
    return lambda op: op.retire_rows(table, where, reason=reason)


def restored_rows(database: Database, table: str) -> int:
    with operations(database) as op:
        return int(op.restore_rows(table))
