"""A collation of another version than the indexes were built with is told, with statements that mend it."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.databases import Database
from tests.support.servers import Server
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import CHAIN


@pytest.fixture
def moved(newest: Server) -> Iterator[Database]:
    """At the baseline, after a move: both collations were recorded by a server that had another version."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with newest.connect() as admin:
        admin.execute(f"create database {name} template template0 locale_provider builtin builtin_locale 'C.UTF-8'")
    here = Database(newest, newest.url.set(database=name))
    here.alembic("upgrade", CHAIN[0])
    here.execute("alter table users alter first_name type varchar collate pg_c_utf8")
    outdate(here)
    yield here
    with newest.connect() as admin:
        admin.execute("update pg_database set datcollversion = '1' where datcollversion = '0'")
        admin.execute(f"drop database {name} with (force)")


def outdate(here: Database) -> None:
    here.execute(
        "update pg_database set datcollversion = '0' where datname = current_database()",
        "update pg_collation set collversion = '0' where collname = 'pg_c_utf8'",
    )


def test_a_collation_of_another_version_is_told_and_its_remedy_works(moved: Database) -> None:
    name = moved.url.database
    remedies = (
        f'reindex database concurrently "{name}"; alter database "{name}" refresh collation version;',
        f'reindex database concurrently "{name}"; alter collation "pg_catalog"."pg_c_utf8" refresh version;',
    )
    said = " ".join(moved.alembic("upgrade", CHAIN[1]).stderr.split())
    shown = " ".join(ourschool(moved, "status", status=1).stdout.split())
    for remedy in remedies:
        assert remedy in said
        assert remedy in shown
        moved.execute(*remedy.rstrip(";").split("; "))
    assert "with version 0 of the collation" in shown
    assert "this server has" not in ourschool(moved, "status", status=1).stdout
    with moved.connect() as connection:
        assert connection.execute("select datcollversion from pg_database where datname = %s", [name]).fetchone() == (
            "1",
        )
