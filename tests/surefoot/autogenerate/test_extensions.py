"""What extensions bring is compared, written and proven like everything else; PostgreSQL 15 of the system has some."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from surefoot.autogenerate.model_differences import difference_from_models
from surefoot.scratch_database import scratch_database
from tests.support.bakery import Baker, baker
from tests.support.databases import fresh
from tests.support.servers import Server, programs, running

TITLE = "    title: Mapped[str] = mapped_column(sa.Text)\n"
PLAIN = "    customer: Mapped[str] = mapped_column(sa.Text)\n"
CITEXT = """\
    customer: Mapped[str] = mapped_column(sa.Text)
    nick: Mapped[str | None] = mapped_column(postgresql.CITEXT)
"""
SEARCHED = """\
    title: Mapped[str] = mapped_column(sa.Text)
    __table_args__ = (
        sa.Index("ix_recipes_title", "title", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}),
    )
"""
EVENT = """\
metadata = Base.metadata
sa.event.listen(metadata, "before_create", sa.DDL("create extension citext"))
"""
TABLE = sa.MetaData()
sa.Table("guests", TABLE, sa.Column("name", postgresql.CITEXT, primary_key=True))


@pytest.fixture(scope="module")
def packaged() -> Iterator[Server]:
    """A server with citext and pg_trgm, as Debian's packages have them."""
    if programs(15) is None:
        pytest.skip("this machine has no PostgreSQL with extensions")
    with running(15) as started:
        yield started


@pytest.fixture
def at_work(packaged: Server, tmp_path: Path) -> Iterator[Baker]:
    with fresh(packaged) as made:
        at = baker(made, tmp_path / "bread")
        imported = "from sqlalchemy.orm"
        at.change("bakery/models.py", imported, f"from sqlalchemy.dialects import postgresql\n{imported}")
        at.alembic("upgrade", "head")
        yield at


def test_a_type_and_an_operator_class_in_a_schema_of_their_own(at_work: Baker) -> None:
    database = at_work.database
    database.execute(
        "create schema extensions", "create extension citext schema extensions",
        "create extension pg_trgm schema extensions",
        f"alter database {database.url.database} set search_path = public, extensions",
    )  # fmt: skip
    at_work.change("bakery/models.py", PLAIN, CITEXT)
    at_work.change("bakery/models.py", TITLE, SEARCHED)
    said = at_work.alembic("check", status=1)
    assert "column orders.nick: missing" in said
    assert "USING gin (title gin_trgm_ops)" in said
    at_work.alembic("revision", "--autogenerate", "-m", "guests have a nick and recipes are searched")
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    assert "Drift     none" in at_work.bakery("status")
    at_work.say_why("guests_have_a_nick")
    assert "ok    no drift from the models" in at_work.bakery("prove", "head")


@pytest.mark.parametrize("schema", ["public", "extensions"])
def test_what_an_extension_brought_differs_in_nothing(packaged: Server, schema: str) -> None:
    with fresh(packaged) as made, made.engine().connect() as connection:
        connection.exec_driver_sql(f"create schema if not exists {schema}; create extension citext schema {schema}")
        connection.exec_driver_sql(f"set search_path = public, {schema}")
        assert [str(each) for each in difference_from_models(connection, TABLE).deviations] == [
            "table guests: missing (expected 1 column)"
        ]
        TABLE.create_all(connection)
        assert not difference_from_models(connection, TABLE)


def test_an_extension_that_the_models_create_is_written(at_work: Baker) -> None:
    database = at_work.database
    at_work.change("bakery/models.py", PLAIN, CITEXT)
    at_work.change("bakery/models.py", "metadata = Base.metadata\n", EVENT)
    assert "extension citext: missing" in at_work.alembic("check", status=1)
    at_work.alembic("revision", "--autogenerate", "-m", "guests have a nick whatever its case")
    at_work.alembic("upgrade", "head")
    assert database.value("select count(*) from pg_extension where extname = 'citext'") == 1
    at_work.alembic("check")
    at_work.alembic("downgrade", "-1")
    assert "extension" not in at_work.alembic("check", status=2)


def test_an_extension_that_the_role_may_not_create_is_told(packaged: Server, caplog: pytest.LogCaptureFixture) -> None:
    with fresh(packaged) as made:
        made.execute(
            "create extension citext", "create extension bloom", "create extension dblink",
            "create table t (a integer, b citext)", "create index i on t using bloom (a)",
            "create role author createdb login",
        )  # fmt: skip
        try:
            with scratch_database(made.url.set(username="author")) as scratch:
                found = replace(made, url=scratch).rows("select extname from pg_extension order by 1")
            assert found == [("citext",), ("plpgsql",)]
            (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
            assert told.startswith("The scratch database lacks extension bloom, on which tables of the real one depend")
            assert "permission denied" in told
        finally:
            made.execute("drop role author")
