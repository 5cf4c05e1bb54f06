"""The database of a school, kept right for years: models, revisions, and the commands to run them safely."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from surefoot.operate.ensure import Ensured, WhenBehind

__all__ = ["ensure_current"]


def ensure_current(target: "Engine | Connection", *, when_behind: "WhenBehind" = "upgrade") -> "Ensured":
    """Make sure that the database fits this version of the school; one round trip where it does.

    `target` is the application's engine, or a connection in no transaction; `when_behind="refuse"` leaves pending
    revisions to a person. Returns where the database stands and what was pending. Raises RefusedError where it is ahead
    of this version, has tables but no revision, or is behind and that is refused; FailedError where a revision failed
    or the server cannot be reached. The application must not start then. `surefoot.operate.ensure` says more.
    """
    # here, so that whoever wants the models alone waits for nothing else
    from ourschool.project import PROJECT  # noqa: PLC0415
    from surefoot.operate.ensure import ensure_current as ensure  # noqa: PLC0415

    return ensure(target, PROJECT, when_behind=when_behind)
