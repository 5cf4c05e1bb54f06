"""The journal: a row for each step and try, with who, when, how long, and how it ended."""

import datetime as dt
import getpass
import hashlib
import importlib.metadata
import socket
from pathlib import Path

import pytest

from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import BASELINE, CHAIN, HEAD, write

STEPS = "select revision, direction, outcome from migration_journal order by id"
NOTES = {"17d4b8e26fa9": "0 NULL in users.is_active and 0 NULL in assignment_templates.is_exportable"}
"""What is found before a revision that a later one amends, and stands in its line; nothing else is noted."""


@pytest.mark.promise("E10")
def test_each_step_has_a_row_with_all_its_fields(scratch: Database) -> None:
    began = dt.datetime.now(dt.UTC)
    run = scratch.start("-x", "snapshot=no", "upgrade", "head")
    run.communicate()
    ended = dt.datetime.now(dt.UTC)

    assert scratch.rows(STEPS) == [(revision, "upgrade", "done") for revision in CHAIN]
    rows = scratch.rows("""
        select revision, started_at, duration, database_user, client_host, client_user, client_pid, package_version,
               file_sha256, note, error, statement
          from migration_journal
         order by id
    """)
    version = importlib.metadata.version("ourschool")
    for revision, started, duration, *others in rows:
        (file,) = (ROOT / "alembic" / "versions").glob(f"*-{revision}_*.py")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        whoever = ["postgres", socket.gethostname(), getpass.getuser(), run.pid]
        assert others == [*whoever, version, digest, NOTES.get(str(revision)), None, None]
        assert isinstance(started, dt.datetime)
        assert isinstance(duration, dt.timedelta)
        assert began <= started <= started + duration <= ended
        assert duration > dt.timedelta(0)


def test_the_way_down_is_journalled_beside_the_way_up(at_head: Database) -> None:
    at_head.alembic("downgrade", "-2")
    at_head.alembic("upgrade", "+1")
    assert at_head.rows(STEPS)[len(CHAIN) :] == [
        (HEAD, "downgrade", "done"),
        (CHAIN[-2], "downgrade", "done"),
        (CHAIN[-2], "upgrade", "done"),
    ]


def test_the_duration_is_that_of_the_step(at_head: Database, project: Path) -> None:
    write(project, "quickone")
    write(project, "slowone", after="quickone", upgrade="op.execute('select pg_sleep(0.4)')")
    said = at_head.alembic("upgrade", "head", cwd=project).stderr
    seconds = "select extract(epoch from duration)::float from migration_journal where revision = '{}'"
    quick, slow = (at_head.value(seconds.format(name)) for name in ("quickone", "slowone"))
    assert isinstance(quick, float)
    assert isinstance(slow, float)
    assert quick < 0.4 <= slow
    assert f"upgrade of slowone took {slow:.1f}"[:-1] in said


@pytest.mark.promise("O11")
def test_a_failure_has_a_row_with_its_error_and_statement(at_head: Database, project: Path) -> None:
    failing = write(
        project, "badone", upgrade="op.execute('create table half (id integer)')\nop.execute('select 1 / 0')"
    )
    digest = hashlib.sha256(failing.read_bytes()).hexdigest()
    at_head.alembic("upgrade", "head", cwd=project, status=4)
    at_head.alembic("upgrade", "head", cwd=project, status=4)
    tried = "select revision, direction, outcome, error, statement, file_sha256, duration > interval '0' " + (
        "from migration_journal order by id offset {}"
    )
    row = ("badone", "upgrade", "failed", "division by zero", "select 1 / 0", digest, True)
    assert at_head.rows(tried.format(len(CHAIN))) == [row, row]


def test_a_fault_in_python_has_a_row_too(at_head: Database, project: Path) -> None:
    write(project, "badone", upgrade="raise LookupError('no such pupil')")
    said = at_head.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert "ourschool: upgrade badone failed: LookupError: no such pupil (" in said
    assert "2027_01_01_0000-badone_add_something_to_users.py, line 19)." in said
    last = "select outcome, error, statement from migration_journal order by id desc limit 1"
    assert at_head.rows(last) == [("failed", "LookupError: no such pupil", None)]


def test_a_failing_way_down_has_a_row(at_head: Database, project: Path) -> None:
    write(project, "badone", downgrade="op.execute('drop table absent')")
    at_head.alembic("upgrade", "head", cwd=project)
    at_head.alembic("downgrade", "-1", cwd=project, status=4)
    last = "select revision, direction, outcome, error from migration_journal order by id desc limit 1"
    assert at_head.rows(last) == [("badone", "downgrade", "failed", 'table "absent" does not exist')]
    assert at_head.value("select version_num from alembic_version") == "badone"


@pytest.mark.promise("T4")
def test_stamps_have_rows(at_head: Database) -> None:
    at_head.alembic("-x", "force=yes", "stamp", CHAIN[2])  # the later tables are in its way, and stay there
    at_head.alembic("stamp", "head")
    at_head.alembic("-x", "force=yes", "stamp", "base")
    notes = at_head.rows("select note from migration_journal order by id")[len(CHAIN) :]
    assert notes == [("-x force=yes",), (None,), ("-x force=yes",)]
    assert at_head.rows(STEPS)[len(CHAIN) :] == [
        (CHAIN[2], "stamp", "done"),
        (HEAD, "stamp", "done"),
        ("base", "stamp", "done"),
    ]
    assert at_head.value("select count(*) from users") == 0


def test_who_only_looks_leaves_no_row(at_head: Database) -> None:
    before = at_head.rows(STEPS)
    for command in (["current"], ["check"], ["history", "-i"], ["upgrade", f"{BASELINE}:head", "--sql"]):
        at_head.alembic(*command)
    assert at_head.rows(STEPS) == before


def test_the_journal_survives_the_way_to_base(at_head: Database) -> None:
    at_head.alembic("downgrade", "base")
    assert at_head.value("select count(*) from migration_journal") == 2 * len(CHAIN)
