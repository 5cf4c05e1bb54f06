"""Deals awkward values among ordinary ones: each of them early, then now and then, the same for the same seed."""

import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TypeVar

from tests.ourschool.existing.awkward import STAMPS, TEXTS, Stamps

T = TypeVar("T")

EPOCH = date(2025, 7, 31)
"""The last school day of the record; everything made lies before it."""


class Dealer:
    """Endless streams of values for the columns of one table, all drawn from one seed."""

    def __init__(self, seed: int, table: str) -> None:
        self.random = random.Random(f"{seed} {table}")

    def deal(self, awkward: Sequence[T], plain: Sequence[T] | None = None, share: float = 0.1) -> Iterator[T]:
        """Every awkward value once, shuffled; then a long, repeating draw with `share` of them among `plain`.

        The draw is made beforehand and its length differs from stream to stream, so that a value costs nothing and
        columns still meet in every combination. Without `plain` only the given values are dealt.
        """
        draw = self.random
        first = draw.sample(list(awkward), len(awkward))
        rest = [
            draw.choice(plain) if plain is not None and draw.random() >= share else draw.choice(awkward)
            for _ in range(draw.randrange(1_000, 2_000))
        ]
        return itertools.chain(first, itertools.cycle(rest))

    def texts(self, *plain: str) -> Iterator[str | None]:
        """Free text that is mostly not there, and otherwise `plain` or awkward."""
        return self.deal((*TEXTS, None), (*plain, None, None), share=0.03)

    def stamps(self) -> Iterator[Stamps]:
        """created_at and updated_at."""
        return self.deal(STAMPS, [self._stamp() for _ in range(300)], share=0.05)

    def _stamp(self) -> Stamps:
        made, changed = sorted(self.random.randrange(900 * 86_400_000_000) for _ in range(2))
        return _instant(made), _instant(changed)


def day(before: int) -> str:
    """The day so many days before the record's last, as text."""
    return (EPOCH - timedelta(days=before)).isoformat()


def school_days(count: int) -> list[str]:
    """The last so many days that are no weekend, oldest first."""
    days = (EPOCH - timedelta(days=back) for back in itertools.count())
    return [each.isoformat() for each in itertools.islice((d for d in days if d.weekday() < 5), count)][::-1]


def _instant(microseconds: int) -> str:
    """Within the 900 days up to the record's last."""
    days, within = divmod(microseconds, 86_400_000_000)
    seconds, rest = divmod(within, 1_000_000)
    return f"{day(900 - days)} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:06}"
