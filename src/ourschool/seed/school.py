"""The people and classes of the school in memory; rows about them are made one by one and not kept."""

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
"""The number of subjects of a class."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account."""

    id: int
    first: str
    last: str

    @property
    def name(self) -> str:
        """The full name, as columns such as graded_by_name have it."""
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True, slots=True)
class Student(Person):
    """A student. `grade` is that of the plan's first year; below 1 the student comes in a later year."""

    grade: int
    section: int
    ability: float
    diligence: float
    guardians: tuple[Person, ...]
    leaves: dt.date | None

    def grade_in(self, year: int) -> int | None:
        """Return the grade in that year, None before and after school."""
        grade = self.grade + year
        return grade if grade in GRADES else None


@dataclass(frozen=True, slots=True)
class ClassYear:
    """A class of one school year, and its students."""

    id: int
    year: int
    grade: int
    section: int
    teacher: Person
    students: tuple[Student, ...]

    @property
    def code(self) -> str:
        """The class's name: 7B, and 7AA after 7Z."""
        first, last = divmod(self.section, 26)
        return f"{self.grade}{chr(64 + first) if first else ''}{chr(65 + last)}"

    @property
    def subjects(self) -> tuple[int, ...]:
        """The ids of its subjects: two that every grade has, and two that depend on the grade."""
        return 1, 2, 3 + self.grade % 4, 7 + self.grade % 4

    @property
    def weekdays(self) -> tuple[int, int]:
        """The two weekdays on which it meets."""
        return MEETINGS[(self.grade + self.section) % len(MEETINGS)]

    def present(self, day: dt.date) -> tuple[Student, ...]:
        """Return the students who have not left by that day."""
        return tuple(each for each in self.students if each.leaves is None or day <= each.leaves)


@dataclass
class School:
    """The people of a plan's school; `keys` counts the ids of each table."""

    plan: Plan
    words: Words
    admins: tuple[Person, ...] = ()
    teachers: tuple[Person, ...] = ()
    guardians: list[Person] = field(default_factory=list)
    students: list[Student] = field(default_factory=list)
    keys: dict[str, "count[int]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng, plan = self.plan.random_stream("people"), self.plan
        people = count(1)
        cohorts = len(GRADES) + plan.years - 1
        sections = -(-plan.students // (cohorts * CLASS_SIZE))
        self.admins = tuple(self._person(rng, people) for _ in range(3))
        self.teachers = tuple(self._person(rng, people) for _ in range(max(4, plan.students * 3 // 4 // CLASS_SIZE)))
        families = [self._family(rng, people) for _ in range(max(1, plan.students * 3 // 4))]
        # a family has one pupil, sometimes two or three
        of_families = [*families, *(rng.choice(families) for _ in range(plan.students - len(families)))]
        for nth, family in enumerate(of_families[: plan.students]):
            self.students.append(
                Student(
                    id=next(people),
                    first=rng.choice(self.words.first_names),
                    last=family[0].last,
                    grade=max(GRADES) - nth % cohorts,
                    section=nth // cohorts % sections,
                    ability=min(1.0, max(0.05, rng.gauss(0.72, 0.14))),
                    diligence=min(0.99, max(0.2, rng.gauss(0.9, 0.09))),
                    guardians=family,
                    leaves=self._leaves(rng),
                )
            )

    def _person(self, rng: random.Random, people: "count[int]", last: str | None = None) -> Person:
        return Person(next(people), rng.choice(self.words.first_names), last or rng.choice(self.words.last_names))

    def _family(self, rng: random.Random, people: "count[int]") -> tuple[Person, ...]:
        first = self._person(rng, people)
        family = (first, self._person(rng, people, first.last)) if rng.random() < 0.6 else (first,)
        self.guardians.extend(family)
        return family

    def _leaves(self, rng: random.Random) -> dt.date | None:
        """Return the day on which a student leaves early, None for most."""
        last = (self.plan.last_day - self.plan.terms[0].start).days
        if rng.random() > 0.05 or last <= 60:
            return None
        return self.plan.terms[0].start + dt.timedelta(days=rng.randrange(30, last))

    def next_id(self, table: str) -> int:
        """Return the next id of the table."""
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
        """The class and the roll number on the last day, by id of the student; former students are missing."""
        last = self.plan.years - 1
        return {
            student.id: (each, roll)
            for each in self.classes
            if each.year == last
            for roll, student in enumerate(each.present(self.plan.last_day), 1)
        }

    def of_year(self, term: TermDays) -> Sequence[ClassYear]:
        """Return the classes of the term's school year."""
        return [each for each in self.classes if each.year == term.year]

    def teacher_of(self, each: ClassYear, subject: int) -> Person:
        """Return the teacher of a subject in a class; subject 1 is taught by the class teacher."""
        return self.teachers[(self.teachers.index(each.teacher) + subject - 1) % len(self.teachers)]
