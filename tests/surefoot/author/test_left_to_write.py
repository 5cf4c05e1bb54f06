"""What `new` writes is in the form of the project's ruff, and is not proven while its author has parts to write."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author import unwritten_parts
from surefoot.environment.post_write_hook import bring_into_form
from tests.support.databases import ROOT, Database
from tests.surefoot.autogenerate.author import CASES, Author

BY_NAME = {case.name: case for case in CASES}
DONE = '''"""give rooms a name

Why: two rooms had the same number.
Locks: none on a table.
"""

from alembic import op

revision = "aaaa"
down_revision = None


def upgrade() -> None:
    op.execute("select 1")


def downgrade() -> None:
    pass
'''


def left(project: Path, text: str) -> tuple[str, ...]:
    """What is found in a revision of that text."""
    folder = project / "alembic" / "versions"
    for path in folder.glob("*.py"):
        path.unlink()
    (folder / "2099_01_01_0000-aaaa_one.py").write_text(text)
    (script,) = ScriptDirectory(str(folder.parent)).walk_revisions()
    return unwritten_parts.find(settings.load(PROJECT.at(project), environ={}, database_url="postgresql:///x"), script)


@pytest.mark.parametrize(
    ("done", "instead", "found"),
    [
        ("two rooms had the same number.", "what needs this, and what goes wrong without it.", "Why of the docstring"),
        ("none on a table.", "which locks on which tables, and for how long.", "Locks of the docstring"),
        ("give rooms a name", "empty message", "does not begin with what the revision changes"),
        ('op.execute("select 1")', 'op.unfinished("a table")', "op.unfinished('a table') is left"),
        ("    pass", '    name = op.fill_in("rooms.name")\n    op.execute(name)', "op.fill_in('rooms.name') is left"),
    ],
)
def test_what_is_left_to_the_author_is_found(project: Path, done: str, instead: str, found: str) -> None:
    assert left(project, DONE) == ()
    assert done in DONE
    (line,) = left(project, DONE.replace(done, instead))
    assert found in line


@pytest.mark.parametrize("name", ["everything at once", "comments", "a label less where rules name the others"])
def test_what_is_written_passes_the_projects_ruff(name: str, school: Database, project: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", project)
    author = Author(school, project, BY_NAME[name])
    author.prepare()
    path = author.write_here()
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, str(path)]
        done = subprocess.run(ruff, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + path.read_text()


def test_a_project_without_ruff_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("import os\nx = ( 1 )\n")
    bring_into_form(str(path), {})
    assert path.read_text() == "import os\nx = ( 1 )\n"
    (tmp_path / "ruff.toml").write_text('line-length = 100\nlint.select = ["F401"]\n')
    bring_into_form(str(path), {})
    assert path.read_text() == "x = 1\n"
