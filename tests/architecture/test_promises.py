"""Every promise has its test, and every test that names a promise names one that was made."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import ROOT

LINE = re.compile(r"^(?P<promise>[A-Z]\d+) +\S.*$", re.MULTILINE)
NEEDS_DOCKER = "test_containers.py"
Test = ast.FunctionDef | ast.AsyncFunctionDef


def promised(text: str) -> list[str]:
    """The ids of promises.txt, in its order."""
    return [match["promise"] for match in LINE.finditer(text)]


def kept(folder: Path) -> dict[str, bool]:
    """Each id that a test under `folder` names, and whether one of those tests runs in the short form anywhere."""
    found: dict[str, bool] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for test in functions_of(ast.parse(path.read_text("utf-8"))):
            marks = [mark for decorator in test.decorator_list if (mark := name_and_strings(decorator))]
            always = path.name != NEEDS_DOCKER and not any(name == "long" for name, _ in marks)
            for promise in (each for name, strings in marks if name == "promise" for each in strings):
                found[promise] = found.get(promise, False) or always
    return found


def functions_of(tree: ast.Module) -> Iterator[Test]:
    for node in ast.walk(tree):
        if isinstance(node, Test) and node.name.startswith("test_"):
            yield node


def name_and_strings(decorator: ast.expr) -> tuple[str, list[str]] | None:
    """Of @pytest.mark.name("a", "b"): the name and the strings; None for another decorator."""
    call = decorator if isinstance(decorator, ast.Call) else None
    mark = call.func if call else decorator
    if not (isinstance(mark, ast.Attribute) and ast.unparse(mark.value) == "pytest.mark"):
        return None
    given = call.args if call else []
    return mark.attr, [str(each.value) for each in given if isinstance(each, ast.Constant)]


def test_every_promise_has_a_test_that_runs_in_the_short_form_without_docker() -> None:
    ids = promised((ROOT / "tests" / "promises.txt").read_text("utf-8"))
    assert len(ids) == len(set(ids)) == 54
    found = kept(ROOT / "tests")
    assert [promise for promise in ids if not found.get(promise)] == []
    assert sorted(set(found) - set(ids)) == [], "a promise that nobody made"


@pytest.mark.parametrize(
    ("decorators", "expected"),
    [
        ('@pytest.mark.promise("O1", "O2")', {"O1": True, "O2": True}),
        ('@pytest.mark.long\n@pytest.mark.promise("O1")', {"O1": False}),
        ('@pytest.mark.parametrize("O3", ["O4"])', {}),
        ("", {}),
    ],
)
def test_markers_are_read_from_the_files(tmp_path: Path, decorators: str, expected: dict[str, bool]) -> None:
    (tmp_path / "test_it.py").write_text(f"import pytest\n{decorators}\ndef test_it(): pass\n")
    assert kept(tmp_path) == expected
    (tmp_path / "test_it.py").rename(tmp_path / NEEDS_DOCKER)
    assert kept(tmp_path) == dict.fromkeys(expected, False)
