"""The snapshot of head: an empty database becomes by it what it becomes by every revision in turn."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from surefoot.environment import from_snapshot, snapshot_file
from surefoot.environment.snapshot_file import Snapshot
from surefoot.errors import FailedError
from surefoot.servers import libpq
from tests.ourschool.history.schools import CHAIN, HEAD, downgrade, upgrade
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.faults.runs import Run, advisory_locks, until

MARKED = "select count(*) from migration_journal where starts_with(note, 'from the snapshot of ')"
TIMES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?")
TOKEN = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)
WALKS = ("-x", "snapshot=no")
REVISION = '''"""Pens.

Revision ID: aaaaaaaaaaaa
"""

import sqlalchemy as sa
from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "{head}"


def upgrade():
    op.create_table("pens", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("pens")
'''


def dump(database: Database) -> str:
    """All that pg_dump writes of a database, rights, comments, sequences and rows, without times and the journal."""
    done = subprocess.run(
        [str(database.server.bin / "pg_dump"), "--column-inserts", "--exclude-table-data=migration_journal*"],
        env=libpq.process_environment(database.url), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return TOKEN.sub("", TIMES.sub("a time", done.stdout))


def journal(database: Database) -> list[tuple[object, ...]]:
    return database.rows("select revision, direction, outcome, file_sha256 from migration_journal order by id")


def version(database: Database) -> object:
    return database.value("select string_agg(version_num, ' ') from alembic_version")


def is_empty(database: Database) -> bool:
    return database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


def edited(project: Path, before: str, after: str) -> None:
    file = project / "alembic" / "snapshot.sql"
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), "utf-8")


def rewritten(project: Path, **changes: object) -> None:
    """Write another snapshot, with a sum that fits: as somebody would who does it on purpose."""
    found = snapshot_file.read(project / "alembic")
    assert found is not None
    parts: dict[str, object] = {"catalogue": found.catalogue, "stands_for": found.stands_for, "script": found.script}
    snapshot_file.write(project / "alembic", Snapshot(**(parts | changes)))  # type: ignore[arg-type]


@pytest.mark.every_server
def test_both_ends_are_equal_up_and_down(server: Server, database: Database) -> None:
    with fresh(server) as walked:
        walked.alembic(*WALKS, "upgrade", "head")
        said = database.alembic("upgrade", "head").stderr
        assert f"Running snapshot  -> {HEAD}, which stands for {len(CHAIN)} revisions" in said
        assert "Running upgrade" not in said
        assert database.value(MARKED) == len(CHAIN)
        assert walked.value(MARKED) == 0
        assert journal(database) == journal(walked)
        assert dump(database) == dump(walked)
        for each in (database, walked):
            downgrade(each, "base")
        assert dump(database) == dump(walked)
        for each in (database, walked):
            upgrade(each, "head")
        assert dump(database) == dump(walked)


def test_rights_of_an_application_follow(newest: Server, scratch: Database) -> None:
    role = "snapshot_reader"
    scratch.execute(f"create role {role}")
    given = {"OURSCHOOL_APPLICATION_ROLE": role}
    try:
        with fresh(newest) as walked:
            walked.alembic(*WALKS, "upgrade", "head", env=given)
            scratch.alembic("upgrade", "head", env=given)
            assert f"TO {role}" in dump(scratch)
            assert dump(scratch) == dump(walked)
            walked.execute(f"drop owned by {role}")
    finally:
        scratch.execute(f"drop owned by {role}", f"drop role {role}")


def test_on_from_it(scratch: Database, project: Path) -> None:
    file = project / "alembic" / "versions" / "2099_01_01_0000-aaaaaaaaaaaa_pens.py"
    file.write_text(REVISION.format(head=HEAD), "utf-8")
    said = scratch.alembic("upgrade", "head", cwd=project).stderr
    assert f"Running snapshot  -> {HEAD}" in said
    assert f"Running upgrade {HEAD} -> aaaaaaaaaaaa" in said
    assert version(scratch) == "aaaaaaaaaaaa"
    assert scratch.value(MARKED) == len(CHAIN)


@pytest.mark.parametrize("target", [CHAIN[5], "+5"])
def test_a_revision_before_it_walks(scratch: Database, target: str) -> None:
    said = scratch.alembic("upgrade", target).stderr
    assert "snapshot" not in said
    assert said.count("Running upgrade") == 5 + (target != "+5")


def test_by_its_id(newest: Server) -> None:
    for target in (HEAD, HEAD[:6], "heads"):
        with fresh(newest) as each:
            assert "Running snapshot" in each.alembic("upgrade", target).stderr
            assert version(each) == HEAD


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            "'homework', 'Homework'",
            "'homework', 'Homeworks'",
            "snapshot.sql is not as it was written, so the revisions",
        ),
        ("-- sum: ", "-- sum: 0", "snapshot.sql is not as it was written, so the revisions"),
        ("\n\nCREATE", "\n\n", "snapshot.sql is not as it was written, so the revisions"),
    ],
)
def test_an_edited_file_is_walked_around(
    scratch: Database, project: Path, before: str, after: str, reason: str
) -> None:
    edited(project, before, after)
    walks_instead(scratch, project, reason)


def walks_instead(database: Database, project: Path, reason: str, env: Mapping[str, str] | None = None) -> None:
    said = database.alembic("upgrade", CHAIN[-1], cwd=project, env=env).stderr
    assert reason in " ".join(said.split())
    assert said.count("Running upgrade") == len(CHAIN)
    assert "Running snapshot" not in said
    assert database.value(MARKED) == 0
    assert version(database) == HEAD
    assert database.value("select count(*) from assignment_types where name = 'Homework'") == 1


def test_one_that_makes_something_else_is_rolled_back(scratch: Database, project: Path) -> None:
    found = snapshot_file.read(project / "alembic")
    assert found is not None
    rewritten(project, script=f"{found.script}\nALTER TABLE public.users ADD nickname text;\n")
    walks_instead(scratch, project, "What snapshot.sql makes here is not what revision")


def test_one_that_fails_is_rolled_back(scratch: Database, project: Path) -> None:
    found = snapshot_file.read(project / "alembic")
    assert found is not None
    rewritten(project, script=f"{found.script}\nSELECT 1 / 0;\n")
    walks_instead(scratch, project, "snapshot.sql could not be made here (division by zero)")


def test_one_of_other_files_is_walked_around(scratch: Database, project: Path) -> None:
    (file,) = (project / "alembic" / "versions").glob(f"*{CHAIN[3]}*")
    file.write_text(file.read_text("utf-8") + "\n# changed\n", "utf-8")
    walks_instead(scratch, project, f"snapshot.sql stands for {CHAIN[3]}, which has another file now")


def test_without_one_or_without_wish(newest: Server, project: Path) -> None:
    with fresh(newest) as each:
        each.alembic(*WALKS, "upgrade", CHAIN[1], cwd=project)
        assert each.value(MARKED) == 0
    (project / "alembic" / "snapshot.sql").unlink()
    with fresh(newest) as each:
        said = each.alembic("upgrade", "head", cwd=project).stderr
        assert "snapshot" not in said
        assert version(each) == HEAD


@pytest.mark.parametrize(
    "statement",
    [
        "create schema other",
        "create table notes (id integer)",
        "create type mood as enum ('good')",
        "create function f() returns integer return 1",
        "create publication p",
        "create sequence s",
        "create view v as select 1 as one",
    ],
)
def test_what_is_not_empty_is_not_touched(scratch: Database, statement: str) -> None:
    scratch.execute(statement)
    with scratch.engine().connect() as connection:
        assert connection.execute(from_snapshot.STATE).one().taken


def test_extensions_leave_it_empty(scratch: Database) -> None:
    missing = "select name from pg_available_extensions where installed_version is null order by name limit 3"
    scratch.execute(*(f'create extension "{name}" cascade' for (name,) in scratch.rows(missing)))
    with scratch.engine().connect() as connection:
        assert not connection.execute(from_snapshot.STATE).one().taken
    assert "Running snapshot" in scratch.alembic("upgrade", "head").stderr


def test_another_schema_walks(scratch: Database) -> None:
    scratch.execute("create schema school", f'alter database "{scratch.url.database}" set search_path = school, public')
    assert "Running snapshot" not in scratch.alembic("upgrade", CHAIN[1]).stderr
    assert scratch.value("select count(*) from school.users") == 0


def test_an_unknown_server_walks(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_snapshot, "SERVERS", range(15, 16))
    upgrade(scratch, "head")
    assert scratch.value(MARKED) == 0


def test_several_heads_stay_an_error(scratch: Database, project: Path) -> None:
    for name in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        text = REVISION.format(head=HEAD).replace("aaaaaaaaaaaa", name).replace("pens", name)
        (project / "alembic" / "versions" / f"2099_01_01_0000-{name}_pens.py").write_text(text, "utf-8")
    scratch.alembic("upgrade", "head", cwd=project, status=2)
    assert is_empty(scratch)
    scratch.alembic("upgrade", "heads", cwd=project)
    assert scratch.value(MARKED) == len(CHAIN)


def test_killed_in_the_middle(scratch: Database, project: Path) -> None:
    """Nothing is there then, nobody holds a lock, and the same command does it."""
    found = snapshot_file.read(project / "alembic")
    assert found is not None
    rewritten(project, script=f"{found.script}\nSELECT pg_catalog.pg_sleep(60);\n")
    run = Run(scratch, "upgrade", "head", cwd=project)
    asleep = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    run.reaches(lambda: scratch.rows(asleep) or None, "the end of the script")
    run.kill()
    until(lambda: not advisory_locks(scratch) or None, "the killed one's locks")
    assert is_empty(scratch)
    rewritten(project, script=found.script)
    assert "Running snapshot" in scratch.alembic("upgrade", "head", cwd=project).stderr
    assert version(scratch) == HEAD


def test_a_lost_connection_is_said(scratch: Database, project: Path) -> None:
    found = snapshot_file.read(project / "alembic")
    assert found is not None
    rewritten(project, script="\nSELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());\n")
    said = scratch.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert "administrator command" in said
    assert "Traceback" not in said
    assert is_empty(scratch)


def test_two_at_once(scratch: Database) -> None:
    runs = [Run(scratch, "upgrade", "head") for _ in range(2)]
    for run in runs:
        run.ends(0)
    assert sum("Running snapshot" in run.said for run in runs) == 1
    assert scratch.value(MARKED) == len(CHAIN)


def test_in_a_transaction_of_the_caller(scratch: Database) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with scratch.engine().connect() as connection:
        transaction = connection.begin()
        config.attributes["connection"] = connection
        before = connection.exec_driver_sql("show search_path").scalar()
        command.upgrade(config, "head")
        assert connection.exec_driver_sql("show search_path").scalar() == before
        assert connection.exec_driver_sql("show check_function_bodies").scalar() == "on"
        assert connection.exec_driver_sql(MARKED).scalar() == len(CHAIN)
        transaction.rollback()
    assert is_empty(scratch)


def test_a_role_that_may_create_nothing_is_told(scratch: Database) -> None:
    role = "snapshot_powerless"
    scratch.execute(f"create role {role} login", "revoke create on schema public from public")
    try:
        poor = Database(scratch.server, scratch.url.set(username=role))
        with pytest.raises(FailedError, match="may make nothing in schema public"):
            upgrade(poor, "head")
        assert is_empty(scratch)
    finally:
        scratch.execute(f"drop role {role}")
