"""How much of a school to make, and the keys that its rows therefore have."""

from dataclasses import dataclass, field

GAP_EVERY = 12
"""One key in so many is missing: rows were deleted in every real database."""


def key(nth: int) -> int:
    """The id of the nth row of a table, counted from 0."""
    return nth + 1 + nth // (GAP_EVERY - 1)


def keys(count: int) -> tuple[int, ...]:
    """The ids of a table of so many rows."""
    return tuple(key(nth) for nth in range(count))


@dataclass(frozen=True)
class Size:
    """How many rows to make. From `SMALL` upwards every awkward value occurs; below it only some do.

    `conflicts` are the rows that revisions must refuse to decide about: emails, usernames and subjects that differ
    only in case, and more than one active term. `beyond` adds what nobody has recorded but no constraint forbade:
    a colour that is a word, a negative weight, a term that ends before it starts, a student who is their own parent,
    grades finalized without a date, one template twice in a lesson.
    """

    students: int = 30
    terms: int = 12
    student_assignments: int = 300
    attendance_records: int = 400
    conflicts: bool = True
    beyond: bool = False

    def __post_init__(self) -> None:
        for name in ("students", "terms", "student_assignments", "attendance_records"):
            if getattr(self, name) < 1:
                raise ValueError(f"a school needs at least one of {name}, got {getattr(self, name)}")

    @classmethod
    def of(
        cls, *, student_assignments: int, attendance_records: int, conflicts: bool = True, beyond: bool = False
    ) -> "Size":
        """A school of as many students and terms as would make so many rows: some 500 of each for a student."""
        return cls(
            students=max(30, max(student_assignments, attendance_records) // 500),
            terms=max(12, min(40, max(student_assignments, attendance_records) // 20_000)),
            student_assignments=student_assignments,
            attendance_records=attendance_records,
            conflicts=conflicts,
            beyond=beyond,
        )


SMALL = Size()
"""Every awkward value at least once, in a blink."""


@dataclass(frozen=True)
class School:
    """The keys of a school of that size, so that tables can name each other's rows before there are any."""

    size: Size
    admins: tuple[int, ...] = field(init=False)
    students: tuple[int, ...] = field(init=False)
    subjects: tuple[int, ...] = field(init=False)
    terms: tuple[int, ...] = field(init=False)
    term_subjects: tuple[int, ...] = field(init=False)
    lessons: tuple[int, ...] = field(init=False)
    templates: tuple[int, ...] = field(init=False)
    term_grades: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        size = self.size
        admins = 6 + size.students * 2 // 3
        people = keys(admins + size.students)
        made = {
            "admins": people[:admins],
            "students": people[admins:],
            "subjects": keys(12),
            "terms": keys(size.terms),
            "term_subjects": keys(size.terms * 10),
            "lessons": keys(max(40, size.terms * 20)),
            "templates": keys(max(40, size.terms * 30)),
            "term_grades": keys(size.students * min(6, size.terms * 10)),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def max_points(self, template: int) -> int:
        """What a template's work is worth at most; needed to grade it without looking it up."""
        return (100, 10, 20, 50, 1, 30, 1000)[template % 7]
