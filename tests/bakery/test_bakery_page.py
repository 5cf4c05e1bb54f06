"""docs/another-project.md is true: its files are the bakery's, its commands run as printed."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.bakery import BY_HAND, NOTE, WITH_NOTE, Baker, baker
from tests.support.databases import ROOT, Database

PAGE = (ROOT / "docs" / "another-project.md").read_text("utf-8")
BLOCK = re.compile(
    r"<!-- (?P<what>file|part of|runs): (?P<name>[^\n]+) -->\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE)]
RUN = [block for block in BLOCKS if block["what"] == "runs"]


@pytest.fixture
def at_work(scratch: Database, tmp_path: Path) -> Baker:
    """Somebody in a bakery whose database is empty."""
    return baker(scratch, tmp_path / "bread")


def test_no_block_is_left_out() -> None:
    assert len(BLOCKS) == PAGE.count("```") / 2
    assert len(RUN) == 3


@pytest.mark.parametrize("block", [each for each in BLOCKS if each["what"] != "runs"], ids=lambda each: each["name"])
def test_a_file_is_the_bakery_s(block: dict[str, str]) -> None:
    text = (ROOT / "tests" / "bakery" / block["name"]).read_text("utf-8")
    assert block["text"] in text if block["what"] == "part of" else block["text"] == text


def test_the_template_is_a_copy() -> None:
    theirs = ROOT / "tests" / "bakery" / "migrations" / "script.py.mako"
    assert theirs.read_text("utf-8") == (ROOT / "alembic" / "script.py.mako").read_text("utf-8")


@pytest.mark.parametrize("block", RUN, ids=lambda each: f"{each['kind']} on {each['name']}")
def test_a_command_runs_as_printed(at_work: Baker, block: dict[str, str]) -> None:
    if block["name"] == "a bakery of before":
        at_work.database.psql(stdin=BY_HAND)
    else:
        at_work.alembic("upgrade", "head")
    if block["kind"] == "python":
        at_work.python("-c", block["text"])
        return
    if "bakery new" in block["text"]:
        at_work.change("bakery/models.py", NOTE, WITH_NOTE)
    done = subprocess.run(
        ["/bin/bash", "-eu", "-o", "pipefail", "-c", block["text"]],
        cwd=at_work.folder, env=at_work.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "school" not in (done.stdout + done.stderr).lower()
