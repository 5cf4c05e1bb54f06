"""What tests of retired columns share: setting one aside, taking it back, and being refused."""

from typing import Any

import pytest
from alembic.operations import Operations

from ourschool.errors import OurSchoolError, RefusedError
from tests.online.harness import assert_equal, catalogue, run
from tests.support.databases import Database

SET_ASIDE = """
select attrelid::regclass, attname, atthasdef, attnotnull from pg_attribute where starts_with(attname, '__retired_')
"""


def retire(table: str, column: str) -> Any:
    return lambda op: op.retire_column(table, column)


def restore(table: str, column: str) -> Any:
    def work(op: Operations) -> None:
        assert op.restore_column(table, column)  # type: ignore[attr-defined]

    return work


def refused(database: Database, work: Any, kind: type[OurSchoolError] = RefusedError) -> str:
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
