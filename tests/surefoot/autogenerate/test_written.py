"""Each change of the models becomes a revision that runs up, down and up with rows, and leaves no difference."""

import ast
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from surefoot.errors import SurefootError
from tests.support.databases import Database
from tests.surefoot.autogenerate.author import CASES, Author
from tests.surefoot.autogenerate.cases import Case
from tests.surefoot.autogenerate.marked_cases import MARKED_CASES


def in_short_form(case: Case) -> bool:
    """Return whether CI tries the case: each second one, by its name."""
    return zlib.crc32(case.name.encode()) % 2 == 0


def _row(major: int, case: Case) -> Any:
    marks = [pytest.mark.promise(*case.promises)] if case.promises else []
    short = case.everywhere or (major == NEWEST and (case.promises or in_short_form(case)))
    if not short:
        marks.append(pytest.mark.long)
    return pytest.param(major, case, id=f"pg{major}-{case.name.replace(' ', '-')}", marks=marks)


NEWEST = 18
MARKED = [
    pytest.param(case, id=case.name.replace(" ", "-"), marks=() if in_short_form(case) else pytest.mark.long)
    for case in MARKED_CASES
]
ROWS = [_row(major, case) for major in (NEWEST, 16) for case in CASES]


@pytest.mark.parametrize(("school", "case"), ROWS, indirect=["school"])
def test_a_change_of_the_models_becomes_a_revision(case: Case, school: Database, project: Path) -> None:
    author = Author(school, project, case)
    author.prepare()
    assert author.difference("before") == ()
    school.execute(*case.rows)
    there = author.content()

    path = author.write_here()
    text = path.read_text()
    code = text.split('"""', 2)[2]
    for said in case.says:
        assert said in text, f"{said}\nis not in\n{text}"
    for unsaid in case.unsaid:
        assert unsaid not in code, f"{unsaid}\nis in\n{text}"
    assert _imports(text) <= {"alembic", "sqlalchemy", "sqlalchemy.dialects"}
    assert "op.unfinished" not in text
    author.fill_in(path, case.fill)

    author.upgrade()
    assert author.difference("after") == ()
    changed = author.content()
    author.downgrade()
    assert author.difference("before") == ()
    assert author.content() == there
    author.upgrade()
    assert author.difference("after") == ()
    assert author.content() == changed


@pytest.mark.parametrize("case", MARKED)
def test_what_cannot_be_written_is_marked_and_runs_in_no_part(case: Case, school: Database, project: Path) -> None:
    author = Author(school, project, case)
    author.prepare()
    school.execute(*case.rows)
    text = author.write_here().read_text()
    marks = re.sub(r'"\s+"', "", text)  # a long text is several literals
    for said in case.says:
        marked = re.search(rf'op\.unfinished\(\s*[\'"][^\n]*{re.escape(said)}', marks)
        assert marked, f"{said}\nis not marked in\n{text}"

    upward = "op.unfinished" in text.partition("def downgrade()")[0]
    if not upward:
        author.upgrade()
    stage = "before" if upward else "after"
    there = author.difference(stage)
    with pytest.raises(SurefootError, match="is not finished"):
        (author.upgrade if upward else author.downgrade)()
    assert author.difference(stage) == there


def _imports(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
