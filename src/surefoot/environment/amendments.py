"""Runs a released revision with the functions of a later one that amends it, because its own file cannot change."""

import functools
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

Note = Callable[[str], None]
"""Adds text to the note in the journal row of the current step."""


def wrap_amended(steps: Iterable[Any], script: ScriptDirectory, note: Note) -> None:
    """Wrap each amended revision among `steps` with the functions of the one that amends it, in the same transaction.

    The amending file has `amends = "<revision>"`, a function `before_amended()` that runs before the upgrade of that
    revision and may return a note for the journal, and `after_amended_way_back()` that runs after its downgrade.
    """
    revisions = {step.revision.revision: step for step in steps if isinstance(step, RevisionStep)}
    if not revisions:
        return
    for later in script.walk_revisions():
        amended = revisions.get(getattr(later.module, "amends", ""))
        if amended is not None:
            _amend(amended, later.module, note)


def _amend(step: RevisionStep, by: ModuleType, note: Note) -> None:
    function = step.migration_fn

    @functools.wraps(function)
    def amended(**arguments: Any) -> None:
        if step.is_upgrade and (words := by.before_amended()):
            note(words)
        function(**arguments)
        if not step.is_upgrade:
            by.after_amended_way_back()

    step.migration_fn = amended
