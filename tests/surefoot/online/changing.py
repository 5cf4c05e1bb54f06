"""A small school whose columns have everything that can hang on a column, and other types for them."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from surefoot.online.change_types.operation import Way
from tests.support.databases import Database

SCHOOL = """
create table parents (id integer primary key, code text not null unique);
insert into parents select n, n::text from generate_series(1, 500) as n;
create table pupils (
    id integer primary key,
    code text not null default '7' constraint code_or_number check (code is not null or number > 0),
    number integer unique deferrable initially deferred,
    place integer not null unique,
    parent text references parents (code) on delete set null,
    seen timestamp default now(),
    k integer generated always as identity (start 100 increment 5),
    s serial not null,
    note text default upper('x'),
    best integer
);
insert into pupils (id, code, number, place, parent) select n, ' 0' || n, n, n, n from generate_series(1, 500) as n;
update pupils set best = place - 1 where place > 1;
alter table pupils add foreign key (best) references pupils (place) not valid;
create index ix_code on pupils (code);
create index ix_part on pupils (lower(note), code desc nulls last) include (parent) where code is not null;
create unique index ix_both on pupils (code, number) nulls not distinct;
create table marks (id integer primary key, place integer references pupils (place) on delete cascade);
insert into marks select n, n from generate_series(1, 100) as n;
create statistics together on code, number from pupils;
comment on column pupils.code is 'what the school calls the pupil';
comment on index ix_code is 'for the list';
comment on constraint code_or_number on pupils is 'one of the two';
alter table pupils alter code set statistics 500, alter number set (n_distinct = -1), cluster on ix_code;
create function touched() returns trigger language plpgsql as
    $$ begin new.note := coalesce(new.note, '') || '!'; return new; end $$;
create trigger touched before update of code, number on pupils for each row execute function touched();
alter table pupils enable always trigger touched;
grant select (code), update (code) on pupils to public;
"""
TIME = "seen at time zone 'UTC'"
UP: dict[str, Way] = {
    "code": ("integer", "code::integer", "code::text"),
    "number": (sa.BigInteger(), "number", "number::integer"),
    "place": (sa.BigInteger, "place", "place::integer"),
    "k": ("bigint", "k", "k::integer"),
    "s": ("bigint", "s", "s::integer"),
    "best": ("bigint", "best", "best::integer"),
    "seen": (sa.DateTime(timezone=True), TIME, TIME),
}
OLD = dict.fromkeys(UP, "integer") | {"code": "text", "seen": "timestamp"}
DOWN: dict[str, Way] = {name: (OLD[name], back, using) for name, (_, using, back) in UP.items()}
Change = Callable[[Any], object]


def up(op: Any) -> None:
    op.change_types_online("pupils", UP)


def down(op: Any) -> None:
    op.change_types_online("pupils", DOWN)


ALL = "id, code, number, place, k, s, best, seen, parent"


def rows(database: Database, columns: str = ALL) -> list[tuple[object, ...]]:
    return database.rows(f"select {columns} from pupils order by id")
