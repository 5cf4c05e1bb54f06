"""What a later revision does around a released one, whose own file can no longer change."""

import functools
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

Note = Callable[[str], None]
"""What takes the words for the journal's line of the step that runs."""


def wrap_amended(steps: Iterable[Any], script: ScriptDirectory, note: Note) -> None:
    """Let each amended revision among `steps` run with what amends it, in the same transaction.

    The amending file says `amends = "<revision>"` and has `before_amended()`, which runs before that revision goes up
    and may return a note for the journal, and `after_amended_way_back()`, which runs after it has gone down.
    """
    revisions = {step.revision.revision: step for step in steps if isinstance(step, RevisionStep)}
    if not revisions:
        return
    for later in script.walk_revisions():
        amended = revisions.get(getattr(later.module, "amends", ""))
        if amended is not None:
            _amend(amended, later.module, note)


def _amend(step: RevisionStep, by: ModuleType, note: Note) -> None:
    itself = step.migration_fn

    @functools.wraps(itself)
    def amended(**given: Any) -> None:
        if step.is_upgrade and (said := by.before_amended()):
            note(said)
        itself(**given)
        if not step.is_upgrade:
            by.after_amended_way_back()

    step.migration_fn = amended
