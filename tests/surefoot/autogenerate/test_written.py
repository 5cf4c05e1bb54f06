"""Each change of the models becomes a revision that runs up, down and up with rows, and leaves no difference."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import Database
from tests.surefoot.autogenerate.author import CASES, Author
from tests.surefoot.autogenerate.cases import Case


def _row(major: int, case: Case) -> Any:
    marks = [pytest.mark.promise(*case.promises)] if case.promises else []
    if major != NEWEST and not case.everywhere:
        marks.append(pytest.mark.long)
    return pytest.param(major, case, id=f"pg{major}-{case.name.replace(' ', '-')}", marks=marks)


NEWEST = 18
ROWS = [_row(major, case) for major in (NEWEST, 16) for case in CASES]


@pytest.mark.parametrize(("school", "case"), ROWS, indirect=["school"])
def test_a_change_of_the_models_becomes_a_revision(case: Case, school: Database, project: Path) -> None:
    author = Author(school, project, case)
    author.prepare()
    assert author.difference("before") == ()
    there = author.content()

    path = author.write_here()
    text = path.read_text()
    code = text.split('"""', 2)[2]
    for said in case.says:
        assert said in text, f"{said}\nis not in\n{text}"
    for unsaid in case.unsaid:
        assert unsaid not in code, f"{unsaid}\nis in\n{text}"
    assert _imports(text) <= {"alembic", "sqlalchemy", "sqlalchemy.dialects"}
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


def _imports(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
