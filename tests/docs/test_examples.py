"""The revisions that docs/author.md shows to authors run as printed: up, down and up, with rows there."""

import re
import textwrap
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import ROOT, Database

EXAMPLES = [
    block
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "author.md").read_text("utf-8"), re.DOTALL)
    if "def upgrade()" in block
]
PERSON = """
insert into users (email, username, hashed_password, first_name, last_name, role)
values ('ada@x', 'ada', '-', 'Ada', 'Lovelace', 'student')
"""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.promise("E5", "E6", "C3", "C4", "A10")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r"op\.\w+", text)[0])
def test_runs_as_printed(scratch: Database, project: Path, example: str) -> None:
    scratch.alembic("upgrade", "head")
    scratch.execute(PERSON)
    (project / "alembic" / "versions" / "2099_01_01_0000-example_as_printed.py").write_text(
        textwrap.dedent(f'''\
            """as printed"""
            import sqlalchemy as sa
            from alembic import op
            revision = "example"
            down_revision = "{HEAD}"
            branch_labels = None
            depends_on = None
            ''')
        + example
    )
    for command in (("upgrade", "head"), ("downgrade", "-1"), ("upgrade", "head")):
        scratch.alembic(*command, cwd=project)
    assert scratch.value("select version_num from alembic_version") == "example"
    if "full_name" in example:
        assert scratch.value("select full_name from users") == "Ada Lovelace"
