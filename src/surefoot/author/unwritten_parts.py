"""What a new revision leaves to its author, and is still as it was written: the template's words, and marked places."""

import ast
from collections.abc import Iterator
from pathlib import Path

from alembic.script import Script

from surefoot.settings import Settings

MARKS = frozenset({"fill_in", "unfinished"})
NO_MESSAGE = "empty message"
"""What Alembic writes where no message was given."""


def find(settings: Settings, script: Script) -> tuple[str, ...]:
    """Return a line for each part of the revision's file that its author has not written yet."""
    tree = ast.parse(Path(script.path).read_text("utf-8"))
    return (*_of_the_docstring(settings, ast.get_docstring(tree, clean=False) or ""), *_marks(tree))


def _of_the_docstring(settings: Settings, docstring: str) -> Iterator[str]:
    lines = docstring.splitlines()
    if not lines or lines[0].strip() in {"", NO_MESSAGE}:
        yield "The docstring does not begin with what the revision changes and where."
    template = settings.project.script_folder / "script.py.mako"
    placeholders = set(_static_lines(template.read_text("utf-8"))) if template.exists() else set()
    for line in lines:
        if line in placeholders:
            yield f"{line.partition(':')[0]} of the docstring is still the template's: {line}"


def _static_lines(template: str) -> Iterator[str]:
    """Yield the lines of the template's docstring that say `Heading: what to write here`."""
    docstring = template.split('"""')[1] if template.count('"""') > 1 else ""
    for line in docstring.splitlines():
        if ": " in line and "${" not in line and not line.startswith(("%", "#")):
            yield line


def _marks(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MARKS:
            what = f"({ast.unparse(node.args[0])})" if node.args else "()"
            yield f"Line {node.lineno}: op.{node.func.attr}{what} is left for the author."
