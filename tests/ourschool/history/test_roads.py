"""The two roads to head, the whole chain there and back, and a dump: equal databases, and every row counted."""

import os
import subprocess

import pytest

from surefoot.catalogue.compare import compare
from surefoot.servers import libpq
from tests.ourschool.existing.rows import Size, checksums
from tests.ourschool.history.arrivals import TWELVE, Arrivals
from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    STEADY,
    at,
    catalogue,
    counted,
    heads_at,
    journal,
    make_existing,
    step_down,
    upgrade,
)
from tests.support.databases import Database, fresh

WITH_BEYOND = Size(conflicts=False, beyond=True)
RETIRED = "select distinct table_name::text from retired.things"


def contents(database: Database) -> dict[str, str]:
    with database.connect() as connection:
        return checksums(connection)


@pytest.mark.every_server
@pytest.mark.promise("O8", "T1", "T4", "T6", "C1")
def test_the_existing_and_the_empty_database_come_out_equal(database: Database) -> None:
    counts = make_existing(database, WITH_BEYOND, stamped=False)
    rows = counted(database)
    assert sum(int(str(count)) for count in rows.values()) == counts.total
    sums = contents(database)
    database.alembic("stamp", BASELINE)
    assert contents(database) == sums, "a stamp changes nothing"
    rows = counted(database, STEADY)
    database.alembic("upgrade", "head")
    assert counted(database, STEADY) == rows
    with fresh(database.server) as empty:
        empty.alembic("upgrade", "head")
        assert compare(catalogue(empty), catalogue(database)).deviations == ()
        assert catalogue(database) == catalogue(empty)
        assert journal(empty) == [("upgrade", revision) for revision in CHAIN]
    assert journal(database) == [("stamp", BASELINE)] + [("upgrade", revision) for revision in CHAIN[1:]]

    again = database.alembic("upgrade", "head")
    assert f"Nothing to do: the database is at {HEAD}." in again.stderr
    assert len(journal(database)) == len(CHAIN)


def every_row(database: Database) -> dict[tuple[str, object], object]:
    """Of the twelve tables, each row by its table and id, without columns that are set aside."""
    return {
        (table, key): {name: value for name, value in row.items() if not name.startswith("__retired_")}
        for table in TWELVE
        for key, row in database.rows(f"select id, to_jsonb(t) from {table} as t")
        if isinstance(row, dict)
    }


class Way:
    """The chain under somebody's feet: at each stop every row is counted, and then one more comes to each table."""

    def __init__(self, database: Database) -> None:
        self.database, self.arrivals, self.stops = database, Arrivals(), {BASELINE: catalogue(database)}
        self.rows = counted(database, STEADY)

    def stop(self, revision: str) -> None:
        assert (at(self.database), counted(self.database, STEADY)) == (heads_at(revision), self._expected())
        here = catalogue(self.database)
        assert compare(self.stops.setdefault(revision, here), here).deviations == ()
        assert self.stops[revision] == here
        self.arrivals.arrive(self.database)

    def _expected(self) -> dict[str, int]:
        return {table: int(str(rows)) + self.arrivals.stops for table, rows in self.rows.items()}


@pytest.mark.promise("E4", "C4", "O4")
def test_the_chain_one_revision_at_a_time_up_down_and_up_with_rows_that_come(scratch: Database) -> None:
    walk(scratch)


@pytest.mark.long
def test_the_chain_on_every_server(database: Database) -> None:
    walk(database)


def walk(database: Database) -> None:
    make_existing(database, WITH_BEYOND)
    way, listed = Way(database), database.value("select count(*) from lesson_assignments")
    way.arrivals.arrive(database)
    for revision in CHAIN[1:]:
        upgrade(database, revision)
        way.stop(revision)
    assert way.arrivals.lost(database) == []
    there = every_row(database)
    for revision, before in zip(reversed(CHAIN), reversed(CHAIN[:-1]), strict=False):
        step_down(database, revision)
        way.stop(before)
    assert way.arrivals.lost(database) == []
    assert database.value("select count(*) from lesson_assignments") == int(str(listed)) + way.arrivals.stops
    for revision in CHAIN[1:]:
        upgrade(database, revision)
        way.stop(revision)
    assert way.arrivals.lost(database) == []
    assert len(way.arrivals.given["fees"]) > 60, "tables that come and go keep their rows"
    here = every_row(database)
    assert {key: here[key] for key in there} == there, "there and back and there again: every value as it was"


@pytest.mark.promise("E4")
def test_base_takes_all_and_leaves_nothing_then_head_is_head_again(database: Database) -> None:
    make_existing(database)
    database.alembic("upgrade", "head")
    head = catalogue(database)
    database.alembic("downgrade", "base")
    assert at(database) == []
    left = catalogue(database)
    assert (left.relations, left.enums, left.sequences, left.functions) == ((), (), (), ())
    assert {table for (table,) in database.rows(RETIRED)} <= {
        "guardianships", "assignment_time_entries", "assignment_types", "lesson_assignments",
    }, "what the upgrade made of old rows is kept, not dropped"  # fmt: skip
    database.alembic("upgrade", "head")
    assert catalogue(database) == head
    assert set(counted(database).values()) == {0}


@pytest.mark.promise("O9", "C5")
@pytest.mark.parametrize("revision", [BASELINE, "head"])
def test_a_dump_restores_to_an_equal_database(database: Database, revision: str) -> None:
    make_existing(database, WITH_BEYOND)
    upgrade(database, revision)
    with fresh(database.server) as copy:
        # `pg_dump "$DATABASE_URL" | psql "$DATABASE_URL"`, with a URL that libpq understands
        dump = subprocess.run(
            [str(database.server.bin / "pg_dump"), libpq.connection_uri(database.url)], capture_output=True, check=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        )  # fmt: skip
        copy.psql(stdin=dump.stdout.decode())
        assert catalogue(copy) == catalogue(database)
        assert catalogue(copy, "retired") == catalogue(database, "retired")
        assert contents(copy) == contents(database)
        assert (at(copy), journal(copy)) == (at(database), journal(database))
        for (table,) in database.rows("select format('%I.%I', schemaname, tablename) from pg_tables "
                                      "where schemaname in ('public', 'retired')"):  # fmt: skip
            each = f'select one::text collate "C" from {table} as one order by 1'  # updated rows are in another place
            assert copy.rows(each) == database.rows(each)
        copy.alembic("upgrade", "head")
        assert counted(copy, STEADY) == counted(database, STEADY)
