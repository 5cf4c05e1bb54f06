"""A wrong URL, a server that does not answer or refuses: one sentence, a remedy, the defined exit status."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from surefoot.servers import libpq
from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.surefoot.commands.catalogues import leftovers
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.commands.revisions import HEAD

SECRET = "s3cret-of-ours"
FORM = "postgresql://user:password@host:5432/database"


@pytest.mark.promise("O5")
def test_no_url(scratch: Database, project: Path) -> None:
    done = scratch.alembic("upgrade", "head", cwd=project, env={"DATABASE_URL": ""}, status=2)
    assert complaint(done) == (
        "DATABASE_URL is not set, neither in the environment nor in .env.\n"
        f"→ Copy .env.example to .env, or set DATABASE_URL={FORM}."
    )
    assert leftovers(scratch) == []


URLS = {
    "no scheme": (f"u:{SECRET}@h/db", "DATABASE_URL is not a URL: 'u:***@h/db'."),
    "a port that is none": (f"postgresql://u:{SECRET}@h:x/db", "is not a URL: 'postgresql://u:***@h:x/db'."),
    "an @ in the password": (f"postgresql://u:{SECRET}@x/y@h/db", "is not a URL: 'postgresql://u:***@h/db'."),
    "no database": (f"postgresql://u:{SECRET}@h", "names no database: 'postgresql://u:***@h'."),
    "sqlite": ("sqlite:///school.db", "begins with sqlite://, but ourschool runs on PostgreSQL only"),
    "another driver": (f"postgresql+asyncpg://u:{SECRET}@h/db", "begins with postgresql+asyncpg://"),
}


@pytest.mark.promise("O5")
@pytest.mark.parametrize(("url", "message"), URLS.values(), ids=URLS)
def test_a_url_that_is_none(scratch: Database, url: str, message: str) -> None:
    said = complaint(scratch.alembic("upgrade", "head", env={"DATABASE_URL": url}, status=2), SECRET)
    assert message in said
    assert "DATABASE_URL " in said
    assert "postgresql://user:password@host:5432/database" in said


@pytest.fixture
def stranger(scratch: Database) -> Iterator[str]:
    """A role that may connect and nothing else."""
    name = f"r_{scratch.url.database}"
    scratch.execute(f"create role {name} login password '{SECRET}'")
    yield name
    scratch.execute(f"drop owned by {name}", f"drop role {name}")


def as_stranger(
    scratch: Database, stranger: str, password: str = SECRET, database: str | None = None
) -> dict[str, str]:
    url = scratch.server.over_tcp(stranger, password, database or str(scratch.url.database))
    return {"DATABASE_URL": url.render_as_string(hide_password=False)}


@pytest.mark.promise("O5")
@pytest.mark.parametrize("command", [("upgrade", "head"), ("current",)], ids=lambda c: c[0])
def test_a_wrong_password(scratch: Database, stranger: str, command: tuple[str, ...]) -> None:
    env = as_stranger(scratch, stranger, password="wr0ng-one")
    assert complaint(scratch.alembic(*command, env=env, status=4), SECRET, "wr0ng-one") == (
        f"127.0.0.1:{scratch.server.port} rejected the user '{stranger}' or its password.\n"
        "→ Correct user or password in DATABASE_URL (special characters percent-encoded, @ as %40)."
    )


@pytest.mark.promise("O5")
def test_no_such_database(scratch: Database, stranger: str) -> None:
    env = as_stranger(scratch, stranger, database="absent")
    assert complaint(scratch.alembic("upgrade", "head", env=env, status=4), SECRET) == (
        f"There is no database 'absent' at 127.0.0.1:{scratch.server.port}.\n"
        '→ Create it: createdb "absent", or correct the name in DATABASE_URL.'
    )


@pytest.mark.promise("O5")
def test_no_such_role(scratch: Database) -> None:
    env = {"DATABASE_URL": scratch.url.set(username="nobody_here").render_as_string(hide_password=False)}
    said = complaint(scratch.alembic("upgrade", "head", env=env, status=4))
    assert said.startswith("There is no role 'nobody_here' at ")
    assert "→ Correct the user in DATABASE_URL, or create the role." in said


@pytest.mark.promise("O5")
@pytest.mark.parametrize("place", ["127.0.0.1:1", "no-such-host.invalid:5432"])
def test_a_server_that_is_down(scratch: Database, place: str) -> None:
    env = {"DATABASE_URL": f"postgresql://u:{SECRET}@{place}/school"}
    assert complaint(scratch.alembic("upgrade", "head", env=env, status=4), SECRET) == (
        f"No PostgreSQL answers at {place}.\n→ Start the server, or correct host and port in DATABASE_URL."
    )


def test_a_server_that_has_no_connection_free() -> None:
    with (
        running(18, "max_connections = 8", "superuser_reserved_connections = 3", "reserved_connections = 0") as small,
        fresh(small) as database,
    ):
        database.execute(f"create role pupil login password '{SECRET}'", "grant create on schema public to pupil")
        url = small.over_tcp("pupil", SECRET, str(database.url.database))
        env = {"DATABASE_URL": url.render_as_string(hide_password=False)}
        taken = [psycopg.connect(libpq.connection_uri(url)) for _ in range(5)]
        expected = (
            f"127.0.0.1:{small.port} has no connection free.\n"
            "→ Try again when others have left, or raise max_connections (or the connection limit of the role or the "
            "database); a migration needs two connections."
        )
        assert complaint(database.alembic("upgrade", "head", env=env, status=4), SECRET) == expected
        taken.pop().close()  # one is not enough to migrate, and nothing may be half done
        assert complaint(database.alembic("upgrade", "head", env=env, status=4), SECRET) == expected
        assert leftovers(database) == []
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("command", [("upgrade", "head"), ("stamp", "head"), ("check",)], ids=lambda c: c[0])
def test_a_read_only_server(at_head: Database, command: tuple[str, ...]) -> None:
    if command[0] != "check":
        at_head.alembic("downgrade", "-1")
    at_head.execute(f'alter database "{at_head.url.database}" set default_transaction_read_only = on')
    said = complaint(at_head.alembic(*command, status=4))
    assert "is read-only (a standby, or default_transaction_read_only is on)." in said
    assert "Point DATABASE_URL at the primary" in said


def test_a_read_only_server_can_still_be_asked(at_head: Database) -> None:
    at_head.execute(f'alter database "{at_head.url.database}" set default_transaction_read_only = on')
    assert at_head.alembic("current").stdout == f"{HEAD} (head)\n"
    assert "Nothing to do" in at_head.alembic("upgrade", "head").stderr


def test_a_role_without_create(scratch: Database, stranger: str) -> None:
    name = scratch.url.database
    env = as_stranger(scratch, stranger)
    said = complaint(scratch.alembic("upgrade", "head", env=env, status=4), SECRET)
    place = f"{name} at 127.0.0.1:{scratch.server.port}"
    assert said.startswith(f"The role '{stranger}' may make nothing in schema public, in {place}: ")
    assert f'let the owner run: grant create on schema public to "{stranger}";' in said
    assert leftovers(scratch) == []

    scratch.execute(f"grant create on schema public to {stranger}")
    each_in_turn = ("-x", "snapshot=no", "upgrade", "head")  # on the way things are set aside, in a schema of their own
    said = complaint(scratch.alembic(*each_in_turn, env=env, status=4), SECRET)
    grant = f'grant create on database "{name}" to "{stranger}";'
    assert f"permission denied for database {name}" in said
    assert grant in said
    scratch.execute(grant)
    scratch.alembic(*each_in_turn, env=env)  # what was advised is enough


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OURSCHOOL_LOCK_TIMEOUT", "soon"),
        ("OURSCHOOL_LOCK_TIMEOUT", "0"),
        ("OURSCHOOL_LOCK_DEADLINE", "-1"),
        ("OURSCHOOL_MIGRATOR_DEADLINE", "nan"),
    ],
)
def test_a_setting_that_is_no_number(scratch: Database, name: str, value: str) -> None:
    said = complaint(scratch.alembic("upgrade", "head", env={name: value}, status=2))
    assert said.startswith(f"{name} is {value!r}, which is not a number from ")
    assert said.endswith(f"→ Set {name} to a number, or unset it.")


def test_tables_but_no_revision(existing: Database) -> None:
    for command in (("upgrade", "head"), ("upgrade", "+1")):
        assert complaint(existing.alembic(*command, status=3)) == (
            "The database has tables (assignment_templates, attendance_records, grade_history, journal_entries, "
            "lesson_assignments and 7 more) but no revision: migrating over them would fail half-way or worse.\n"
            "→ Back up, then prove it equal to the baseline and stamp it: python -m ourschool adopt. "
            "docs/operator.md, 'An existing database', has the whole road."
        )
    made = "select coalesce(to_regclass('migration_journal'), to_regclass('alembic_version'))"
    assert existing.value(made) is None
