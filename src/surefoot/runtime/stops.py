"""How a run that stopped leaves the database and the application: the parts of a stop beside its message and remedy."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from surefoot.errors import AttentionError, ConnectFailed, Interrupted, Stop, SurefootError, UsageError
from surefoot.program import application, program
from surefoot.runtime.journal import Entry
from surefoot.wording import counted, verb

NOTHING_CHANGED = re.compile(r"(?:^|[.,;:]?\s+)(?:and\s+)?nothing was changed\b", re.IGNORECASE)
"""The claim of a single operation or revision in its message. A stop says it once, of the whole run."""
UNCHANGED = "Nothing was changed."
GOES_ON = "It can go on working."
APPLIED_IS_WHOLE = "It can work: every revision that was applied is whole."


@dataclass(frozen=True)
class StateAfterFailure:
    """The state in which a run that failed in a revision leaves the database. `heads` is None where it is unknown."""

    heads: tuple[str, ...] | None
    titles: Mapping[str, str]
    before: tuple[str, ...]
    """The heads when the run began."""
    done: int
    """The number of revisions of this run that are committed, of `total`."""
    total: int
    parts: bool
    """Whether a part of the failed revision is committed."""
    alone: bool = True
    """Whether the run has its own transactions. In a caller's transaction the caller decides what is kept."""
    blockers: str = ""
    """Who held what was waited for last, each with the statement that ends it."""

    @property
    def unchanged(self) -> bool:
        """Return whether the database is known to be as it was before the run."""
        kept = self.done or self.parts or not self.alone
        return self.heads is not None and not kept and set(self.heads) == set(self.before)

    def stop(self, entry: Entry, details: tuple[str, ...] = ()) -> Stop:
        """Return the parts of the stop in the revision of `entry`."""
        return Stop(" ".join(self._data(entry)), self._work(), whose(), details)

    def described(self, revision: str) -> str:
        """Return the revision with its title."""
        title = self.titles.get(revision)
        return f'revision {revision} ("{title}")' if title else f"revision {revision}"

    def without_false_claim(self, text: str) -> str:
        """Return `text` without "nothing was changed" where that is not true of this run."""
        return text if self.unchanged else without_claim(text)

    def _data(self, entry: Entry) -> Iterator[str]:
        if not self.alone:
            yield "The transaction is the caller's, who decides what is kept."
            return
        if self.heads is None:
            known = f"python -m {program()} status says which, once it answers"
            yield f"The database is at the last good revision; {known}."
        else:
            at = " and ".join(self.described(head) for head in self.heads) or "no revision"
            went = "applied" if entry.direction == "upgrade" else "taken back"
            count = f"; {self.done:,} of {counted(self.total, 'revision')} {verb(self.done)} {went} in this run"
            word = "Nothing was changed: the" if self.unchanged else "The"
            yield f"{word} database is at {at}{'' if self.unchanged or self.total < 2 else count}."
        if self.parts:
            yield (
                f"Revision {entry.revision} was not finished. What it has done is kept, and continued when you run the "
                "same command again."
            )

    def _work(self) -> str:
        if not self.alone:
            return "It sees what the caller commits."
        if self.heads is None:
            return "It can work as soon as the server answers again."
        if self.parts:
            return "It can work meanwhile."
        return GOES_ON if self.unchanged else APPLIED_IS_WHOLE


def without_claim(text: str) -> str:
    """Return `text` without "nothing was changed", which the stop says."""
    return NOTHING_CHANGED.sub("", text).lstrip(".; ") if NOTHING_CHANGED.search(text) else text


def whose() -> str:
    """Return the label of the part on the application."""
    name = application()
    return name[0].upper() + name[1:]


@contextmanager
def nothing_changed(data: str = UNCHANGED, work: str = GOES_ON, *, also_interrupted: bool = True) -> Iterator[None]:
    """Complete an error of the block to a stop, in a block that leaves the database as it was where it fails.

    Wrong use (UsageError) stays as it is, as nothing was begun; so does an AttentionError. Ctrl-C is such a stop, too,
    unless the block may have done its work by then.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not also_interrupted:
            raise
        interrupted = Interrupted("Interrupted.", "Run the same command again.")
        complete(interrupted, data, work)
        raise interrupted from None
    except SurefootError as fault:
        complete(fault, data, work)
        raise


def complete(fault: SurefootError, data: str = UNCHANGED, work: str = GOES_ON) -> None:
    """Give `fault` the parts of a stop that changed nothing, unless it has its own or is wrong use."""
    if fault.stop is not None or isinstance(fault, UsageError | AttentionError):
        return
    if isinstance(fault, ConnectFailed):
        work = "Whether it can work is not known from here: the database was not reached."
    fault.message, fault.remedy = without_claim(fault.message), without_claim(fault.remedy)
    fault.stop = Stop(data, work, whose(), details_of(fault))


def details_of(fault: BaseException) -> tuple[str, ...]:
    """Return the statement that failed and what the server said of it, of `fault` or of what caused it."""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, sa.exc.DBAPIError):
        cause = cause.__cause__
    if cause is None:
        return ()
    diagnosis = getattr(cause.orig, "diag", None)
    parts = (
        ("SQLSTATE", getattr(cause.orig, "sqlstate", None)),
        ("Server", getattr(diagnosis, "message_primary", None) or str(cause.orig)),
        ("Detail", getattr(diagnosis, "message_detail", None)),
        ("Hint", getattr(diagnosis, "message_hint", None)),
        ("Context", getattr(diagnosis, "context", None)),
        ("Statement", cause.statement),
    )
    return tuple(f"{label}: {text.strip()}" for label, text in parts if text and text.strip())
