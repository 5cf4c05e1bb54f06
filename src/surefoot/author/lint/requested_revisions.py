"""Which revisions of the history are to be linted, as a command names them."""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError

from surefoot.errors import UsageError
from surefoot.program import alembic_command


@dataclass(frozen=True)
class RequestedRevisions:
    """The history, oldest first, up to the last revision that is to be linted, and those that are."""

    history: tuple[str, ...]
    selected: frozenset[str]

    @property
    def before(self) -> tuple[str, ...]:
        """Return the revisions before the first that is to be linted."""
        first = next((number for number, each in enumerate(self.history) if each in self.selected), 0)
        return self.history[:first]


def find(script: ScriptDirectory, requested: Sequence[str] = ()) -> RequestedRevisions:
    """Return the revisions `requested` (ids, `head`, ranges `a:b`), or all. Raises UsageError for an unknown one."""
    history = [each.revision for each in script.walk_revisions("base", "heads")][::-1]
    selected = _selected(script, requested) if requested else set(history)
    last = max((number for number, revision in enumerate(history) if revision in selected), default=-1)
    return RequestedRevisions(tuple(history[: last + 1]), frozenset(selected))


def ancestors(script: ScriptDirectory, revision: Script) -> tuple[str, ...]:
    """Return the revisions that have run before one can, oldest first."""
    before = [each.revision for each in script.walk_revisions("base", revision.revision)][::-1]
    return tuple(before[:-1])


def _selected(script: ScriptDirectory, requested: Sequence[str]) -> set[str]:
    selected: set[str] = set()
    for text in requested:
        first, separator, last = text.partition(":")
        try:
            if separator:
                selected |= {each.revision for each in script.walk_revisions(first or "base", last or "heads")}
            else:
                selected |= {each.revision for each in script.get_revisions(text) if each is not None}
        except CommandError as fault:
            raise UsageError(
                f"There is no revision {text!r}: {str(fault).rstrip('.')}.",
                f"{alembic_command()} history lists them; without an argument lint looks at all.",
            ) from fault
    return selected
