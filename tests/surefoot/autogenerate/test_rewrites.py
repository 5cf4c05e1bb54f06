"""What is held to be free of a rewrite is asked of PostgreSQL itself, on each server."""

from collections.abc import Iterator

import pytest
from psycopg import Connection, sql

from surefoot.autogenerate.table_rewrites import RewriteCost, cost, narrows
from tests.support.databases import fresh
from tests.support.servers import Server

TYPES = {
    "character varying(50)": "'a'",
    "character varying(100)": "'a'",
    "character varying": "'a'",
    "character(10)": "'a'",
    "text": "'a'",
    "numeric(6,2)": "1.5",
    "numeric(8,2)": "1.5",
    "numeric(8,3)": "1.5",
    "numeric": "1.5",
    "integer": "1",
    "bigint": "1",
    "double precision": "1.5",
    "timestamp without time zone": "'2026-01-31 08:00'",
    "timestamp(3) without time zone": "'2026-01-31 08:00'",
    "timestamp with time zone": "'2026-01-31 08:00'",
    "timestamp(3) with time zone": "'2026-01-31 08:00'",
    "time without time zone": "'08:00'",
    "time(3) without time zone": "'08:00'",
    "bit varying(5)": "B'1'",
    "bit varying": "B'1'",
    "inet": "'10.0.0.1'",
    "cidr": "'10.0.0.1'",
}


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with fresh(server) as database, database.connect() as opened:
        yield opened


@pytest.mark.parametrize("old", TYPES)
def test_what_is_free_rewrites_nothing(connection: Connection, old: str) -> None:
    for new in TYPES:
        expected = cost(old, new)
        if expected is RewriteCost.REWRITE or old == new:
            continue
        rewritten = _rewritten(
            connection, old, new, "UTC" if expected is RewriteCost.NONE_UNDER_UTC else "America/Chicago"
        )
        assert not rewritten, f"{old} to {new} writes the table anew"


def test_the_zone_is_what_makes_it_free(connection: Connection) -> None:
    old, new = "timestamp without time zone", "timestamp with time zone"
    assert cost(old, new) is RewriteCost.NONE_UNDER_UTC
    assert _rewritten(connection, old, new, "America/Chicago")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("character varying(50)", "character varying(100)"),
        ("character varying(50)", "text"),
        ("numeric(6,2)", "numeric(8,2)"),
        ("numeric(6,2)", "numeric"),
        ("timestamp without time zone", "timestamp with time zone"),
    ],
)
def test_what_the_issue_names_is_free_one_way_and_not_back(old: str, new: str) -> None:
    assert cost(old, new) is not RewriteCost.REWRITE
    assert not narrows(old, new)
    if cost(old, new) is RewriteCost.NONE:
        assert cost(new, old) is RewriteCost.REWRITE
        assert narrows(new, old)


def _rewritten(connection: Connection, old: str, new: str, zone: str) -> bool:
    try:
        connection.execute(sql.SQL("create table t (c {})").format(sql.SQL(old)))
        connection.execute(sql.SQL("insert into t values ({})").format(sql.SQL(TYPES[old])))
        connection.execute("select set_config('timezone', %s, true)", (zone,))
        before = connection.execute("select pg_relation_filenode('t')").fetchone()
        connection.execute(sql.SQL("alter table t alter column c type {}").format(sql.SQL(new)))
        return connection.execute("select pg_relation_filenode('t')").fetchone() != before
    finally:
        connection.rollback()
