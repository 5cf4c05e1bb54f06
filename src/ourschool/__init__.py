"""The database of a school, kept right for years: models, revisions, and the commands to run them safely."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.operate.ensure import ensure_current

__all__ = ["ensure_current"]


def __getattr__(name: str) -> Any:
    """Bring `ensure_current` when it is asked for: whoever wants the models alone waits for nothing else."""
    if name != "ensure_current":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from surefoot.operate.ensure import ensure_current  # noqa: PLC0415

    return ensure_current
