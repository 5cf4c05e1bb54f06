"""Settings and encodings of a database that are not ours: a session asks for what it relies on."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


LIMITS = ("idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
WHICH = "select name, setting from pg_settings where name = any (%s) order by 1"


def test_limits_that_are_for_applications_end_none_of_our_sessions(database: Database, tmp_path: Path) -> None:
    known = [str(name) for (name,) in database.rows("select name from pg_settings where name like '%timeout'")]
    here = [name for name in LIMITS if name in known]
    for name in here:
        database.execute(f"""alter database "{database.url.database}" set {name} = '150ms'""")
    for options, kept in ((None, {}), ({"idle_in_transaction_session_timeout": "9000"}, {LIMITS[1]: "9000"})):
        with ours.engine_for(database.url, application_name="ours", options=options).connect() as connection:
            found = dict(ours.driver_of(connection).execute(WHICH, (here,)).fetchall())
            assert found == {name: kept.get(name, "0") for name in here}
    database.alembic("upgrade", "head")
    for words in (("status",), ("backup",)):
        process = database.start(*words, program="ourschool", env={"OURSCHOOL_BACKUPS": str(tmp_path)})
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, (words, said)


def test_the_order_of_day_and_month_stays_what_the_database_says(scratch: Database) -> None:
    scratch.execute(f"""alter database "{scratch.url.database}" set datestyle = 'German, DMY'""")
    with ours.engine_for(scratch.url, application_name="ours").connect() as connection:
        assert connection.exec_driver_sql("show datestyle").scalar() == "ISO, DMY"


@pytest.mark.parametrize("encoding", ["SQL_ASCII"])
def test_an_encoding_that_is_not_utf8(newest: Server, encoding: str, tmp_path: object) -> None:
    with encoded(newest, encoding) as here:
        goes_through(here, OURSCHOOL_BACKUPS=str(tmp_path))


def test_a_school_in_latin1(newest: Server, tmp_path: Path) -> None:
    """Released messages in typographic quotes reach it in plain ones; up, down and backed up with what it has."""
    with encoded(newest, "LATIN1") as here:
        here.alembic("upgrade", "cd0edd614cc5")
        here.execute(
            """create function f() returns trigger language plpgsql as 'begin return new; end'""",
            'create trigger "\u00e9t\u00e9" before update on users for each row execute function f()',
            "insert into users (email, username, hashed_password, first_name, last_name, role, is_active, created_at)"
            " select email, email, '', 'Zo\u00eb', '', 'student', true, now()"
            " from unnest(array['a@b', 'A@b']) as email",
        )
        here.alembic("upgrade", "2f7d60c3be91")
        said = here.alembic("upgrade", "+1", status=4).stderr
        assert 'MIGRATIONS.md, "Alike but for case"' in said
        assert here.value("select count(*) from migration_journal where outcome = 'failed'") == 1
        here.execute("delete from users where id = 2")
        here.alembic("upgrade", "head")
        process = here.start("backup", program="ourschool", env={"OURSCHOOL_BACKUPS": str(tmp_path)})
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert here.value("select first_name from users") == "Zo\u00eb"
        here.alembic("downgrade", "base")
        printed = here.alembic("upgrade", "57273afeffda:head", "--sql").stdout
        assert [line for line in printed.splitlines() if not line.isascii()] == []


def test_a_backup_has_what_the_client_encoding_lacks(at_head: Database, tmp_path: Path) -> None:
    at_head.execute(
        """insert into system_settings (key, value) values ('name', '"学校"')""",
        f"alter database \"{at_head.url.database}\" set client_encoding = 'LATIN1'",
    )
    process = at_head.start("backup", program="ourschool", env={"OURSCHOOL_BACKUPS": str(tmp_path)})
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_an_environment_that_asks_for_bytes(at_head: Database) -> None:
    process = at_head.start("status", program="ourschool", env={"PGCLIENTENCODING": "SQL_ASCII"})
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
