"""The database of a school: its models, its revisions, and the commands that run them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.operate.ensure import Ensured, Target, WhenBehind

__all__ = ["ensure_current", "ensure_current_async"]


def ensure_current(target: "Target", *, when_behind: "WhenBehind" = "upgrade") -> "Ensured":
    """Upgrade the database to the head of this version of the school; one round trip where it is at head.

    `target` is the application's engine, a connection in no transaction, or a URL; an AsyncEngine works too, but the
    event loop stands still meanwhile, which `ensure_current_async` avoids. With `when_behind="refuse"` a pending
    revision raises. Returns the revision of the database and what was pending. Raises RefusedError where the database
    is ahead of this version, has tables but no revision, or is behind and that is refused; FailedError where a revision
    failed or the server cannot be reached. The application must not start then. See `surefoot.operate.ensure`.
    """
    # imported here, because importing the models must not load the engine
    from ourschool.project import PROJECT  # noqa: PLC0415
    from surefoot.operate.ensure import ensure_current as ensure  # noqa: PLC0415

    return ensure(target, PROJECT, when_behind=when_behind)


async def ensure_current_async(target: "Target", *, when_behind: "WhenBehind" = "upgrade") -> "Ensured":
    """Do what `ensure_current` does without stopping the event loop; `target` is an AsyncEngine or one of the others.

    Returns and raises the same.
    """
    # imported here for the same reason
    from ourschool.project import PROJECT  # noqa: PLC0415
    from surefoot.operate.ensure import ensure_current_async as ensure  # noqa: PLC0415

    return await ensure(target, PROJECT, when_behind=when_behind)
