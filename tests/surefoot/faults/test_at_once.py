"""Eight upgrades at once: one does the work, seven find nothing left to do, and all of them end well."""

import pytest

from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    STEADY,
    at,
    catalogue,
    counted,
    journal,
    make_existing,
)
from tests.support.databases import Database, fresh
from tests.surefoot.faults.runs import Run, advisory_locks

EIGHT = 8


def eight_at_once(database: Database) -> list[str]:
    runs = [Run(database, "upgrade", "head") for _ in range(EIGHT)]
    return [run.ends(0) for run in runs]


def one_did_the_work(said: list[str]) -> None:
    assert sum("Running " in each for each in said) == 1
    assert sum(f"Nothing to do: the database is at {HEAD}." in each for each in said) == EIGHT - 1


@pytest.mark.promise("A7")
def test_on_an_empty_database(database: Database) -> None:
    one_did_the_work(eight_at_once(database))
    assert journal(database) == [("upgrade", revision) for revision in CHAIN]
    assert journal(database, "failed") == []
    assert (at(database), advisory_locks(database)) == ([HEAD], [])


@pytest.mark.promise("A7")
def test_on_an_existing_database(database: Database) -> None:
    make_existing(database)
    rows = counted(database, STEADY)
    one_did_the_work(eight_at_once(database))
    assert journal(database) == [("stamp", BASELINE)] + [("upgrade", revision) for revision in CHAIN[1:]]
    assert journal(database, "failed") == []
    assert (at(database), advisory_locks(database), counted(database, STEADY)) == ([HEAD], [], rows)
    with fresh(database.server) as empty:
        empty.alembic("upgrade", "head")
        assert catalogue(database) == catalogue(empty)
