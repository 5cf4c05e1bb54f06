"""What is said of a run that was cut off leads to its end, and is written down as the role of the run."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from ourschool.project import PROJECT
from surefoot.errors import SurefootError
from surefoot.operate.status.collect import status
from surefoot.settings import Settings
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.faults.test_cut_off import COMMAND, chain, contents
from tests.surefoot.online.harness import empty, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.roles.people import role

ASKED = {
    "by name": (("upgrade", "two"), "two"),
    "by steps": (("upgrade", "+1"), "two"),
    "to a later one": (("upgrade", "three"), "three"),
    "to head": (("upgrade", "head"), "head"),
}


@pytest.fixture(autouse=True)
def in_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are spelled as they are typed there."""
    monkeypatch.chdir(project)


@pytest.mark.promise("O11")
@pytest.mark.parametrize(("asked", "target"), ASKED.values(), ids=ASKED)
def test_the_command_that_was_asked_is_the_one_that_goes_on(
    scratch: Database, project: Path, asked: tuple[str, str], target: str
) -> None:
    """There is a fourth revision, to which nobody asked to go."""
    chain(project, "index")
    write(project, "three", "two", "op.execute('create table more (id integer)')", "op.drop_table('more')")
    write(project, "four", "three", "op.execute('create table most (id integer)')", "op.drop_table('most')")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        before, nth = contents(scratch), 6
        while contents(scratch) == before:
            assert runner.alembic(*asked, kill_at=nth).killed
            nth += 2
        found = status(Settings(PROJECT.at(project)), scratch.url).cut_off
        assert found is not None
        assert found.command == f"python -m alembic upgrade {target}"
        runner.alembic(*found.command.split()[3:], status=0)
        assert status(Settings(PROJECT.at(project)), scratch.url).cut_off is None
        wanted = "four" if target == "head" else target
        assert scratch.value("select version_num from alembic_version") == wanted
        assert scratch.rows("select note from migration_journal where note is not null and outcome = 'done'") == []


def test_one_that_stopped_says_it_too(scratch: Database, project: Path) -> None:
    write(chain(project, "index"), "two", "one", "op.create_index_online('ix_a', 'pupils', ['name'])\nop.get_bind()\n"
          "op.add_check_online('big', 'pupils', 'points > 1')")  # fmt: skip
    write(project, "three", "two", "op.execute('create table more (id integer)')")
    scratch.alembic("upgrade", "two", cwd=project, status=3)
    found = status(Settings(PROJECT.at(project)), scratch.url).cut_off
    assert found is not None
    assert found.command == "python -m alembic upgrade two"
    assert COMMAND["upgrade"][0] in found.command


FAILS = "op.execute('select 1 / 0')"
JOURNAL = """
    select revision, outcome, pg_get_userbyid(relowner)
      from migration_journal
      join pg_class on oid = migration_journal.tableoid
     order by id
"""


def test_a_superuser_who_works_as_the_owner_journals_as_the_owner(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, "op.execute('create table pupils (id integer)')")
    write(project, "two", "one", FAILS)
    with role(scratch, owns=True) as owner:
        owner.here.alembic("upgrade", "one", cwd=project)
        scratch.execute("drop table migration_journal")
        scratch.alembic("upgrade", "head", cwd=project, status=4)
        assert scratch.rows(JOURNAL) == [("two", "failed", owner.name)]


@pytest.mark.parametrize("attributes", ["noinherit", "inherit"])
def test_a_connection_that_was_given_another_role_journals_as_that(
    scratch: Database, project: Path, attributes: str
) -> None:
    write(empty(project), "one", None, "op.execute('create table pupils (id integer)')")
    write(project, "two", "one", FAILS)
    with role(scratch, owns=True) as owner, role(scratch, f"{attributes} in role {owner.name}") as login:
        engine = sa.create_engine(login.here.url, poolclass=sa.NullPool)
        config = Config(str(project / "alembic.ini"))
        with engine.connect() as connection:
            connection.exec_driver_sql(f"set role {owner.name}")
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "one")
            with pytest.raises(SurefootError):
                command.upgrade(config, "head")
        assert scratch.rows(JOURNAL) == [("one", "done", owner.name), ("two", "failed", owner.name)]


@pytest.mark.parametrize("way", ["url", "setting"])
def test_who_is_another_role_from_the_beginning_likewise(scratch: Database, project: Path, way: str) -> None:
    write(empty(project), "one", None, "op.execute('create table pupils (id integer)')")
    write(project, "two", "one", FAILS)
    with role(scratch, owns=True) as owner, role(scratch, f"noinherit in role {owner.name}") as login:
        url = login.here.url
        if way == "url":
            url = url.update_query_dict({"options": f"-c role={owner.name}"})
        else:
            scratch.execute(f"alter role {login.name} set role {owner.name}")
        Database(scratch.server, url).alembic("upgrade", "head", cwd=project, status=4)
        assert scratch.rows(JOURNAL) == [("one", "done", owner.name), ("two", "failed", owner.name)]


BROKEN = {
    "syntax": ("def upgrade(:", "line 1, is not Python"),
    "indentation": ("def upgrade() -> None:\nop.execute('select 1')", "line 2, is not Python"),
    "an import": ("import nothing_of_the_kind", "line 1, cannot be loaded: ModuleNotFoundError"),
    "a name": ("revision = nowhere", "line 1, cannot be loaded: NameError"),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_python_is_named_by_every_command(
    scratch: Database, project: Path, text: str, says: str
) -> None:
    write(empty(project), "one", None, "op.execute('create table pupils (id integer)')")
    scratch.alembic("upgrade", "head", cwd=project)
    (project / "alembic" / "versions" / "two.py").write_text(f"{text}\n")
    every = ("prove", "lint", "status", "identify", "history", "upgrade", "rollback")
    for name in every if says.endswith("Python") and "line 1" in says else ("prove", "status"):
        done = ourschool(scratch, name, *(["base"] if name == "rollback" else []), status=2, cwd=project)
        assert f"two.py, {says}" in " ".join(done.stderr.split()), name
        assert "\n→ Mend that line" in done.stderr, name


def test_a_publication_of_all_tables_stops_no_revision(scratch: Database, project: Path) -> None:
    """It has the table of what an unfinished revision has made as well, in which nothing has a key."""
    scratch.execute("set client_min_messages = error", "create publication everything for all tables")
    write(empty(project), "one", None, "op.execute('create table pupils (id integer primary key, name text)')")
    write(project, "two", "one", "op.add_column('pupils', sa.Column('age', sa.Integer), if_not_exists=True)\n"
          "op.create_index_online('ix_pupils_age', 'pupils', ['age'])")  # fmt: skip
    scratch.alembic("upgrade", "head", cwd=project)
    assert scratch.value("select version_num from alembic_version") == "two"
    assert scratch.value("select to_regclass('migration_made')") is None
