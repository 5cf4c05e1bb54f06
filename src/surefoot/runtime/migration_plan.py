"""The steps of one command, computed once: a `downgrade -2` that is retried after one step takes one more, not two."""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep

from surefoot import silence
from surefoot.runtime.journal import Entry
from surefoot.runtime.work_queue import Entry as QueueEntry
from surefoot.runtime.work_queue import NewEntry
from surefoot.wording import duration

Step = RevisionStep | StampStep
Steps = Callable[[Any, MigrationContext], Iterable[Step]]
"""The function `fn` that an Alembic command gives its MigrationContext."""


class Plan:
    """The steps of an Alembic command, of which each is yielded again until it is done.

    It replaces the command's own function in the MigrationContext. Before the first step `check` is called with the
    heads and the steps, and raises where the run is refused; then `prepare` with the steps and this plan; then `ready`,
    which is called again before each retry. `note` goes into every journal row.
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
        self._remaining: deque[Step] | None = None
        self._notes = [note] if note else []
        self._of_this_step: list[str] = []
        self._taken: str | None = None
        self._prepare = prepare
        self._started = dt.datetime.now(dt.UTC)
        self.current: Step | None = None
        self.dry_run = False
        """Whether the current step is only checked by the precheck, and changes nothing yet."""
        self.expected: Mapping[str, float] = {}
        """The seconds that revisions took in a rehearsal."""
        self.towards: str | None = None
        """The target revision of an upgrade that does not go to head."""
        self.before: tuple[str, ...] = ()
        """The heads when the command began."""
        self.ends_early: Callable[[], bool] = lambda: False
        """Asked between two steps: where it says yes, the others are not yielded."""
        self.done = self.total = 0
        """The number of finished steps, and of all steps."""
        self.open_work: tuple[QueueEntry, ...] | None = None
        """What earlier revisions have left and nobody has done; None where it has to be read."""
        self.left_for_later: list[NewEntry] = []
        """What the current step leaves for later: it is queued in the transaction that records the step as done."""

    def __call__(self, heads: tuple[str, ...], context: MigrationContext) -> Iterator[Step]:
        """Yield the remaining steps. A step that raised is yielded again by the next call."""
        if self._remaining is None:
            steps = list(self._command(heads, context))
            self._check(heads, steps)
            self._prepare(steps, self)
            self._remaining, self.before, self.total = deque(steps), heads, len(steps)
        self._ready()
        while self._remaining and not (self.done and self.ends_early()):
            if self.current is not self._remaining[0]:
                self._started = dt.datetime.now(dt.UTC)
                self._of_this_step = []
                self._taken = None
            self.current = self._remaining[0]
            self._name_activity()
            self.left_for_later = []  # a step that is tried again leaves the same again
            yield self.current
            self._remaining.popleft()
            self.done += 1
        self.current = None

    def _name_activity(self) -> None:
        step = self.current
        assert step is not None
        if step.info.is_stamp or step.info.up_revision is None:
            return
        title = getattr(step.info.up_revision, "doc", None) or step.info.up_revision.revision
        titled = f"revision {self.done + 1:,} of {self.total:,}: {title}"
        ahead = [self.expected.get(each.info.up_revision_id or "") for each in self._remaining or ()]
        known = [seconds for seconds in ahead if seconds is not None]
        left = f" (about {duration(sum(known))} left, by the rehearsal)" if len(known) == len(ahead) else ""
        silence.doing(f"{titled}{left}")

    def note(self, words: str) -> None:
        """Add `words` to the note in the journal row of the current step."""
        if words not in self._of_this_step:  # a retried step notes the same again
            self._of_this_step.append(words)

    def prove(self, taken: str) -> None:
        """Note what the current step takes away although it declares that it only adds; empty where it does only add.

        A step of which nothing is noted has declared nothing.
        """
        self._taken = taken

    def entry(self) -> Entry | None:
        """Return the journal entry of the current step; None where no step is running."""
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
            expand_only=self._taken == "",
            takes_away=self._taken or None,
        )
