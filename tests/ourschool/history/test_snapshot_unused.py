"""Where the snapshot does not serve: the database stays empty, one sentence says why, and the revisions run."""

from pathlib import Path

import pytest

from surefoot.environment import from_snapshot, snapshot_file
from surefoot.errors import CheckFailed, FailedError
from tests.ourschool.history.schools import CHAIN, HEAD, upgrade
from tests.ourschool.history.snapshots import MARKED, is_empty, rewritten, version
from tests.support.databases import Database


@pytest.mark.parametrize("target", [CHAIN[5], "+5"])
def test_a_revision_before_it_walks(scratch: Database, target: str) -> None:
    said = scratch.alembic("upgrade", target).stderr
    assert "snapshot" not in said
    assert said.count("Running upgrade") == 5 + (target != "+5")


@pytest.mark.parametrize(
    ("before", "after"),
    [("'homework', 'Homework'", "'homework', 'Homeworks'"), ("-- sum: ", "-- sum: 0"), ("\n\nCREATE", "\n\n")],
)
def test_an_edited_file_is_known(project: Path, before: str, after: str) -> None:
    file = project / "alembic" / "snapshot.sql"
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(CheckFailed, match=r"snapshot\.sql is not as it was written"):
        snapshot_file.read(project / "alembic")
    assert snapshot_file.usable(project / "alembic") is None


def walks_instead(database: Database, project: Path, reason: str) -> None:
    said = database.alembic("upgrade", "head", cwd=project).stderr
    assert reason in " ".join(said.split())
    assert said.count("Running upgrade") == len(CHAIN)
    assert "Running snapshot" not in said
    assert database.value(MARKED) == 0
    assert version(database) == HEAD
    assert database.value("select count(*) from assignment_types where name = 'Homework'") == 1


def test_a_file_cut_off_is_walked_around(scratch: Database, project: Path) -> None:
    file = project / "alembic" / "snapshot.sql"
    file.write_text(file.read_text("utf-8")[:-100], "utf-8")
    walks_instead(scratch, project, "snapshot.sql is not as it was written, so the revisions run one after the other.")


def test_one_that_makes_something_else_is_rolled_back(scratch: Database, project: Path) -> None:
    rewritten(project, after="ALTER TABLE public.users ADD nickname text;")
    walks_instead(scratch, project, "What snapshot.sql makes here is not what revision")


def test_one_that_fails_is_rolled_back(scratch: Database, project: Path) -> None:
    rewritten(project, after="SELECT 1 / 0;")
    walks_instead(scratch, project, "snapshot.sql could not be made here (division by zero)")


def test_one_of_other_files_is_walked_around(scratch: Database, project: Path) -> None:
    (file,) = (project / "alembic" / "versions").glob(f"*{CHAIN[3]}*")
    file.write_text(file.read_text("utf-8") + "\n# changed\n", "utf-8")
    walks_instead(scratch, project, f"snapshot.sql stands for {CHAIN[3]}, which has another file now")


def test_without_one_nobody_misses_it(scratch: Database, project: Path) -> None:
    (project / "alembic" / "snapshot.sql").unlink()
    said = scratch.alembic("upgrade", "head", cwd=project).stderr
    assert "snapshot" not in said
    assert version(scratch) == HEAD


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


def test_another_schema_walks(scratch: Database) -> None:
    scratch.execute("create schema school", f'alter database "{scratch.url.database}" set search_path = school, public')
    assert "snapshot" not in scratch.alembic("upgrade", "head").stderr
    assert scratch.value("select count(*) from school.users") == 0


def test_an_unknown_server_walks(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_snapshot, "SERVERS", range(15, 16))
    upgrade(scratch, "head")
    assert scratch.value(MARKED) == 0


def test_a_role_that_may_create_nothing_is_told_once(scratch: Database, caplog: pytest.LogCaptureFixture) -> None:
    role = "snapshot_powerless"
    scratch.execute(f"create role {role} login", "revoke create on schema public from public")
    try:
        poor = Database(scratch.server, scratch.url.set(username=role))
        with pytest.raises(FailedError, match="may make nothing in schema public"):
            upgrade(poor, "head")
        assert "snapshot" not in caplog.text
        assert is_empty(scratch)
    finally:
        scratch.execute(f"drop role {role}")
