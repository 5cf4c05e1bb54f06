"""Private members of Alembic and SQLAlchemy that the engine cannot do without: here, and nowhere else.

Each has a contract test in tests/surefoot/test_private_members.py, and the pins in pyproject.toml are no wider than the
versions that those tests ran on.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep
from alembic.script import ScriptDirectory

Steps = Callable[..., "Iterable[RevisionStep | StampStep]"]
"""From heads and a context to the steps of one command."""


def steps_of_command(context: MigrationContext) -> Steps:
    """The function of the command that runs: from the heads to its steps."""
    found: Steps | None = context._migrations_fn
    assert found is not None
    return found


def replace_steps(context: MigrationContext, steps: Steps) -> None:
    """Let `steps` say what the command does: the one place that all of its steps pass, those of a stamp too."""
    context._migrations_fn = steps  # type: ignore[assignment]  # a stamp's steps are steps too


def in_callers_transaction(context: MigrationContext) -> bool:
    """Whether the connection was passed in inside a transaction, which is not ours to commit or roll back."""
    return bool(context._in_external_transaction)


def steps_up(script: ScriptDirectory, target: str, heads: tuple[str, ...]) -> "list[RevisionStep | StampStep]":
    """The steps of `alembic upgrade <target>`. Raises Alembic's CommandError."""
    return list(script._upgrade_revs(target, heads))  # type: ignore[arg-type]


def steps_down(script: ScriptDirectory, target: str, heads: tuple[str, ...]) -> "list[RevisionStep | StampStep]":
    """The steps of `alembic downgrade <target>`. Raises Alembic's CommandError."""
    return list(script._downgrade_revs(target, heads))  # type: ignore[arg-type]


def defer_version_table(context: MigrationContext) -> Callable[[], None]:
    """Let `context` make alembic_version, or empty it for --purge, only when the returned function is called.

    Alembic does so before it has any step; but what is refused has to leave the database as it was.
    """
    ensure, asked = context._ensure_version_table, list[bool]()

    def later(purge: bool = False) -> None:
        asked.append(purge)

    def now() -> None:
        while asked:
            ensure(purge=asked.pop())

    context._ensure_version_table = later  # type: ignore[method-assign]
    return now


@contextmanager
def redirect_op(inner: Operations, outer: Operations) -> Iterator[None]:
    """Let `op.…` of a revision file reach `inner` inside the block, and `outer` again after it."""
    inner._install_proxy()
    try:
        yield
    finally:
        inner._remove_proxy()
        outer._install_proxy()


def print_statement(context: MigrationContext, statement: Any) -> None:
    """Write a statement into what `--sql` prints."""
    context.impl._exec(statement)


def type_as_python(type_: Any, context: AutogenContext) -> str:
    """A type as autogenerate writes it into a revision: `sa.String(length=50)`."""
    return render._repr_type(type_, context)


@contextmanager
def single_percent_signs(dialect: Any) -> Iterator[None]:
    """Let SQL that is written into a revision have one per cent sign where it has one."""
    preparer = dialect.identifier_preparer
    doubles, preparer._double_percents = preparer._double_percents, False
    try:
        yield
    finally:
        preparer._double_percents = doubles


def remove_column(table: sa.Table, column: sa.Column[Any]) -> None:
    """Take a column out of a table that no database has."""
    table._columns.remove(column)


def copy_column(column: sa.Column[Any]) -> sa.Column[Any]:
    """A column of its own that says the same, as Alembic itself copies one."""
    return column._copy()


def separate_pool(engine: sa.Engine) -> sa.NullPool:
    """A pool that connects as the engine does and keeps nothing: the engine's own may be full, or of one."""
    return sa.NullPool(engine.pool._creator)
