"""A change of types on a table without rows: in one short transaction, and as it comes out where rows are."""

import pytest
import sqlalchemy as sa

from surefoot.errors import RefusedError
from surefoot.online.change_types.operation import ChangeTypesOnlineOp, Way
from tests.support.databases import Database
from tests.surefoot.online.changing import SCHOOL, UP
from tests.surefoot.online.harness import assert_equal, catalogue, run

EMPTIED = "set constraints all immediate; truncate pupils, parents, marks"
ONE_BY_ONE = [{name: way} for name, way in UP.items()]
PLAIN: dict[str, Way] = {
    "word": ("integer", "word::integer", "word::text"),
    "day": (sa.Date(), "day::date", "day::text"),
    "part": ("numeric", "part::numeric", "part::double precision"),
}
PLAIN_TABLE = """
create type words as enum ('1', '2');
create table plain (
    id integer primary key,
    word text not null default '1',
    day text unique,
    part double precision
);
create index ix_plain on plain (day, word desc nulls last) where part is not null;
create unique index ix_word on plain (word, part desc) include (day);
comment on column plain.word is 'a word';
grant select (word) on plain to public;
"""


@pytest.mark.parametrize("ways", [*ONE_BY_ONE, UP], ids=[*UP, "all at once"])
def test_it_comes_out_as_one_with_rows(scratch: Database, ways: dict[str, Way]) -> None:
    def both(op: object) -> None:
        ChangeTypesOnlineOp.change_types_online(op, "pupils", ways)  # type: ignore[arg-type]

    scratch.psql(stdin=SCHOOL)
    refused = None
    try:
        run(scratch, both)
    except RefusedError as fault:
        refused = fault.message
    expected = catalogue(scratch)
    scratch.execute("drop schema public cascade", "drop schema if exists retired cascade", "create schema public")
    scratch.psql(stdin=SCHOOL)
    scratch.execute(EMPTIED)
    if refused is None:
        run(scratch, both)
    else:
        with pytest.raises(RefusedError):
            run(scratch, both)
    assert_equal(expected, catalogue(scratch))


def test_it_is_done_at_once_and_goes_back_with_rows(database: Database) -> None:
    def filled(op: object) -> None:
        ChangeTypesOnlineOp.change_types_online(op, "plain", PLAIN)  # type: ignore[arg-type]

    def back(op: object) -> None:
        ways: dict[str, Way] = {
            "word": ("text", "word::text", "word::integer"),
            "day": ("text", "day::text", "day::date"),
            "part": (sa.Double(), "part::double precision", "part::numeric"),
        }
        ChangeTypesOnlineOp.change_types_online(op, "plain", ways)  # type: ignore[arg-type]

    database.psql(stdin=PLAIN_TABLE)
    before = catalogue(database)
    run(database, filled)
    there = catalogue(database)
    assert database.value("select to_regnamespace('retired') is null") is True, "nothing was there to set aside"
    database.execute("insert into plain (id, day, part) values (1, '2025-03-09', 0.5)")
    assert database.rows("select word, day::text, part::text from plain") == [(1, "2025-03-09", "0.5")]
    run(database, back)
    assert database.rows("select word, day, part from plain") == [("1", "2025-03-09", 0.5)]
    assert_equal(before, catalogue(database))
    run(database, filled)
    assert_equal(there, catalogue(database))
