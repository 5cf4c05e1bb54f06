"""Settings and encodings of a database that are not ours: a session asks for what it relies on."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from surefoot import database as ours
from tests.support.databases import Database
from tests.support.servers import Server

SETTINGS = (
    "datestyle = 'German'",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'postgres_verbose'",
    "intervalstyle = 'sql_standard'",
    "client_encoding = 'SQL_ASCII'",
    "client_encoding = 'LATIN1'",
    "bytea_output = 'escape'",
    "extra_float_digits = -3",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "quote_all_identifiers = on",
    "xmloption = 'document'",
)
COMMANDS = (("status",), ("history",), ("identify",), ("ensure",), ("backup",), ("rehearse",))


def goes_through(here: Database, **env: str) -> None:
    """Empty to head, one back, every command that reads, and up again."""
    here.alembic("upgrade", "head", env=env)
    here.alembic("downgrade", "-1", env=env)
    here.alembic("upgrade", "head", env=env)
    for words in COMMANDS:
        process = here.start(*words, program="ourschool", env=env)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, (words, said)


@contextmanager
def encoded(server: Server, encoding: str) -> Iterator[Database]:
    """An empty database in that encoding."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with server.connect() as admin:
        admin.execute(
            sql.SQL("create database {} template template0 encoding {} locale 'C'").format(
                sql.Identifier(name), encoding
            )
        )
    try:
        yield Database(server, server.url.set(database=name))
    finally:
        with server.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    "setting", [*SETTINGS[:1], *(pytest.param(each, marks=pytest.mark.long) for each in SETTINGS[1:])]
)
def test_a_setting_of_the_database_changes_nothing(scratch: Database, setting: str, tmp_path: object) -> None:
    scratch.execute(f'alter database "{scratch.url.database}" set {setting}')
    goes_through(scratch, OURSCHOOL_BACKUPS=str(tmp_path))


def test_all_settings_at_once_change_nothing(scratch: Database, tmp_path: object) -> None:
    for setting in ("intervalstyle = 'postgres_verbose'", "client_encoding = 'SQL_ASCII'", *SETTINGS[6:]):
        scratch.execute(f'alter database "{scratch.url.database}" set {setting}')
    goes_through(scratch, OURSCHOOL_BACKUPS=str(tmp_path))


def test_the_order_of_day_and_month_stays_what_the_database_says(scratch: Database) -> None:
    scratch.execute(f"""alter database "{scratch.url.database}" set datestyle = 'German, DMY'""")
    with ours.engine_for(scratch.url, application_name="ours").connect() as connection:
        assert connection.exec_driver_sql("show datestyle").scalar() == "ISO, DMY"


@pytest.mark.parametrize("encoding", ["SQL_ASCII"])
def test_an_encoding_that_is_not_utf8(newest: Server, encoding: str, tmp_path: object) -> None:
    with encoded(newest, encoding) as here:
        goes_through(here, OURSCHOOL_BACKUPS=str(tmp_path))


def test_an_environment_that_asks_for_bytes(at_head: Database) -> None:
    process = at_head.start("status", program="ourschool", env={"PGCLIENTENCODING": "SQL_ASCII"})
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
