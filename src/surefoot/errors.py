"""The exceptions of the engine, with the exit status of each.

SurefootError
├── CheckFailed        1  a check found something
├── UsageError         2  wrong use: a setting, an argument, a revision file
├── RefusedError       3  refused for safety, nothing was changed
├── FailedError        4  failed; nothing was changed, or the same command continues
│   └── ConnectFailed     the server cannot be reached, or rejects the connection
└── AttentionError     5  failed half-way; an operator has to act, and the message says in which state things are
"""

from typing import ClassVar


class SurefootError(Exception):
    """An error with a remedy. `str()` of it is what the command line prints.

    `message` says what is wrong, in one sentence that shows the value; `remedy` says what to do now, with commands that
    can be pasted; `state` says how a run that was under way leaves the database, one fact a line. Never pass a password
    in any of them.
    """

    status: ClassVar[int] = 4

    def __init__(self, message: str, remedy: str, state: str = "") -> None:
        super().__init__(message, remedy, state)
        self.message = message
        self.remedy = remedy
        self.state = state

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.state, f"→ {self.remedy}")))


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


class ConnectFailed(FailedError):
    """The server cannot be reached, or rejects the connection."""


class ServerUnavailable(ConnectFailed):
    """No server answers at the address, or one that is starting or stopping; a moment later it may be different."""


class AttentionError(SurefootError):
    """It failed half-way and cannot be undone automatically; the message says in which state things are."""

    status = 5
