"""An application hands over its own connection: afterwards that, its transaction and its logging are as they were."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from surefoot.errors import FailedError, UsageError
from tests.ourschool.history.schools import BASELINE, CHAIN, HEAD, at, catalogue, journal, make_existing
from tests.support.databases import ROOT, Database
from tests.surefoot.faults.runs import advisory_locks, revision

SETTINGS = (
    "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "client_connection_check_interval",
    "timezone", "search_path", "row_security",
)  # fmt: skip
LAST_TRANSACTIONAL = "c5e7a1f03b68"
LATE = "17d4b8e26fa9"
"""The next one, which commits its parts."""


@pytest.fixture
def engine(scratch: Database) -> Iterator[sa.Engine]:
    """An application's engine: a pool of one connection, with settings of its own."""
    options = "-c timezone=Asia/Tokyo"
    made = sa.create_engine(scratch.url, pool_size=1, max_overflow=0, pool_timeout=2, connect_args={"options": options})
    sa.event.listen(made, "connect", set_up)
    yield made
    made.dispose()


def set_up(connection: Any, _: object) -> None:
    """What the application says on each connection that its pool makes: RESET would not bring it back."""
    connection.execute("set lock_timeout = 4321")
    connection.execute("set statement_timeout = 60000")
    connection.commit()


def config(connection: sa.Connection, folder: Path = ROOT) -> Config:
    made = Config(str(folder / "alembic.ini"))
    made.attributes["connection"] = connection
    return made


def settings(connection: sa.Connection) -> list[object]:
    return [connection.exec_driver_sql(f"show {name}").scalar_one() for name in SETTINGS]


def handlers_and_levels() -> dict[str, object]:
    loggers = {name: logging.getLogger(name) for name in ("root", *logging.root.manager.loggerDict)}
    return {
        name: (list(logger.handlers), logger.level, logger.disabled, logger.propagate)
        for name, logger in loggers.items()
    }


@pytest.mark.promise("O7", "A7")
def test_outside_a_transaction_it_goes_to_head_and_leaves_the_connection_as_it_was(
    scratch: Database, engine: sa.Engine
) -> None:
    make_existing(scratch)
    with engine.connect() as connection:
        before = settings(connection)
        connection.commit()
        command.upgrade(config(connection), "head")
        assert not connection.in_transaction()
        assert settings(connection) == before
        assert advisory_locks(scratch) == []
    assert at(scratch) == [HEAD]
    assert journal(scratch) == [("stamp", BASELINE)] + [("upgrade", each) for each in CHAIN[1:]]


def test_every_revision_runs_with_the_migrators_settings_whatever_the_one_before_set(
    scratch: Database, engine: sa.Engine, project: Path
) -> None:
    revision(
        project, "told", HEAD, "op.execute(\"create table told as select current_setting('lock_timeout') as here\")"
    )
    with engine.connect() as connection:
        command.upgrade(config(connection, project), "head")
    assert scratch.value("select here from told") == "200ms"
    scratch.alembic("downgrade", "e92f60ab7d31", cwd=project)
    scratch.execute("drop table told")
    scratch.alembic("upgrade", "head", cwd=project)
    assert scratch.value("select here from told") == "200ms"


@pytest.mark.promise("O7")
def test_inside_a_transaction_all_of_it_is_the_callers(scratch: Database, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        before = settings(connection)
        command.upgrade(config(connection), BASELINE)  # two commands in one transaction
        command.upgrade(config(connection), LAST_TRANSACTIONAL)
        assert connection.in_transaction()
        assert settings(connection) == before
        assert connection.scalar(sa.text("select count(*) from migration_journal")) == 4
        assert (scratch.rows("select to_regclass('users')"), len(advisory_locks(scratch))) == ([(None,)], 1)
        connection.rollback()
        assert settings(connection) == before
        assert advisory_locks(scratch) == []
    assert catalogue(scratch).relations == ()
    assert scratch.rows("select to_regclass('migration_journal'), to_regclass('alembic_version')") == [(None, None)]

    with engine.begin() as connection:
        command.upgrade(config(connection), LAST_TRANSACTIONAL)
    assert at(scratch) == [LAST_TRANSACTIONAL]
    assert journal(scratch) == [("upgrade", each) for each in CHAIN[: CHAIN.index(LAST_TRANSACTIONAL) + 1]]


def test_inside_a_transaction_a_revision_that_commits_is_refused(scratch: Database, engine: sa.Engine) -> None:
    make_existing(scratch)
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused, engine.begin() as connection:
        command.upgrade(config(connection), "head")
    assert str(refused.value) == (
        "Revision 17d4b8e26fa9 works outside a transaction (autocommit_block), but the connection that was passed in "
        "is inside one.\nYour data: The transaction is the caller's, who decides what is kept.\n"
        "The school: It sees what the caller commits.\n"
        "Next: Pass the connection before a transaction begins on it: from engine.connect(), not engine.begin(). "
        "Or run python -m alembic upgrade head."
    )
    assert (at(scratch), catalogue(scratch), advisory_locks(scratch)) == ([BASELINE], before, [])


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
def test_a_connection_without_transactions_is_refused(scratch: Database, used: bool) -> None:
    engine = sa.create_engine(scratch.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if used:
            connection.execute(sa.text("select 1"))
        with pytest.raises(UsageError, match="in AUTOCOMMIT, where a revision that fails stays half done"):
            command.upgrade(config(connection), "head")
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.autocommit
        assert advisory_locks(scratch) == []
    assert scratch.rows("select to_regclass('users'), to_regclass('alembic_version')") == [(None, None)]


OPTIONS: dict[str, dict[str, Any]] = {
    "streams": {"stream_results": True},
    "rows": {"yield_per": 100},
    "other schemas": {"schema_translate_map": {"tenant": "public"}},
}


@pytest.mark.parametrize("given", OPTIONS)
def test_what_the_engine_has_for_its_own_queries_does_not_reach_a_revision(
    scratch: Database, engine: sa.Engine, given: str
) -> None:
    make_existing(scratch)
    with engine.execution_options(**OPTIONS[given]).connect() as connection:
        command.upgrade(config(connection), LATE)
        left = connection.get_execution_options()
        assert {name: value for name, value in left.items() if value and name != "isolation_level"} == OPTIONS[given]
    assert advisory_locks(scratch) == []


def test_a_driver_that_prepares_every_statement_works(scratch: Database) -> None:
    make_existing(scratch)
    engine = sa.create_engine(scratch.url, poolclass=sa.NullPool, connect_args={"prepare_threshold": 0})
    with engine.connect() as connection:
        command.upgrade(config(connection), "9c2f7be1a846")
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.prepare_threshold == 0


def test_a_schema_that_only_the_engine_names_is_refused(scratch: Database, engine: sa.Engine) -> None:
    mapped = engine.execution_options(schema_translate_map={None: "school"})
    with mapped.connect() as connection, pytest.raises(UsageError, match="a schema_translate_map for tables without"):
        command.upgrade(config(connection), "head")
    assert scratch.rows("select to_regclass('users'), to_regclass('alembic_version')") == [(None, None)]


def test_a_statement_that_fails_before_the_first_revision_leaves_nothing_in_the_pool(
    scratch: Database, engine: sa.Engine
) -> None:
    """It is in nobody's transaction, and none of Alembic's ends it."""

    def refused(_: object, cursor: Any, statement: str, *__: object) -> None:
        if "transaction_read_only" in statement:
            cursor.execute("select 1/0")

    with engine.connect() as connection:
        connection.exec_driver_sql("create schema school")
        connection.exec_driver_sql("create table school.users ()")
        connection.exec_driver_sql("set search_path = public, school")
        connection.commit()
        before = settings(connection)
        connection.commit()
        sa.event.listen(engine, "before_cursor_execute", refused)
        with pytest.raises(FailedError, match="division by zero"):
            command.upgrade(config(connection), "head")
        sa.event.remove(engine, "before_cursor_execute", refused)
        connection.rollback()
        assert settings(connection) == before
        assert advisory_locks(scratch) == []


def test_an_operation_in_an_autocommit_block_of_the_revisions_own_works(
    scratch: Database, engine: sa.Engine, project: Path
) -> None:
    body = """with op.get_context().autocommit_block():
        op.create_index_online("ix_users_theme", "users", ["theme"])"""
    revision(project, "blocked", HEAD, body)
    with engine.connect() as connection:
        level = connection.get_isolation_level()
        connection.commit()
        command.upgrade(config(connection, project), "head")
        assert connection.get_isolation_level() == level
    assert at(scratch) == ["blocked"]


@pytest.mark.parametrize("begun", [False, True], ids=["outside", "inside"])
def test_a_failure_reaches_the_program_as_an_exception(
    scratch: Database, engine: sa.Engine, project: Path, begun: bool
) -> None:
    """And does not wait for a journal that the caller's own transaction holds."""
    revision(project, "broken", LAST_TRANSACTIONAL, 'op.add_column("users", sa.Column("half", sa.Text()))\n1 / 0')
    with engine.connect() as connection:
        before = settings(connection)
        if not begun:
            connection.commit()
        with pytest.raises(FailedError, match="broken failed: ZeroDivisionError"):
            command.upgrade(config(connection, project), "broken")
        connection.rollback()
        assert settings(connection) == before
        assert advisory_locks(scratch) == []
    if begun:
        assert catalogue(scratch).relations == ()
    else:
        assert at(scratch) == [LAST_TRANSACTIONAL]
        assert journal(scratch, "failed") == [("upgrade", "broken")]


def test_what_an_operation_refuses_reaches_the_program_as_it_is(engine: sa.Engine, project: Path) -> None:
    """With an end to its causes: a fault raised from itself sends whoever follows them round for ever."""
    revision(project, "broken", LAST_TRANSACTIONAL, 'op.create_index_online("ix_no_a", "no_such_table", ["a"])')
    with engine.connect() as connection, pytest.raises(UsageError, match="no_such_table") as refused:
        command.upgrade(config(connection, project), "broken")
    assert refused.value.__cause__ is not refused.value


@pytest.mark.parametrize("begun", [False, True], ids=["outside", "inside"])
def test_an_applications_logging_is_as_it_was(scratch: Database, engine: sa.Engine, begun: bool) -> None:
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ours, ear = logging.getLogger("school.web"), Ear()
    logging.root.addHandler(ear)
    ours.setLevel(logging.DEBUG)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    logging.getLogger("ourschool").setLevel(logging.INFO)
    try:
        before = handlers_and_levels()
        with engine.connect() as connection:
            if begun:
                connection.execute(sa.text("select 1"))
            command.upgrade(config(connection), LAST_TRANSACTIONAL)
            connection.commit()
        assert at(scratch) == [LAST_TRANSACTIONAL]
        after = handlers_and_levels()
        assert {name: after[name] for name in before} == before
        ours.debug("still heard")
        assert "still heard" in heard
        assert any(f"upgrade of {LAST_TRANSACTIONAL} took" in line for line in heard)
    finally:
        logging.root.removeHandler(ear)


def test_the_other_threads_of_the_application_work_on(scratch: Database) -> None:
    """A pool of two, one of them handed over: whoever waits for the other is not made to wait."""
    engine = sa.create_engine(scratch.url, pool_size=2, max_overflow=0, pool_timeout=5)
    answered = []

    def ask() -> None:
        for _ in range(20):
            with engine.connect() as connection:
                answered.append(connection.scalar(sa.text("select 1")))

    with engine.connect() as connection:
        thread = threading.Thread(target=ask)
        thread.start()
        command.upgrade(config(connection), "head")
        thread.join()
    assert answered == [1] * 20
    assert at(scratch) == [HEAD]
    engine.dispose()
