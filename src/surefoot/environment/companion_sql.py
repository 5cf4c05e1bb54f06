"""Runs SQL in the transaction of a revision: that of its companion, and that of the kept definitions."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic import op
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep

from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.online.retire import kept_definitions
from surefoot.project import Companion

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
        function(**arguments)
        for statement in (*kept_definitions.blocks_at_end_of_revision(context, revision, direction), *after):
            op.execute(statement.replace(":", r"\:"))

    return run
