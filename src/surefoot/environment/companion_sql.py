"""Runs SQL in the transaction of a revision: that of its companion, and that of the kept definitions."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep

from surefoot import database
from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.online.retire import kept_definitions
from surefoot.project import Companion
from surefoot.servers import encodings

NOTHING = Companion()
AT_BASE = (f"drop table if exists {KEPT_DEFINITIONS}",)
"""Below the first revision no kept definition is needed any more."""


def wrap_with_companions(
    steps: Iterable[RevisionStep | StampStep], context: MigrationContext, companions: Mapping[str, Companion]
) -> None:
    """Wrap the function of each step with the SQL that runs before and after it. `companions` is by revision."""
    for step in steps:
        if isinstance(step, RevisionStep):
            companion = companions.get(step.revision.revision, NOTHING)
            step.migration_fn = _with(companion, step, step.migration_fn, context)


def _with(
    companion: Companion, step: RevisionStep, function: Callable[..., Any], context: MigrationContext
) -> Callable[..., None]:
    # `context` and not op.get_context(), which would end the precheck
    revision, direction = str(step.revision.revision), "upgrade" if step.is_upgrade else "downgrade"
    before, after = ((), companion.after_upgrade) if step.is_upgrade else (companion.before_downgrade, ())
    if not step.is_upgrade and context.as_sql:
        before += companion.before_printed_downgrade
    if not step.is_upgrade and step.revision.down_revision is None:
        after = AT_BASE

    @functools.wraps(function)  # Alembic logs its name
    def run(**arguments: Any) -> None:
        for statement in before:
            op.execute(statement)
        with _spelled(context, companion.spelled):
            function(**arguments)
        for statement in (*kept_definitions.blocks_at_end_of_revision(context, revision, direction), *after):
            op.execute(statement.replace(":", r"\:"))

    return run


@contextmanager
def _spelled(context: MigrationContext, spelled: Mapping[str, str]) -> Iterator[None]:
    """Replace characters of the statements inside the block by what `spelled` has for them.

    Those that the database's encoding has are left as they are. Printed SQL is for a database that nobody knows yet, so
    there all are replaced.
    """
    connection, impl = context.connection, context.impl
    if not spelled:
        yield
        return
    if context.as_sql or connection is None:
        table = str.maketrans(dict(spelled))
        printed = impl.static_output
        impl.static_output = lambda text: printed(text.translate(table))  # type: ignore[method-assign]
        try:
            yield
        finally:
            impl.static_output = printed  # type: ignore[method-assign]
        return
    driver = database.driver_of(connection)
    lacking = {one: by for one, by in spelled.items() if not encodings.has(driver, one)}
    if not lacking:
        yield
        return
    table = str.maketrans(lacking)

    def spell(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
        return statement.translate(table), parameters

    sa.event.listen(connection, "before_cursor_execute", spell, retval=True)
    try:
        yield
    finally:
        sa.event.remove(connection, "before_cursor_execute", spell)
