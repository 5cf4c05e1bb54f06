"""Programs that look for alembic.ini inside the script folder, as Flask-Migrate does: `flask db upgrade -d alembic`."""

import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import versions

AS_FLASK_MIGRATE = """
import argparse, os
from alembic import command
from alembic.config import Config


def config():
    made = Config(os.path.join("alembic", "alembic.ini"))
    made.set_main_option("script_location", "alembic")
    made.cmd_opts = argparse.Namespace(x=[])
    return made


command.current(config())
command.check(config())
command.revision(config(), "nothing to write here", autogenerate=True)
command.revision(config(), "add a thing by hand")
try:
    command.revision(config(), "a long id", rev_id="l" * 33)
except SystemExit as end:
    print("ended", end.code)
command.check(config())
"""
"""What its commands do, without Flask: the paths, and options of a command line that has no command."""
APPLICATION = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://"
Migrate(app, SQLAlchemy(app))
"""


def options(file: Path) -> dict[str, dict[str, str]]:
    parser = RawConfigParser()
    parser.read(file, "utf-8")
    return {section: dict(parser[section]) for section in parser.sections()}


def test_both_files_of_options_say_the_same() -> None:
    outer, inner = options(ROOT / "alembic.ini"), options(ROOT / "alembic" / "alembic.ini")
    assert inner["alembic"].pop("script_location") == "%(here)s"
    del outer["alembic"]["script_location"]
    assert inner == outer


def test_its_commands_work_and_go_past_no_check(at_head: Database, project: Path) -> None:
    before = versions(project)
    done = subprocess.run(
        [sys.executable, "-c", AS_FLASK_MIGRATE], cwd=project, env=at_head.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert f"{HEAD} (head)" in done.stdout
    assert "No new upgrade operations detected." in done.stdout
    assert "Models and database agree: no file was written." in done.stderr
    assert "Revision id 'lllllllllllllllllllllllllllllllll' has 33 characters" in done.stderr
    assert "ended 2\n" in done.stdout
    (written,) = set(versions(project)) - set(before)
    assert written.endswith("_add_a_thing_by_hand.py"), "named as all of them are"
    assert "Why: what needs this" in (project / "alembic" / "versions" / written).read_text("utf-8")
    assert "The database is behind the revisions" in done.stderr
    assert "→ python -m alembic upgrade head, then" in done.stderr, "as it is typed beside the folder"


@pytest.mark.long
def test_with_flask_itself(at_head: Database, project: Path) -> None:
    pytest.importorskip("flask_migrate")
    (project / "app.py").write_text(APPLICATION)
    for command, says in (("current", f"{HEAD} (head)"), ("upgrade", ""), ("check", "No new upgrade operations")):
        done = subprocess.run(
            [sys.executable, "-m", "flask", "db", command, "-d", "alembic"], cwd=project, env=at_head.environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert says in done.stdout
