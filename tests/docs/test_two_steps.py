"""Who has a question finds the answer in two steps: a link of the README, then a link at the top of that page."""

import re

import pytest

from tests.docs.test_pointers import anchor, headings
from tests.support.databases import ROOT

QUESTIONS = (
    ("the upgrade stopped, what now?", "docs/when-something-is-wrong.md", "#the-upgrade-stopped",
     "run the same command"),
    ("how do I restore last night's backup beside the database?", "docs/operator.md", "#restore-beside-the-database",
     "python -m ourschool restore latest --into last_night"),
    ("which role must run it?", "docs/operator.md", "#which-role-must-run-it", "The role that owns the tables"),
    ("how do I rename without downtime?", "docs/author.md", "#another-name", "op.rename_table_online"),
    ("lint says loses-data: what does it mean?", "docs/author.md", "lint.md", "## loses-data"),
    ("what does status 3 mean?", "docs/reference.md", "#exit-statuses", "refused for safety"),
    ("how do I make the first administrator?", "MIGRATIONS.md", "docs/operator.md#the-first-administrator",
     "admin create"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "answer"), [each[1:] for each in QUESTIONS], ids=[q for q, *_ in QUESTIONS]
)
def test_the_answer_is_two_steps_away(first: str, second: str, answer: str) -> None:
    assert f"]({first})" in (ROOT / "README.md").read_text("utf-8")
    text = (ROOT / first).read_text("utf-8")
    assert re.search(rf"\]\({re.escape(second)}\)", text) or second == "#exit-statuses"
    file, _, fragment = second.partition("#")
    page = ((ROOT / first).parent / file) if file else ROOT / first
    found = page.read_text("utf-8")
    if fragment:
        (heading,) = [each for each in headings(page) if anchor(each) == fragment]
        found = re.split(r"^#+ ", found.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    assert answer in found
