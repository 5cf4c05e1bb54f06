"""A scratch database is empty, or a copy, beside the configured one; it goes away whatever happens."""

import pytest
import sqlalchemy as sa

from ourschool import database as ours
from ourschool.errors import ConnectFailed
from ourschool.operate.scratch import scratch_database
from tests.support.databases import Database


def names(database: Database) -> set[object]:
    return {name for (name,) in database.rows("select datname from pg_database")}


def values(url: sa.URL, query: str) -> list[object]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.exec_driver_sql(query).scalars())


TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace"


def test_it_is_empty_beside_the_configured_one_and_goes(database: Database) -> None:
    database.execute("create table pupils (id integer)")
    before = names(database)
    with scratch_database(database.url, purpose="test") as url:
        assert names(database) - before == {url.database}
        assert str(url.database).startswith("ourschool_test_")
        assert values(url, TABLES) == []
        engine = sa.create_engine(url)
        held = engine.connect()  # somebody who is still in it does not keep it
        assert held.exec_driver_sql("select 1").scalar() == 1
    assert names(database) == before
    held.invalidate()
    held.close()
    engine.dispose()


def test_it_goes_after_a_failure(scratch: Database) -> None:
    before = names(scratch)
    with pytest.raises(ZeroDivisionError), scratch_database(scratch.url):
        raise ZeroDivisionError
    assert names(scratch) == before


def test_a_copy_has_what_the_template_has(scratch: Database) -> None:
    scratch.execute("create table pupils as select 7 as id")
    with scratch_database(scratch.url, template=scratch.url.database) as url:
        assert values(url, "select id from pupils") == [7]


def test_the_configured_database_need_not_exist(scratch: Database) -> None:
    with scratch_database(scratch.url.set(database="not_yet")) as url:
        assert values(url, "select 1") == [1]


def test_nobody_there_is_told_without_a_password() -> None:
    with (
        pytest.raises(ConnectFailed) as told,
        scratch_database(ours.parse("postgresql://me:geheim@127.0.0.1:1/school")),
    ):
        pass
    assert "geheim" not in str(told.value)
    assert "127.0.0.1" in told.value.message
