"""The school in memory: its people and classes, which all rows are about. What happens to them is never kept here."""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

from ourschool.seed.plan import GRADES, MEETINGS, Plan, TermDays
from ourschool.seed.words import Words

CLASS_SIZE = 25
SUBJECTS = (
    "Mathematics", "English", "Science", "History", "Geography", "Hindi", "French", "Computing", "Art", "Physics",
)  # fmt: skip
PER_CLASS = 4
"""Subjects that a class has."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has an account."""

    id: int
    first: str
    last: str

    @property
    def name(self) -> str:
        """As the database keeps it beside what the person did."""
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True, slots=True)
class Student(Person):
    """A pupil: `grade` is that of the first year (below 1: comes later, the section stays the same)."""

    grade: int
    section: int
    ability: float
    diligence: float
    guardians: tuple[Person, ...]
    leaves: dt.date | None

    def grade_in(self, year: int) -> int | None:
        """The grade in that year, None before and after school."""
        grade = self.grade + year
        return grade if grade in GRADES else None


@dataclass(frozen=True, slots=True)
class ClassYear:
    """A class of one school year and its pupils."""

    id: int
    year: int
    grade: int
    section: int
    teacher: Person
    students: tuple[Student, ...]

    @property
    def code(self) -> str:
        """Like 7B, and 7AB after 7Z."""
        first, last = divmod(self.section, 26)
        return f"{self.grade}{chr(64 + first) if first else ''}{chr(65 + last)}"

    @property
    def subjects(self) -> tuple[int, ...]:
        """The numbers of its subjects, from 1: two for all grades, and two that change with them."""
        return 1, 2, 3 + self.grade % 4, 7 + self.grade % 4

    @property
    def weekdays(self) -> tuple[int, int]:
        """When it meets."""
        return MEETINGS[(self.grade + self.section) % len(MEETINGS)]

    def there(self, day: dt.date) -> tuple[Student, ...]:
        """Who has not left by then."""
        return tuple(each for each in self.students if each.leaves is None or day <= each.leaves)


@dataclass
class School:
    """Who is in the school of a plan; `number` gives each table its keys."""

    plan: Plan
    words: Words
    admins: tuple[Person, ...] = ()
    teachers: tuple[Person, ...] = ()
    guardians: list[Person] = field(default_factory=list)
    students: list[Student] = field(default_factory=list)
    keys: dict[str, "count[int]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dice, plan = self.plan.dice("people"), self.plan
        people = count(1)
        cohorts = len(GRADES) + plan.years - 1
        sections = -(-plan.students // (cohorts * CLASS_SIZE))
        self.admins = tuple(self._person(dice, people) for _ in range(3))
        self.teachers = tuple(self._person(dice, people) for _ in range(max(4, plan.students * 3 // 4 // CLASS_SIZE)))
        families = [self._family(dice, people) for _ in range(max(1, plan.students * 3 // 4))]
        # a family has one pupil, sometimes two or three
        of_families = [*families, *(dice.choice(families) for _ in range(plan.students - len(families)))]
        for nth, family in enumerate(of_families[: plan.students]):
            self.students.append(
                Student(
                    id=next(people),
                    first=dice.choice(self.words.first_names),
                    last=family[0].last,
                    grade=max(GRADES) - nth % cohorts,
                    section=nth // cohorts % sections,
                    ability=min(1.0, max(0.05, dice.gauss(0.72, 0.14))),
                    diligence=min(0.99, max(0.2, dice.gauss(0.9, 0.09))),
                    guardians=family,
                    leaves=self._leaves(dice),
                )
            )

    def _person(self, dice: random.Random, people: "count[int]", last: str | None = None) -> Person:
        return Person(next(people), dice.choice(self.words.first_names), last or dice.choice(self.words.last_names))

    def _family(self, dice: random.Random, people: "count[int]") -> tuple[Person, ...]:
        first = self._person(dice, people)
        family = (first, self._person(dice, people, first.last)) if dice.random() < 0.6 else (first,)
        self.guardians.extend(family)
        return family

    def _leaves(self, dice: random.Random) -> dt.date | None:
        """A few leave before they have finished, and not on the first days of the record."""
        last = (self.plan.last_day - self.plan.terms[0].start).days
        if dice.random() > 0.05 or last <= 60:
            return None
        return self.plan.terms[0].start + dt.timedelta(days=dice.randrange(30, last))

    def next_id(self, table: str) -> int:
        """The next key of that table."""
        keys = self.keys.get(table)
        if keys is None:
            keys = self.keys[table] = count(1)
        return next(keys)

    @cached_property
    def classes(self) -> tuple[ClassYear, ...]:
        """All classes of all years, oldest first."""
        made: list[ClassYear] = []
        for year in range(self.plan.years):
            starts = self.plan.terms[year * 2].start
            rolls: dict[tuple[int, int], list[Student]] = {}
            for student in self.students:
                grade = student.grade_in(year)
                if grade is not None and (student.leaves is None or student.leaves > starts):
                    rolls.setdefault((grade, student.section), []).append(student)
            for (grade, section), students in sorted(rolls.items(), key=lambda each: each[0]):
                number = len(made) + 1
                teacher = self.teachers[(grade * 7 + section + year) % len(self.teachers)]
                made.append(ClassYear(number, year, grade, section, teacher, tuple(students)))
        return tuple(made)

    @cached_property
    def now(self) -> dict[int, tuple[ClassYear, int]]:
        """By pupil, the class of today and the place in its roll; pupils who are not in one are not there."""
        last = self.plan.years - 1
        return {
            student.id: (each, roll)
            for each in self.classes
            if each.year == last
            for roll, student in enumerate(each.there(self.plan.last_day), 1)
        }

    def of_year(self, term: TermDays) -> Sequence[ClassYear]:
        """The classes of the term's school year."""
        return [each for each in self.classes if each.year == term.year]

    def teacher_of(self, each: ClassYear, subject: int) -> Person:
        """Who teaches a subject in a class; the first is the class teacher's own."""
        return self.teachers[(self.teachers.index(each.teacher) + subject - 1) % len(self.teachers)]
