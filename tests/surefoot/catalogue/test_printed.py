"""Two printed forms of one expression become one, and nothing inside a literal is touched."""

import subprocess

import pytest

from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.normalise import expression, routine, single_view
from surefoot.catalogue.reader import read_catalogue
from surefoot.servers import libpq
from tests.support.databases import Database, fresh
from tests.support.servers import Server

EVERYWHERE = """
create domain word as varchar(20) check (value in ('a'::varchar(20), 'b'));
create table t (
    id integer primary key, v varchar, v20 varchar(20), b text default 'a'::varchar(20), c char(3), n numeric,
    i integer, big bigint, d date, ts timestamp, tz timestamptz, r real, dp double precision, "Odd, ""Name]" varchar,
    many varchar[] default array['a'::varchar(3), 'b'],
    made boolean generated always as (v in ('a'::varchar(20), 'b')) stored,
    constraint literals check (b in ('a'::varchar(20), 'b') and v20 not in ('it''s'::varchar(20), E'b\\\\s', 'x, y]')),
    constraint columns check (b = any (array[v, coalesce(v20, 'x'), lower(v)::varchar(3), many[1], (v || 'q')::varchar])
                              and many <> array[]::varchar[]),
    constraint numbers check (n = any (array[i + 1, case when i > 0 then 1 else 2 end, -i]) and n in (i, big, null)),
    constraint casts check (n = any (array[i, i * 2, i::bigint, big, (i + 1)::smallint]) and dp in (r, 1.5)),
    constraint times check (tz = any (array[ts, ts + interval '1 day']) and ts = any (array[d, d + 1])),
    constraint nested check (b = any (array[[v], [v20]]) and b = any (array["Odd, ""Name]", '],'::varchar])),
    constraint collations check (b = any (array[v collate "C", v20])),
    constraint padded check (upper(c) = any (array['A'::char(1), 'B']))
);
create index partial on t ((b = any (array[v, v20]))) where v20 in ('a'::varchar(20), 'b') and n in (i, big);
create view seen as
    with q as (select id, b from t where b in ('x'::varchar(2), 'y'))
    select q.id, case when t.v20 in ('a'::varchar(20), 'b') then 1 end as kind
      from q join t using (id) where exists (select from t as o where o.b in (t.v, o.v20::varchar(2)));
create materialized view kept as select b from t where v in ('a'::varchar(20), 'b');
alter table t enable row level security;
create policy seen on t using (v in ('a'::varchar(20), 'b')) with check (b in (v, 'x'));
create function called() returns trigger language plpgsql as 'begin return new; end';
create trigger called before update on t for each row
    when (new.v in ('a'::varchar(20), 'b')) execute function called();
create function parsed(a varchar) returns boolean language sql return a = any (array['x'::varchar, a]);
create procedure steps(a varchar) language sql begin atomic delete from t where v in (a, 'x'::varchar(3)); end;
create table parts (k varchar(20)) partition by list (k);
create table part partition of parts for values in ('a'::varchar(20), 'b');
create table computed (k varchar) partition by list ((k in ('a'::varchar(20), 'b')));
create table apart (v varchar, i int4range, exclude using gist (i with &&) where (v in ('a'::varchar(20), 'b')));
"""


@pytest.mark.parametrize(
    ("fresh", "restored"),
    [
        ("ARRAY['a'::character varying]::text[]", "ARRAY['a'::character varying::text]"),
        (
            "(v::text = ANY (ARRAY['it''s, ]'::character varying, NULL::character varying]::text[])) AND i > 1",
            "(v::text = ANY (ARRAY['it''s, ]'::character varying::text, NULL::character varying::text])) AND i > 1",
        ),
        (
            r"v::text <> ALL (ARRAY[E'back\\\\slash'::character varying]::text[])",
            r"v::text <> ALL (ARRAY[E'back\\\\slash'::character varying::text])",
        ),
        (
            "b = ANY (ARRAY['a'::character varying(20), x, lower(y::text)::character varying]::text[])",
            "b = ANY (ARRAY['a'::character varying(20)::text, x::text, lower(y::text)::character varying::text])",
        ),
        (
            "n = ANY (ARRAY[i, 2 + i, a[i, 2]]::numeric[])",
            "n = ANY (ARRAY[i::numeric, (2 + i)::numeric, a[i, 2]::numeric])",
        ),
        (
            "LIST ((((k)::text = ANY ((ARRAY['a'::character varying(20), k])::text[]))))",
            "LIST ((((k)::text = ANY (ARRAY[('a'::character varying(20))::text, (k)::text]))))",
        ),
    ],
)
def test_a_list_reads_as_it_does_after_a_restore(fresh: str, restored: str) -> None:
    assert expression(fresh) == restored
    assert expression(restored) == restored


def test_every_expression_is_the_same_after_a_dump_and_restore(server: Server, database: Database) -> None:
    database.psql(stdin=EVERYWHERE)
    dumped = subprocess.run(
        [str(server.bin / "pg_dump"), "--schema-only"],
        env=libpq.process_environment(database.url), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    with fresh(server) as restored:
        restored.psql(stdin=dumped)
        before, after = (_catalogue(each) for each in (database, restored))
    assert [str(each) for each in compare(before, after).deviations] == []
    assert len(before.relations) == 7


def _catalogue(database: Database) -> Catalogue:
    with database.engine().connect() as connection:
        return read_catalogue(connection)


def test_a_body_that_is_text_stays_as_it_was_written() -> None:
    text = "CREATE FUNCTION f()\n LANGUAGE sql\nAS $function$\nRETURN ARRAY[a, b]::text[]\n$function$\n"
    assert routine(text) == text


@pytest.mark.parametrize(
    "text",
    ["ARRAY[1, 2]", "ARRAY['a'::text, 'b'::text]", "v = 'ARRAY[''a''::character varying]::text[]'", "ARRAY[]::text[]"],
)
def test_other_expressions_stay(text: str) -> None:
    assert expression(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" SELECT users.id,\n    users.a\n   FROM users;", " SELECT id,\n    a\n   FROM users;"),
        (" SELECT u.id\n   FROM users u\n  WHERE u.a > 1;", " SELECT id\n   FROM users u\n  WHERE a > 1;"),
        (' SELECT "A b".id\n   FROM "A b";', ' SELECT id\n   FROM "A b";'),
        (" SELECT t.id\n   FROM ONLY other.t;", " SELECT id\n   FROM ONLY other.t;"),
        (" SELECT 'it''s u.id' AS \"u.id\"\n   FROM users u;", " SELECT 'it''s u.id' AS \"u.id\"\n   FROM users u;"),
        (" SELECT row_to_json(u.*) AS j\n   FROM users u;", " SELECT row_to_json(u.*) AS j\n   FROM users u;"),
        (" SELECT menu.id\n   FROM users u;", " SELECT menu.id\n   FROM users u;"),
        (" SELECT 1 AS one;", " SELECT 1 AS one;"),
    ],
)
def test_a_view_on_one_relation_loses_its_qualifiers(before: str, after: str) -> None:
    assert single_view(before) == after
