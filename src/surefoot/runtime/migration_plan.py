"""The steps of one command, decided once: a `downgrade -2` that tries again after one step takes one more, not two."""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep

from surefoot.runtime.journal import Entry

Step = RevisionStep | StampStep
Steps = Callable[[Any, MigrationContext], Iterable[Step]]
"""What an Alembic command hands to its MigrationContext as `fn`."""


class Plan:
    """Stands between Alembic's command and its context: the same steps, each given out until it is done.

    `check` sees the heads and the steps before the first one runs, and raises what it refuses; then `prepare` sees the
    steps and this plan, and then comes `ready`.
    """

    def __init__(
        self,
        command: Steps,
        check: Callable[[tuple[str, ...], list[Step]], None] = lambda _, __: None,
        ready: Callable[[], None] = lambda: None,
        note: str | None = None,
        prepare: Callable[[list[Step], "Plan"], None] = lambda _, __: None,
    ) -> None:
        self._command = command
        self._check = check
        self._ready = ready
        self._left: deque[Step] | None = None
        self._notes = [note] if note else []
        self._of_this_step: list[str] = []
        self._prepare = prepare
        self._started = dt.datetime.now(dt.UTC)
        self.current: Step | None = None
        self.dry_run = False
        """Whether the step at hand is only asked what it would refuse, and changes nothing yet."""
        self.towards: str | None = None
        """Where an upgrade ends that does not go on to what is newest."""
        self.before: tuple[str, ...] = ()
        """The heads when the command began."""
        self.done = self.total = 0
        """Steps that are over, of all."""

    def __call__(self, heads: tuple[str, ...], context: MigrationContext) -> Iterator[Step]:
        """The steps still to be done; a step that raised is given again by the next call."""
        if self._left is None:
            steps = list(self._command(heads, context))
            self._check(heads, steps)
            self._prepare(steps, self)
            self._left, self.before, self.total = deque(steps), heads, len(steps)
        self._ready()
        while self._left:
            if self.current is not self._left[0]:
                self._started = dt.datetime.now(dt.UTC)
                self._of_this_step = []
            self.current = self._left[0]
            yield self.current
            self._left.popleft()
            self.done += 1
        self.current = None

    def note(self, words: str) -> None:
        """Have the journal's line of the step at hand say this too."""
        if words not in self._of_this_step:  # a step that tries again says the same again
            self._of_this_step.append(words)

    def entry(self) -> Entry | None:
        """The journal's entry for the step at hand; None between commands."""
        step = self.current
        if step is None:
            return None
        info = step.info
        note = "; ".join([*self._notes, *self._of_this_step]) or None
        if info.is_stamp:
            target = ", ".join(info.destination_revision_ids) or "base"
            return Entry(target, "stamp", self._started, note=note)
        revision = info.up_revision
        assert revision is not None
        file = getattr(revision, "path", None)
        return Entry(
            revision.revision,
            "upgrade" if info.is_upgrade else "downgrade",
            self._started,
            file=Path(file) if file else None,
            note=note,
            towards=self.towards,
        )
