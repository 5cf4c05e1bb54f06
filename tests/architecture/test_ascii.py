"""What we send to a server is ASCII, since LATIN1 has no typographic quotes, and quotes a name before it is cast."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.companions import COMPANIONS
from tests.support.databases import ROOT

NEVER_SENT = {"src/surefoot/servers/permission_denied.py", "src/surefoot/author/sample_rows/candidate_values.py"}
"""A pattern for what servers say in any language, and sample rows for a database that is made for them."""
SENDING = {"text", "SQL", "execute", "exec_driver_sql", "execute_verbatim", "DDL"}
"""The names of functions whose arguments are SQL."""


def sent(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of constants of the module, where our SQL stands, and of calls that take SQL."""
    for node in ast.walk(tree):
        named = isinstance(node, ast.Assign | ast.AnnAssign) and node in tree.body
        called = isinstance(node, ast.Call) and _name(node.func) in SENDING
        if named or called:
            parts = ast.walk(node)
            yield from (each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def beyond_ascii(path: Path, known: frozenset[str] = frozenset()) -> list[str]:
    """The characters beyond ASCII, except those `known`, of what the module sends."""
    texts = sent(ast.parse(path.read_text("utf-8")))
    return sorted({character for text in texts for character in text if not character.isascii()} - known)


@pytest.mark.parametrize("package", ["src/surefoot", "src/ourschool"])
def test_our_sql_is_ascii(package: str) -> None:
    paths = [path for path in (ROOT / package).rglob("*.py") if path.relative_to(ROOT).as_posix() not in NEVER_SENT]
    found = {path.name: beyond for path in paths if (beyond := beyond_ascii(path))}
    # what companions put in place of these is ASCII
    assert found.pop("companions.py", None) in (None, ["\u201c", "\u201d"])
    assert found == {}


def test_what_revisions_say_otherwise_is_spelled_by_their_companion() -> None:
    for path in sorted((ROOT / "alembic" / "versions").glob("*.py")):
        companion = COMPANIONS.get(path.name.split("-")[1].split("_")[0])
        spelled = companion.spelled if companion else {}
        assert beyond_ascii(path, frozenset(spelled)) == [], path.name
        assert "".join(spelled.values()).isascii()


def test_an_ellipsis_is_found(tmp_path: Path) -> None:
    for number, line in enumerate(("INHERITS = 'alter table \u2026'", "def f(c): c.execute('do \u2026')")):
        path = tmp_path / f"{number}.py"
        path.write_text(line, "utf-8")
        assert beyond_ascii(path) == ["\u2026"]


def test_the_name_of_the_schema_is_quoted_before_it_is_cast() -> None:
    """Without that, a schema called School is taken for one called school."""
    found = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        for text in sent(ast.parse(path.read_text("utf-8")))
        if "current_schema()::reg" in text
    ]
    assert found == []
