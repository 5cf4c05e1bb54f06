"""What school is to be made: how many pupils, which years, and its days."""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from surefoot.errors import UsageError

LAST_DAY = dt.date(2026, 5, 8)
"""A Friday in the middle of a term: some work is not due yet, some fees are unpaid."""
GRADES = range(1, 13)
MEETINGS = ((0, 2), (1, 3), (2, 4), (0, 3), (1, 4))
"""The two weekdays on which a class meets: pupils come from their morning schools."""
ROWS_PER_YEAR = 116
"""About how many rows a pupil makes in a year, those counted who have not come yet or have left."""


@dataclass(frozen=True)
class TermDays:
    """One term: which school year and half of it, and from when to when."""

    number: int
    year: int
    """Counted from 0."""
    half: int
    start: dt.date
    end: dt.date

    @property
    def academic_year(self) -> str:
        """Like 2024-2025."""
        begun = self.start.year - self.half
        return f"{begun}-{begun + 1}"

    def days(self) -> Iterator[dt.date]:
        """Monday to Friday, but for a week of holidays."""
        free = self.start + dt.timedelta(days=70)
        for count in range((self.end - self.start).days + 1):
            day = self.start + dt.timedelta(days=count)
            if day.weekday() < 5 and not 0 <= (day - free).days < 7:
                yield day


@dataclass(frozen=True)
class Plan:
    """A school of so many pupils over so many years up to a day; equal plans make equal rows.

    The pupils are all who were there in those years: those in one year are about three of four. Raises UsageError.
    """

    students: int = 2000
    years: int = 5
    random_seed: int = 1
    last_day: dt.date = LAST_DAY

    def __post_init__(self) -> None:
        for name, value, most in (("students", self.students, 1_000_000), ("years", self.years, 50)):
            if not 1 <= value <= most:
                raise UsageError(
                    f"A school of {value} {name} cannot be made.", f"Give a number of {name} from 1 to {most:,}."
                )
        if not 1970 + self.years <= self.last_day.year <= 2200:
            raise UsageError(
                f"A school of {self.years} years cannot end on {self.last_day}.", "Give a last day from this century."
            )

    @property
    def estimate(self) -> int:
        """About how many rows it will have."""
        return self.students * self.years * ROWS_PER_YEAR

    @cached_property
    def terms(self) -> tuple[TermDays, ...]:
        """Two terms a year; the last year is the one that the last day is in."""
        newest = self.last_day.year - (self.last_day.month < 8)
        made: list[TermDays] = []
        for year, begun in enumerate(range(newest - self.years + 1, newest + 1)):
            autumn = (_monday(dt.date(begun, 8, 15)), dt.date(begun, 12, 20))
            spring = (_monday(dt.date(begun + 1, 1, 4)), dt.date(begun + 1, 5, 30))
            for half, (start, end) in enumerate((autumn, spring)):
                made.append(TermDays(len(made) + 1, year, half, start, end))
        return tuple(made)

    def dice(self, part: str) -> random.Random:
        """A stream of chance of its own for each part, so that one may change and the others stay as they are."""
        return random.Random(f"{self.random_seed} {part}")  # noqa: S311  # chance, not secrecy


def _monday(day: dt.date) -> dt.date:
    """That day, or the next Monday."""
    return day + dt.timedelta(days=-day.weekday() % 7)


def at(day: dt.date, seconds: float) -> str:
    """So many seconds into that day, UTC, as PostgreSQL reads it."""
    whole = int(seconds)
    return f"{day} {whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}+00"
