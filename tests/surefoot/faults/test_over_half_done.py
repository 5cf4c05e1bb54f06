"""What is half done is not stepped over: by no downgrade, by no stamp, by no application that starts."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from ourschool import ensure_current
from surefoot.errors import RefusedError
from tests.ourschool.history.schools import CHAIN, HEAD
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.faults.test_cut_off import KINDS, SENTENCE, chain, cut
from tests.surefoot.online.harness import catalogue
from tests.surefoot.online.runner import Runner

BELOW = CHAIN[-2]
LINE = """
insert into migration_journal (revision, direction, outcome, started_at, duration, client_host, client_user, client_pid,
                               package_version, error, note)
values ({}, {}, {}, now(), '1 s', 'h', 'u', 1, '1', {}, {})
"""


def journalled(database: Database, revision: str, direction: str, outcome: str, note: str | None = None) -> None:
    error = "RefusedError: 2 rows of x would break it." if outcome == "failed" else None
    values = [sql.Literal(each) for each in (revision, direction, outcome, error, note)]
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL(LINE).format(*values))


def without_an_index(database: Database) -> str:
    """Something that a way down of the head could have taken; returns what brings it back."""
    name, text = database.rows(
        "select indexname, indexdef from pg_indexes where schemaname = 'public' and indexname ~ '^ix' order by 1"
    )[0]
    database.execute(f"drop index {name}")
    return str(text)


@pytest.mark.promise("O11")
@pytest.mark.parametrize(
    "kind", [kind if kind in {"types", "rows"} else pytest.param(kind, marks=pytest.mark.long) for kind in KINDS]
)
def test_neither_downgrade_nor_stamp_goes_over_an_upgrade_that_was_cut_off(
    scratch: Database, project: Path, kind: str
) -> None:
    with Runner(scratch, chain(project, kind)) as runner:
        cut(scratch, runner, "upgrade")
        half = catalogue(scratch)
        message, _, command = SENTENCE["upgrade"].rpartition(": ")
        for asked, costs in (
            (("downgrade", "base"), "Going down now would take back one, which is whole, and leave two half done."),
            (("downgrade", "-1"), "Going down now would take back one, which is whole, and leave two half done."),
            (("stamp", "two"), "A stamp would hide that two is half there."),
            (("stamp", "base"), "A stamp would hide that two is half there."),
            (("stamp", "--purge", "two"), "A stamp would hide that two is half there."),
        ):
            said = runner.alembic(*asked, status=3).output
            assert f"ourschool: {message}. {costs}" in said
            assert f"\n{'→' if asked[0] == 'stamp' else 'Next:'} {command}. Then " in said
            assert "is running now" not in said
            assert catalogue(scratch) == half
            assert scratch.value("select version_num from alembic_version") == "one"
        printed = scratch.alembic("downgrade", "one:base", "--sql", cwd=project)
        assert "drop table" in printed.stdout.lower()
        runner.alembic("upgrade", "head", status=0)
        runner.alembic("downgrade", "-1", status=0)


@pytest.mark.parametrize(
    "kind", ["index", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("types", "by hand"))]
)
def test_no_stamp_goes_over_a_way_down_that_was_cut_off_and_the_way_down_goes_on(
    scratch: Database, project: Path, kind: str
) -> None:
    with Runner(scratch, chain(project, kind)) as runner:
        cut(scratch, runner, "downgrade")
        for target in ("one", "base"):
            said = runner.alembic("stamp", target, status=3).output
            assert (
                "was cut off. Nothing is wrong: run it again. A stamp would hide that two is half taken back." in said
            )
            assert "\n→ python -m alembic downgrade one. Then stamp." in said
        runner.alembic("downgrade", "one", status=0)
        runner.alembic("stamp", "base", status=0)


def test_whoever_forces_it_steps_over(scratch: Database, project: Path) -> None:
    with Runner(scratch, chain(project, "index")) as runner:
        cut(scratch, runner, "upgrade")
        scratch.alembic("-x", "force=yes", "stamp", "two", cwd=project)
        assert scratch.rows("select direction, note from migration_journal order by id desc limit 1") == [
            ("stamp", "-x force=yes")
        ]
        scratch.execute("drop index if exists ix_marks_note, ix_pupils_name")
        scratch.alembic("-x", "force=yes", "stamp", "one", cwd=project)
        scratch.alembic("-x", "force=yes", "downgrade", "base", cwd=project)


@pytest.mark.parametrize(
    ("outcome", "note"), [("begun", None), ("failed", "stopped half-way: what it had done is kept"), ("failed", None)]
)
def test_no_application_starts_on_a_head_that_is_half_taken_down(
    at_head: Database, outcome: str, note: str | None
) -> None:
    """At head for alembic_version, and not for the journal; where nothing is missing it starts all the same."""
    engine = at_head.engine()
    journalled(at_head, HEAD, "downgrade", outcome, note)
    assert ensure_current(engine).pending == ()  # nothing is missing
    index = without_an_index(at_head)
    for arguments in ((), ("--refuse",)):
        said = ourschool(at_head, "ensure", *arguments, status=3).stderr
        assert f"A downgrade of {HEAD} (" in said
        assert f"\n→ {'Correct what it names, then finish it' if outcome == 'failed' else 'Finish it'}" in said
        assert "is current at" not in said
    for refuse in ("upgrade", "refuse"):
        with pytest.raises(RefusedError, match="so nothing goes up from here"):
            ensure_current(engine, when_behind=refuse)
    with engine.connect() as connection, connection.begin(), pytest.raises(RefusedError):
        ensure_current(connection)
    at_head.execute(index)
    assert ensure_current(engine).pending == ()
    without_an_index(at_head)
    journalled(at_head, HEAD, "upgrade", "done")
    assert ensure_current(engine).revision == HEAD  # what the journal has of it now is that it was done


ROLE = "asks_only"


def without_a_journal(database: Database) -> sa.URL:
    database.execute("drop table migration_journal")
    return database.url


def without_the_right(database: Database) -> sa.URL:
    if not database.rows(f"select from pg_roles where rolname = '{ROLE}'"):
        database.execute(f"create role {ROLE} login")
    database.execute(f"grant select on alembic_version to {ROLE}", f"revoke all on migration_journal from {ROLE}")
    return database.url.set(username=ROLE)


def hidden(database: Database) -> sa.URL:
    database.execute("alter table migration_journal enable row level security")
    url = without_the_right(database)
    database.execute(f"grant select on migration_journal to {ROLE}")
    return url


@pytest.mark.parametrize("lacks", [without_a_journal, without_the_right, hidden])
@pytest.mark.parametrize("way", ["engine", "transaction", "autocommit", "command"])
def test_who_has_no_journal_to_read_starts_as_before(
    at_head: Database, lacks: Callable[[Database], sa.URL], way: str
) -> None:
    url = lacks(at_head)
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, **({"isolation_level": "AUTOCOMMIT"} if way == "autocommit" else {})
    )
    try:
        if way == "command":
            env = {"DATABASE_URL": url.render_as_string(False)}
            assert "is current at" in ourschool(at_head, "ensure", env=env).stderr
        elif way == "transaction":
            with engine.begin() as connection:
                assert ensure_current(connection).revision == HEAD
                assert connection.exec_driver_sql("select 1").scalar_one() == 1
        else:
            assert ensure_current(engine).revision == HEAD
    finally:
        at_head.execute(f"do $$ begin if to_regrole('{ROLE}') is not null then drop owned by {ROLE}; end if; end $$")


def test_it_is_one_round_trip(at_head: Database, tmp_path: Path) -> None:
    """What libpq sends; nothing is around it, for the connection is in autocommit then."""
    with at_head.engine().connect() as connection, (tmp_path / "sent").open("w+") as trace:
        pgconn = connection.connection.driver_connection.pgconn  # type: ignore[union-attr]  # psycopg's
        pgconn.trace(trace.fileno())
        assert ensure_current(connection).revision == HEAD
        pgconn.untrace()
    sent = re.findall(r"\tF\t\d+\t(\w+)", (tmp_path / "sent").read_text())
    assert sent == ["Query"]
