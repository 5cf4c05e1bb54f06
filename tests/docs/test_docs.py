"""The pages hold: their commands run as printed, and nothing that exists is missing in them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import psycopg
import pytest
from _pytest.mark import ParameterSet
from alembic.config import Config
from alembic.script import ScriptDirectory

from docs import revisions_page
from surefoot.settings import Settings
from tests.ourschool.existing import rows
from tests.support.databases import ROOT, Database
from tests.surefoot.commands.revisions import released
from tests.surefoot.operate.ensure.test_one_version_back import add_plans

BLOCK = re.compile(r"<!-- runs: (?P<state>[\w ]+) -->\n```sh\n(?P<script>.*?)```", re.DOTALL)
PAGES = [
    ROOT / "README.md",
    ROOT / "MIGRATIONS.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "another-project.md"),
]
"""Every page, but for the bakery's, whose commands tests/bakery runs."""


def blocks() -> Iterator[ParameterSet]:
    """The blocks of all pages; one that stands on several of them once."""
    found = dict[tuple[str, str], str]()
    for page in PAGES:
        for number, match in enumerate(BLOCK.finditer(page.read_text("utf-8"))):
            found.setdefault((match["state"], match["script"]), f"{page.name}-{number}-{match['state']}")
    for (state, script), name in found.items():
        yield pytest.param(state, script, id=name)


BLOCKS = list(blocks())


def script_directory(folder: Path = ROOT) -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(folder / "alembic.ini"))


@pytest.mark.promise("C7", "E7", "E11", "O9", "O10", "T8", "T10")
@pytest.mark.parametrize(("state", "script"), BLOCKS)
def test_commands_run_as_printed(scratch: Database, project: Path, state: str, script: str) -> None:
    prepare(scratch, project, state)
    done = subprocess.run(
        ["/bin/bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=project,
        env=shell(scratch),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def prepare(database: Database, project: Path, state: str) -> None:
    """Bring database and project to the state in which the text supposes its reader."""
    if state in {"existing", "conflicts"}:
        for script in sorted((ROOT / "alembic" / "legacy_sql").glob("*.sql")):
            database.psql("-f", str(script))
        with psycopg.connect(database.dsn) as connection:
            rows.fill(connection, rows.SMALL if state == "conflicts" else conflictless())
        if state == "conflicts":
            database.alembic("stamp", "cd0edd614cc5")
            database.alembic("upgrade", "head", status=4)
    elif state == "differing":
        for script in sorted((ROOT / "alembic" / "legacy_sql").glob("*.sql")):
            database.psql("-f", str(script))
        database.execute("drop index ix_users_email", "alter table users alter first_name type text")
    elif state == "behind":
        database.alembic("upgrade", "8b06d2e94c17")
    elif state == "current":
        database.alembic("upgrade", "head")
    elif state == "newer":
        make_newer(database, project)
    elif state == "two heads":
        write_two_heads(database, project)
    else:
        assert state == "empty", state
        (project / "alembic" / "released.txt").write_text("\n".join(released(project)))  # lint takes its time


def make_newer(database: Database, project: Path) -> None:
    """Bring the database to the version after that of the project."""
    newer = project.parent / f"{project.name}-newer"
    newer.mkdir()
    shutil.copytree(project / "alembic", newer / "alembic")
    shutil.copy(project / "alembic.ini", newer)
    add_plans(newer)
    database.alembic("upgrade", "head", cwd=newer)


def write_two_heads(database: Database, project: Path) -> None:
    head = script_directory().get_current_head()
    assert head is not None
    for name in ("fees", "exams"):
        database.alembic("revision", "-m", f"start the {name}", "--head", head, "--splice", cwd=project)


def conflictless() -> rows.Size:
    return rows.Size.of(student_assignments=300, attendance_records=300, conflicts=False)


def shell(database: Database) -> dict[str, str]:
    """What a reader has: the environment active, the client programs and DATABASE_URL set."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(database.server.bin), os.environ["PATH"]])
    return database.environment({"PATH": path, "PGDATABASE": str(database.url.database)})


def test_every_revision_is_in_the_table() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", revisions_page.page(), flags=re.MULTILINE)
    in_order = [script.revision for script in script_directory().walk_revisions()][::-1]
    assert listed == in_order


def test_every_setting_is_explained() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    names = {f"OURSCHOOL_{field.name.upper()}" for field in fields(Settings)} - {
        "OURSCHOOL_PROJECT",
        "OURSCHOOL_DATABASE_URL",
    }
    assert {name for name in names | {"DATABASE_URL"} if name not in text} == set()


def test_every_stock_command_is_in_the_guide() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    listed = re.search(r"\{([\w,]+)\}", done.stdout)
    assert listed is not None
    guide = (ROOT / "MIGRATIONS.md").read_text("utf-8")
    about_projects = {"init", "list_templates"}
    missing = [c for c in listed[1].split(",") if f"`A {c}" not in guide and c not in about_projects]
    assert missing == []


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text("utf-8"))
    assert named
    assert [target for target in named if f"make {target}" not in listed] == []
