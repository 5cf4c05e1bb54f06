"""Taking a snapshot changes nothing: not the caller's settings, not his transaction, not the database."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from surefoot.catalogue.reader import read_catalogue
from tests.support.databases import Database
from tests.surefoot.catalogue.school import build, run

SETTINGS = ("search_path", "timezone", "datestyle", "intervalstyle", "jit", "quote_all_identifiers", "bytea_output")


@pytest.fixture
def engine(database: Database) -> Iterator[sa.Engine]:
    made = database.engine()
    with made.begin() as connection:
        build(connection, "public")
    yield made
    made.dispose()


def settings(connection: sa.Connection) -> list[str]:
    return [str(connection.exec_driver_sql(f"show {name}").scalar_one()) for name in SETTINGS]


def test_settings_are_as_they_were(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        run(connection, "set search_path = pg_catalog; set local timezone = 'Asia/Tokyo'; set datestyle = 'German'")
        before = settings(connection)
        read_catalogue(connection)
        assert settings(connection) == before
        connection.commit()
        assert settings(connection)[0] == "pg_catalog"


def test_the_callers_transaction_goes_on(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("create table extra (id integer)"))
        assert "extra" in [table.name for table in read_catalogue(connection).tables]
        assert connection.in_transaction()
    with engine.connect() as connection:
        assert "extra" in [table.name for table in read_catalogue(connection).tables]


def test_a_transaction_just_begun_stays_the_callers(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        read_catalogue(connection)
        connection.execute(sa.text("create table extra (id integer)"))
    with engine.connect() as connection:
        assert "extra" in [table.name for table in read_catalogue(connection).tables]


def test_without_a_transaction_none_is_left(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        read_catalogue(connection)
        assert not connection.in_transaction()
        assert connection.connection.driver_connection.info.transaction_status.name == "IDLE"  # type: ignore[union-attr]


def test_on_a_connection_in_autocommit(engine: sa.Engine) -> None:
    with engine.connect() as held:
        connection = held.execution_options(isolation_level="AUTOCOMMIT")
        before = settings(connection)
        connection.rollback()
        assert read_catalogue(connection).tables
        assert not connection.in_transaction()
        assert settings(connection) == before


def test_in_a_transaction_that_only_reads(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        expected = read_catalogue(connection)
        connection.rollback()
        connection.execute(sa.text("set transaction read only"))
        assert read_catalogue(connection) == expected
        assert connection.exec_driver_sql("select pg_current_xact_id_if_assigned()").scalar() is None


def divide_by_zero(*call: Any) -> tuple[str, Any]:
    """In place of the snapshot's statement, one that fails on the server."""
    statement, parameters = call[2:4]
    return ("select 1 / 0", ()) if "json_build_object" in statement else (statement, parameters)


def test_a_failure_leaves_the_callers_transaction_usable(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("create table extra (id integer)"))
        sa.event.listen(connection, "before_cursor_execute", divide_by_zero, retval=True)
        with pytest.raises(sa.exc.DataError):
            read_catalogue(connection)
    with engine.connect() as connection:
        assert "extra" in [table.name for table in read_catalogue(connection).tables]


def test_the_callers_settings_and_temporary_tables_do_not_show(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        expected = read_catalogue(connection)
        run(
            connection,
            """
            create temporary table users (id integer);
            create temporary table receipt_number (id integer);
            set local search_path = '';
            set local timezone = 'Asia/Tokyo';
            set local datestyle = 'German, DMY';
            set local intervalstyle = 'iso_8601';
            set local quote_all_identifiers = on;
            """,
        )
        assert read_catalogue(connection) == expected


def test_a_schema_that_is_not_there_is_empty(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert read_catalogue(connection, "no such schema").relations == ()


def test_it_takes_one_statement_of_each_kind(engine: sa.Engine) -> None:
    """On a server far away each round trip costs: no statement for each table."""
    seen: list[str] = []
    with engine.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *call: seen.append(call[2]))
        read_catalogue(connection)
    assert len(seen) == 5
