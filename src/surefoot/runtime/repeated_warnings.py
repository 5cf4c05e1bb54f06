"""Keeps the warnings of a run, to repeat them as its last lines: by then they are hundreds of lines above."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from surefoot.wording import counted

PASSING = {"passing": True}
"""As `extra` of a warning that is over when the run is over, such as a lock that was waited for."""


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept = Counter[str]()

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "passing", False):
            self.kept[record.getMessage()] += 1


@contextmanager
def kept() -> Iterator[Counter[str]]:
    """Yield the warnings that are logged in the block, each with how often."""
    keeper, logger = _Keeper(), logging.getLogger("surefoot")
    logger.addHandler(keeper)
    try:
        yield keeper.kept
    finally:
        logger.removeHandler(keeper)


def lines(warnings: Counter[str]) -> list[str]:
    """Return the lines that repeat the warnings, of which each says itself how many rows it is about and where."""
    if not warnings:
        return []
    head = f"{counted(len(warnings), 'warning')} of this run:"
    return [head, *(f"  {text}{f' ({times:,} times)' if times > 1 else ''}" for text, times in warnings.items())]
