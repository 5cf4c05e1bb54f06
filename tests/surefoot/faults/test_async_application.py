"""An async application: its engine, its connection inside run_sync, what other tasks notice, and another driver."""

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ourschool import ensure_current, ensure_current_async
from surefoot.errors import RefusedError, UsageError
from tests.ourschool.history.schools import CHAIN, HEAD, at, catalogue, downgrade, journal
from tests.support.databases import ROOT, Database
from tests.surefoot.faults.runs import advisory_locks

ONLINE = "17d4b8e26fa9"
"""A revision that commits inside, and whose operations talk to the driver itself."""
NO_ASYNCPG = r"connects through asyncpg, but ourschool needs psycopg 3"

T = TypeVar("T")


def run(coroutine: Awaitable[T]) -> T:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(coroutine)  # type: ignore[arg-type]  # a coroutine each time


@asynccontextmanager
async def engine_of(database: Database, **more: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database.url, pool_size=1, max_overflow=0, pool_timeout=2, **more)
    yield engine
    await engine.dispose()


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def settings(connection: AsyncConnection) -> tuple[object, ...]:
    query = "select current_setting('lock_timeout'), current_setting('timezone'), current_setting('row_security')"
    row = (await connection.exec_driver_sql(query)).one()
    await connection.commit()
    return tuple(row)


def test_alembic_inside_run_sync_goes_to_head_and_leaves_the_connection_as_it_was(scratch: Database) -> None:
    async def use() -> None:
        tokyo = {"options": "-c timezone=Asia/Tokyo"}
        async with engine_of(scratch, connect_args=tokyo) as engine, engine.connect() as connection:
            before = await settings(connection)
            await connection.run_sync(upgrade)
            assert not connection.in_transaction()
            assert await settings(connection) == before == ("0", "Asia/Tokyo", "on")
            await connection.run_sync(upgrade, "head")
            answers = await connection.exec_driver_sql("select 1 where 1 = %s", (1,))
            assert answers.scalar_one() == 1

    run(use())
    assert at(scratch) == [HEAD]
    assert journal(scratch) == [("upgrade", each) for each in CHAIN]
    assert advisory_locks(scratch) == []


def test_inside_a_transaction_all_of_it_is_the_callers(scratch: Database) -> None:
    async def use() -> None:
        async with engine_of(scratch) as engine:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade, "c5e7a1f03b68")
                await connection.rollback()
            assert catalogue(scratch).relations == ()
            with pytest.raises(UsageError, match=f"Revision {ONLINE} works outside a transaction"):
                async with engine.begin() as connection:
                    await connection.run_sync(upgrade, CHAIN[-2])  # to head the snapshot leads, in one transaction

    run(use())
    assert catalogue(scratch).relations == ()


@pytest.fixture
def behind(at_head: Database) -> Database:
    """A database that lacks the last revision."""
    downgrade(at_head, CHAIN[-2])
    return at_head


def test_an_async_engine_is_brought_up_while_the_loop_goes_on(behind: Database) -> None:
    """Also where its pool has no connection left, and where its connections are made in a way of its own."""
    made: list[str] = []

    async def ticks() -> int:
        count = 0
        while True:
            await asyncio.sleep(0.02)
            count += 1
            if done.is_set():
                return count

    done = asyncio.Event()

    async def use() -> int:
        async with engine_of(behind) as engine:

            @sa.event.listens_for(engine.sync_engine, "do_connect")
            def connects(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
                made.append(parameters["dbname"])

            async with engine.connect():
                ticking = asyncio.create_task(ticks())
                ensured = await ensure_current_async(engine)
            assert (ensured.revision, ensured.pending) == (HEAD, (HEAD,))
            assert (await ensure_current_async(engine, when_behind="refuse")).pending == ()
            done.set()
            return await ticking

    assert run(use()) > 5
    assert set(made) == {behind.url.database}
    assert len(made) >= 4
    assert journal(behind)[-1] == ("upgrade", HEAD)


def test_two_tasks_at_once_each_on_its_connection(behind: Database) -> None:
    async def one() -> str:
        async with engine_of(behind) as engine, engine.connect() as connection:
            return (await ensure_current_async(connection)).revision

    async def both() -> list[str]:
        return list(await asyncio.gather(one(), one()))

    before = journal(behind)
    assert run(both()) == [HEAD, HEAD]
    assert journal(behind) == [*before, ("upgrade", HEAD)]


@pytest.mark.parametrize("inside", [False, True], ids=["without a loop", "in a loop that runs"])
def test_a_synchronous_call_takes_whatever_names_the_database(at_head: Database, inside: bool) -> None:
    text = at_head.url.render_as_string(False)
    targets: list[Callable[[], Any]] = [
        lambda: create_async_engine(at_head.url),
        lambda: create_async_engine(at_head.url).sync_engine,
        lambda: sa.create_engine(at_head.url, poolclass=sa.NullPool),
        lambda: at_head.url,
        lambda: at_head.url.set(drivername="postgresql+psycopg_async"),
        lambda: text,
        lambda: text.replace("postgresql+psycopg", "postgres"),
    ]

    async def use() -> None:
        call()

    def call() -> None:
        for target in targets:
            assert ensure_current(target(), when_behind="refuse").revision == HEAD
        with pytest.raises(UsageError, match="is an AsyncConnection's, and nothing"):
            ensure_current(AsyncConnection(create_async_engine(at_head.url)))

    run(use()) if inside else call()


def test_a_refusal_and_a_fault_of_the_server_come_as_they_are(scratch: Database) -> None:
    scratch.execute("create table mine (id integer)")
    absent = create_async_engine(scratch.url.set(port=1, host="127.0.0.1", query={}))
    with pytest.raises(Exception, match="No PostgreSQL answers at 127"):
        run(ensure_current_async(absent))

    async def use() -> None:
        async with engine_of(scratch) as engine, engine.connect() as connection:
            with pytest.raises(RefusedError, match="mine"):
                await ensure_current_async(connection)

    run(use())
    with pytest.raises(UsageError, match="is not a URL"):
        ensure_current("nowhere at all")


def test_another_driver_is_named_before_anything_connects() -> None:
    """A module that merely looks like asyncpg: what decides is the name that SQLAlchemy gives its driver."""
    stand_in: Any = types.ModuleType("asyncpg")
    stand_in.paramstyle = "numeric_dollar"
    asyncpg: AsyncEngine = create_async_engine("postgresql+asyncpg://nobody@nowhere/none", module=stand_in)
    with pytest.raises(UsageError, match=NO_ASYNCPG):
        ensure_current(asyncpg)
    with pytest.raises(UsageError, match=NO_ASYNCPG):
        run(ensure_current_async(asyncpg))
    with pytest.raises(UsageError, match=NO_ASYNCPG):
        upgrade(asyncpg)  # type: ignore[arg-type]  # an engine, as Alembic's cookbook passes it
    with pytest.raises(UsageError, match=NO_ASYNCPG):
        upgrade(sa.Connection(asyncpg.sync_engine, connection=types.SimpleNamespace()))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="connects through pysqlite, but"):
        ensure_current(sa.create_engine("sqlite://"))
    with pytest.raises(UsageError, match="runs on PostgreSQL only"):
        ensure_current("postgresql+asyncpg://nobody@nowhere/none")
