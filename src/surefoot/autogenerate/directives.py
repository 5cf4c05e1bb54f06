"""Directives that exist only while a revision is written; `render` turns them into text."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from alembic.operations.ops import MigrateOperation


class Changes(MigrateOperation):
    """Both directions of a revision.

    `lines` describe the difference, `docstring` has the known parts of the revision's docstring by heading.
    """

    def __init__(
        self,
        upgrade: Sequence[MigrateOperation],
        downgrade: Sequence[MigrateOperation],
        lines: tuple[str, ...],
        docstring: dict[str, str],
    ) -> None:
        self.upgrade = upgrade
        self.downgrade = downgrade
        self.lines = lines
        self.docstring = docstring

    def reverse(self) -> "Changes":
        """Return the same with upgrade and downgrade exchanged."""
        return Changes(self.downgrade, self.upgrade, self.lines, self.docstring)

    def to_diff_tuple(self) -> tuple[str, ...]:
        """Return what `alembic check` prints."""
        return ("models and database differ", *self.lines)


class Remark(MigrateOperation):
    """Comment lines for the author."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines


class FillIn(MigrateOperation):
    """`variable = op.fill_in(what)`, under `hint` as a comment: the author has to write an SQL expression."""

    def __init__(self, variable: str, what: str, hint: str) -> None:
        self.variable = variable
        self.what = what
        self.hint = hint


class Unfinished(MigrateOperation):
    """`op.unfinished(what)`, under `hints` as comments: the author has to write the operation."""

    def __init__(self, what: str, *hints: str) -> None:
        self.what = what
        self.hints = hints


class Sql(MigrateOperation):
    """Statements, each in an `op.execute` under `remark` as a comment, such as a lint exception."""

    def __init__(self, *statements: str, remark: str | None = None) -> None:
        self.statements = statements
        self.remark = remark


class RestoreOrCreate(MigrateOperation):
    """`if not op.restore_…(…):` and the operations that create the object instead."""

    def __init__(self, restore: MigrateOperation, anew: Sequence[MigrateOperation]) -> None:
        self.restore = restore
        self.anew = anew


class WithVariables(MigrateOperation):
    """An operation in which the text `<variable>` stands for a variable of that name, which a `FillIn` assigns."""

    def __init__(self, operation: MigrateOperation, variables: Iterable[str]) -> None:
        self.operation = operation
        self.variables = tuple(variables)


def placeholder(variable: str) -> str:
    """Return the text that stands for the variable in an operation of `WithVariables`."""
    return f"<{variable}>"


def variable_for(*parts: Any) -> str:
    """Return a Python identifier made of the parts."""
    name = re.sub(r"\W+", "_", "_".join(map(str, parts))).strip("_").lower()
    return name if name.isidentifier() else f"value_{name}"
