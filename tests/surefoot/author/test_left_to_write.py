"""A revision is not proven while its author has parts to write; a new one gets the form of the project's ruff."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author import unwritten_parts
from surefoot.author.revision_test import Proof
from surefoot.author.sample_rows.test_steps import Step
from surefoot.environment.revision_form import bring_into_form

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


def test_what_is_left_is_no_proof() -> None:
    proof = Proof("aaaa", Path("one.py"), (Step("up", 0.1, ()),), unwritten=("Why of the docstring is still ...",))
    assert (proof.runs, proof.holds) == (True, False)
    assert replace(proof, unwritten=()).holds


def test_a_project_without_ruff_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("import os\nx = ( 1 )\n")
    bring_into_form(str(path), {})
    assert path.read_text() == "import os\nx = ( 1 )\n"
    (tmp_path / "ruff.toml").write_text('line-length = 100\nlint.select = ["F401"]\n')
    bring_into_form(str(path), {})
    assert path.read_text() == "x = 1\n"
