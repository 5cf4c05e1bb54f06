"""Directives that exist only while a revision is written: what `written` makes text of, beside the operations."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from alembic.operations.ops import MigrateOperation


class Changes(MigrateOperation):
    """Both directions of a revision; `lines` is the difference that it makes up for, `docstring` what it says of it."""

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
        """The other direction first."""
        return Changes(self.downgrade, self.upgrade, self.lines, self.docstring)

    def to_diff_tuple(self) -> tuple[str, ...]:
        """What Alembic's own commands show of it."""
        return ("models and database differ", *self.lines)


class Remark(MigrateOperation):
    """A comment for the author."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines


class Ask(MigrateOperation):
    """`variable = op.fill_in(what)`, with a comment that says what to write instead."""

    def __init__(self, variable: str, what: str, hint: str) -> None:
        self.variable = variable
        self.what = what
        self.hint = hint


class Unfinished(MigrateOperation):
    """`op.unfinished(what)`: no operation can be written for it; the author writes one in its place."""

    def __init__(self, what: str, *hints: str) -> None:
        self.what = what
        self.hints = hints


class Sql(MigrateOperation):
    """Statements as they are, each through `op.execute`; `remark` stands above each, such as what lint is told."""

    def __init__(self, *statements: str, remark: str | None = None) -> None:
        self.statements = statements
        self.remark = remark


class TakeBack(MigrateOperation):
    """`if not op.restore_…(…):` make it anew."""

    def __init__(self, restore: MigrateOperation, anew: Sequence[MigrateOperation]) -> None:
        self.restore = restore
        self.anew = anew


class Filled(MigrateOperation):
    """An operation in which the text `<variable>` stands for a variable of that name, which `Ask` has set."""

    def __init__(self, operation: MigrateOperation, variables: Iterable[str]) -> None:
        self.operation = operation
        self.variables = tuple(variables)


def placeholder(variable: str) -> str:
    """What stands for the variable in an operation that `Filled` writes."""
    return f"<{variable}>"


def variable_for(*parts: Any) -> str:
    """A name for a variable, made of the names of what it is for."""
    name = re.sub(r"\W+", "_", "_".join(map(str, parts))).strip("_").lower()
    return name if name.isidentifier() else f"value_{name}"
