"""Every fault that is foreseen: what is wrong, what to do, and the exit status.

SurefootError
├── CheckFailed        1  a check found something
├── UsageError         2  wrong use: a setting, an argument, a revision file
├── RefusedError       3  refused for safety
├── FailedError        4  failed, and nothing changed
│   └── ConnectFailed     the database cannot be reached, or does not let us in
└── AttentionError     5  failed, and somebody has to look: the text says in which state things are
"""

from typing import ClassVar


class SurefootError(Exception):
    """A foreseen fault: one sentence that shows the value, and the remedy in words that can be pasted.

    Arguments: `message` says what is wrong; `remedy` what to do now; `state`, where something was under way, how things
    are left, a line for each fact. Never pass a password in any of them.
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
    """A check ran to its end and found something."""

    status = 1


class UsageError(SurefootError):
    """Wrong use: nothing was tried."""

    status = 2


class RefusedError(SurefootError):
    """Refused for safety: it could have been done, and would have cost something."""

    status = 3


class FailedError(SurefootError):
    """It was tried and failed; the database is as it was before, or goes on from there by the same command."""

    status = 4


class ConnectFailed(FailedError):
    """The database cannot be reached, or does not let us in."""


class AttentionError(SurefootError):
    """It failed half-way and cannot be taken back by itself; the message says in which state things are."""

    status = 5
