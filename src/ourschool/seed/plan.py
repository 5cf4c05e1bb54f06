"""The plan of a made-up school: its size, its years, its terms and days."""

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
"""About how many rows a student makes in a year, counting those who have not come yet or have left."""


@dataclass(frozen=True)
class TermDays:
    """One term: its school year, its half of it (0 or 1), its first and last day."""

    number: int
    year: int
    """Counted from 0."""
    half: int
    start: dt.date
    end: dt.date

    @property
    def academic_year(self) -> str:
        """The school year as the database has it: 2024-2025."""
        begun = self.start.year - self.half
        return f"{begun}-{begun + 1}"

    def days(self) -> Iterator[dt.date]:
        """Yield its days from Monday to Friday, without a week of holidays."""
        free = self.start + dt.timedelta(days=70)
        for count in range((self.end - self.start).days + 1):
            day = self.start + dt.timedelta(days=count)
            if day.weekday() < 5 and not 0 <= (day - free).days < 7:
                yield day


@dataclass(frozen=True)
class Plan:
    """A school of `students` over `years` up to `last_day`; equal plans make equal rows.

    `students` are all who attended in those years, about three quarters of them in one year. Raises UsageError for
    numbers out of range.
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
        """About how many rows the school will have."""
        return self.students * self.years * ROWS_PER_YEAR

    @cached_property
    def terms(self) -> tuple[TermDays, ...]:
        """Two terms for each year; the last year is that of the last day."""
        newest = self.last_day.year - (self.last_day.month < 8)
        made: list[TermDays] = []
        for year, begun in enumerate(range(newest - self.years + 1, newest + 1)):
            autumn = (_monday(dt.date(begun, 8, 15)), dt.date(begun, 12, 20))
            spring = (_monday(dt.date(begun + 1, 1, 4)), dt.date(begun + 1, 5, 30))
            for half, (start, end) in enumerate((autumn, spring)):
                made.append(TermDays(len(made) + 1, year, half, start, end))
        return tuple(made)

    def random_stream(self, part: str) -> random.Random:
        """Return the random numbers of one part, independent of the others: a change to one part leaves the rest."""
        return random.Random(f"{self.random_seed} {part}")  # noqa: S311  # chance, not secrecy


def _monday(day: dt.date) -> dt.date:
    """Return that day where it is a Monday, else the next Monday."""
    return day + dt.timedelta(days=-day.weekday() % 7)


def at(day: dt.date, seconds: float) -> str:
    """Return the UTC time so many seconds into the day, as PostgreSQL reads it."""
    whole = int(seconds)
    return f"{day} {whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}+00"
