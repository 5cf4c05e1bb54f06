"""A password of awkward characters works in each command, from each place of a URL, and is never shown."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from tests.support.databases import Database
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.commands.revisions import HEAD, versions, write

PASSWORD = "p% @:/#?ü&=+'\"\\$x{y}"
ENCODED = quote(PASSWORD, safe="")
COMMANDS = (
    ("current", "--verbose"),
    ("check",),
    ("downgrade", "-1"),
    ("upgrade", "head"),
    ("revision", "--autogenerate", "-m", "look for a change"),
    ("stamp", "head"),
    ("history", "--indicate-current"),
)


@pytest.fixture
def locked(at_head: Database) -> Iterator[Database]:
    """The same database as its owner sees it, who needs that password."""
    name = f"o_{at_head.url.database}"
    with at_head.server.connect() as admin:
        admin.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(PASSWORD)))
        admin.execute(
            sql.SQL("alter database {} owner to {}").format(
                sql.Identifier(str(at_head.url.database)), sql.Identifier(name)
            )
        )
    tables = [name for (name,) in at_head.rows("select tablename from pg_tables where schemaname = 'public'")]
    types = [name for (name,) in at_head.rows("select distinct enumtypid::regtype::text from pg_enum")]
    functions = "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
    at_head.execute(
        *(f"alter table {table} owner to {name}" for table in tables),
        *(f"alter type {kind} owner to {name}" for kind in types),
        *(f"alter routine {routine} owner to {name}" for (routine,) in at_head.rows(functions)),
    )
    yield replace(at_head, url=at_head.server.over_tcp(name, PASSWORD, str(at_head.url.database)))
    at_head.execute(f"reassign owned by {name} to postgres", f"drop owned by {name}")
    with at_head.server.connect() as admin:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def url_of(locked: Database) -> str:
    url = locked.url
    return f"postgresql://{url.username}:{ENCODED}@{url.host}:{url.port}/{url.database}"


def in_the_environment(locked: Database, _: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    return (), {"DATABASE_URL": url_of(locked)}


def in_a_file(locked: Database, project: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    (project / ".env").write_text(f"DATABASE_URL={url_of(locked)}\n", "utf-8")
    return (), {}


def as_an_option(locked: Database, _: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    return ("-x", f"database_url={url_of(locked)}"), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}


@pytest.mark.promise("O5")
@pytest.mark.parametrize("place", [in_the_environment, in_a_file, as_an_option])
def test_every_command_takes_it_and_none_shows_it(
    locked: Database, project: Path, monkeypatch: pytest.MonkeyPatch, place: object
) -> None:
    assert callable(place)
    option, environment = place(locked, project)
    if not environment:
        monkeypatch.setattr(Database, "environment", without_a_url)
    before = versions(project)
    for command in COMMANDS if place is in_the_environment else COMMANDS[1:4]:
        done = locked.alembic(*option, *command, cwd=project, env=environment)
        assert PASSWORD not in done.stdout + done.stderr
        assert ENCODED not in done.stdout + done.stderr
    assert versions(project) == before
    assert locked.value("select version_num from alembic_version") == HEAD
    assert locked.value("select count(distinct database_user) from migration_journal") == 2


def without_a_url(database: Database, extra: object = None) -> dict[str, str]:
    """The environment of one who has only the file."""
    del database, extra
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "OURSCHOOL_", "DATABASE"))}


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    "upgrade",
    [
        "raise RuntimeError(op.get_bind().engine.url.render_as_string(hide_password=False))",
        "raise RuntimeError(op.get_bind().engine.url.password)",
        """\
        password = op.get_bind().engine.url.password.replace("'", "''").replace("%", "%%")
        op.get_bind().exec_driver_sql(f"select '{password}'::date")
        """,
    ],
    ids=["an error with the URL", "an error with the password", "a statement with the password"],
)
def test_a_failing_revision_does_not_show_it_anywhere(locked: Database, project: Path, upgrade: str) -> None:
    write(project, "badone", upgrade=upgrade)
    said = complaint(locked.alembic("upgrade", "head", cwd=project, status=4), PASSWORD, ENCODED)
    assert "upgrade badone failed" in said
    assert "***" in said
    journal = locked.value("select string_agg(migration_journal::text, ' ') from migration_journal")
    assert isinstance(journal, str)
    assert "badone" in journal
    shown = locked.value("select string_agg(concat(error, statement), ' ') from migration_journal")
    for secret in (PASSWORD, PASSWORD.replace("'", "''"), PASSWORD[:8], ENCODED):
        assert secret not in str(shown)


@pytest.mark.promise("O5")
def test_psql_takes_what_we_hand_to_libpq(locked: Database) -> None:
    assert locked.psql("-Atc", "select current_user").stdout == f"{locked.url.username}\n"
