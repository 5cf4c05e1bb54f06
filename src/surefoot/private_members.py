"""Access to private members of Alembic and SQLAlchemy. No other module of the engine uses any.

Each has a contract test in tests/surefoot/test_private_members.py, and the version ranges in pyproject.toml are those
that the tests ran on.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory

Steps = Callable[..., "Iterable[RevisionStep | StampStep]"]
"""Takes the heads and a MigrationContext, and returns the steps of one command."""


def steps_of_command(context: MigrationContext) -> Steps:
    """Return the function by which the running command computes its steps."""
    found: Steps | None = context._migrations_fn
    assert found is not None
    return found


def replace_steps(context: MigrationContext, steps: Steps) -> None:
    """Replace the function by which the command computes its steps, including those of a stamp."""
    context._migrations_fn = steps  # type: ignore[assignment]  # Alembic leaves out StampStep


def creation_time(script: ScriptDirectory) -> dt.datetime:
    """Return now, in the time zone in which the folder's files have their dates."""
    return script._generate_create_date()


def path_of(script: ScriptDirectory, revision: Script, moment: dt.datetime) -> Path:
    """Return the path that Alembic gives the file of a revision that is created at `moment`."""
    return Path(script._rev_path(Path(revision.path).parent, revision.revision, revision.doc, moment))


def in_callers_transaction(context: MigrationContext) -> bool:
    """Return whether the caller passed a connection with an open transaction, which is the caller's to commit."""
    return bool(context._in_external_transaction)


def steps_up(script: ScriptDirectory, target: str, heads: tuple[str, ...]) -> "list[RevisionStep | StampStep]":
    """Return the steps of `alembic upgrade <target>` from `heads`. Raises Alembic's CommandError."""
    return list(script._upgrade_revs(target, heads))  # type: ignore[arg-type]


def steps_down(script: ScriptDirectory, target: str, heads: tuple[str, ...]) -> "list[RevisionStep | StampStep]":
    """Return the steps of `alembic downgrade <target>` from `heads`. Raises Alembic's CommandError."""
    return list(script._downgrade_revs(target, heads))  # type: ignore[arg-type]


def defer_version_table(context: MigrationContext) -> Callable[[], None]:
    """Let `context` create alembic_version, or empty it for --purge, only when the returned function is called.

    Alembic does that before it computes the steps; but a command that is refused must leave the database as it was.
    """
    ensure, requested = context._ensure_version_table, list[bool]()

    def later(purge: bool = False) -> None:
        requested.append(purge)

    def now() -> None:
        while requested:
            ensure(purge=requested.pop())

    context._ensure_version_table = later  # type: ignore[method-assign]
    return now


@contextmanager
def redirect_op(inner: Operations, outer: Operations) -> Iterator[None]:
    """Let `op.…` of revision files call `inner` inside the block, and `outer` again after it."""
    inner._install_proxy()
    try:
        yield
    finally:
        inner._remove_proxy()
        outer._install_proxy()


def print_statement(context: MigrationContext, statement: Any) -> None:
    """Print a statement in offline mode (`--sql`)."""
    context.impl._exec(statement)


def type_as_python(type_: Any, context: AutogenContext) -> str:
    """Return the Python expression by which autogenerate renders a type: `sa.String(length=50)`."""
    return render._repr_type(type_, context)


@contextmanager
def single_percent_signs(dialect: Any) -> Iterator[None]:
    """Compile SQL without doubled percent signs inside the block: it goes into a revision file, not to the driver."""
    preparer = dialect.identifier_preparer
    doubles, preparer._double_percents = preparer._double_percents, False
    try:
        yield
    finally:
        preparer._double_percents = doubles


def remove_column(table: sa.Table, column: sa.Column[Any]) -> None:
    """Remove a column from a Table object; no database is touched."""
    table._columns.remove(column)


def copy_column(column: sa.Column[Any]) -> sa.Column[Any]:
    """Return an equal column that belongs to no table, as Alembic itself copies one."""
    return column._copy()


def separate_pool(engine: sa.Engine) -> sa.NullPool:
    """Return a NullPool that connects as the engine does. The engine's own pool may be exhausted, or of size one."""
    return sa.NullPool(engine.pool._creator)


def variant_for(kind: sa.types.TypeEngine[Any], dialect: str) -> sa.types.TypeEngine[Any]:
    """Return the variant of a type (`with_variant`) for the dialect of that name, the type itself where it has none."""
    found: sa.types.TypeEngine[Any] = kind._variant_mapping.get(dialect, kind)
    return found
