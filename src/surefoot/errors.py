"""The exceptions of the engine, with the exit status of each.

SurefootError
├── CheckFailed        1  a check found something
├── UsageError         2  wrong use: a setting, an argument, a revision file
├── RefusedError       3  refused for safety, nothing was changed
├── FailedError        4  failed; nothing was changed, or the same command continues
│   ├── ConnectFailed     the server cannot be reached, or rejects the connection
│   └── Interrupted  130  Ctrl-C, before anything was changed
└── AttentionError     5  failed half-way; an operator has to act, and the message says in which state things are
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Stop:
    """What somebody has to know of a run that stopped, beside what happened and what to do next."""

    data: str
    """Whether the data is safe, and what of the run is kept: whole sentences."""
    work: str
    """Whether the application can work now."""
    whose: str = "The application"
    """The label of `work`: what the application is called."""
    details: tuple[str, ...] = ()
    """The statement and what the server said of it, for who looks into the cause. Shown on request only."""


class SurefootError(Exception):
    """An error with a remedy. `str()` of it is what the command line prints.

    `message` says what is wrong, in one sentence that shows the value; `remedy` says what to do now, with commands that
    can be pasted; `stop` says how an upgrade, a downgrade, a rehearsal or a restore leaves the database and those who
    use it. Never pass a password in any of them.
    """

    status: ClassVar[int] = 4

    def __init__(self, message: str, remedy: str, stop: Stop | None = None) -> None:
        super().__init__(message, remedy, stop)
        self.message = message
        self.remedy = remedy
        self.stop = stop

    def __str__(self) -> str:
        if self.stop is None:
            return f"{self.message}\n→ {self.remedy}"
        parts = (("Your data", self.stop.data), (self.stop.whose, self.stop.work), ("Next", self.remedy))
        return "\n".join((self.message, *(f"{label}: {text}" for label, text in parts)))


class CheckFailed(SurefootError):
    """A check was completed and found something."""

    status = 1


class UsageError(SurefootError):
    """A setting, an argument or a revision file is wrong; nothing was attempted."""

    status = 2


class RefusedError(SurefootError):
    """Refused for safety: the command could have run, and would have lost data or blocked the application."""

    status = 3


class FailedError(SurefootError):
    """It failed. The database is as it was before, or the same command continues from where it is."""

    status = 4


class Interrupted(FailedError):
    """Ctrl-C ended the command before it changed anything."""

    status = 130


class ConnectFailed(FailedError):
    """The server cannot be reached, or rejects the connection."""


class ServerUnavailable(ConnectFailed):
    """No server answers at the address, or one that is starting or stopping; a moment later it may be different."""


class AttentionError(SurefootError):
    """It failed half-way and cannot be undone automatically; the message says in which state things are."""

    status = 5
