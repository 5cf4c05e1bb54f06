"""Rows of users: admins, of whom some are parents, and students."""

from collections.abc import Iterator
from typing import Any

from tests.ourschool.existing.awkward import FLAGS, GRADE_LEVELS, NAMES, PLAIN_NAMES
from tests.ourschool.existing.size import School
from tests.ourschool.existing.spread import Dealer, day

Row = tuple[Any, ...]

USERS = (
    "id", "email", "username", "hashed_password", "first_name", "last_name", "role", "is_active", "parent_id",
    "date_of_birth", "grade_level", "created_at", "updated_at",
)  # fmt: skip

EMAILS = ("{name}.{id}@example.org", "{name}.{id}@Example.ORG", "o'brien+{id}%40x@example.org", "é.{id}@école.example")
USERNAMES = ("{name}{id}", "{name} {id}", "Üser_{id}%", "back\\slash{id}", "{id}")
PASSWORD = "$2b$12$" + "x" * 53

SAME_BUT_FOR_CASE = (
    ("anna@school.example", "ben", "élodie"),
    ("Anna@school.example", "BEN", "Zoe"),
    ("ANNA@SCHOOL.EXAMPLE", "Ben", "zoë"),
    ("carl@school.example", "Carl", "ZOË"),
    ("Carl@school.example", "carl", "ÉLODIE"),
)
"""Email, username, and a username beyond ASCII, which lower() folds or not by the database's locale."""


def users(school: School, seed: int) -> Iterator[Row]:
    """All users, admins first: their keys are the lower ones."""
    dealer = Dealer(seed, "users")
    names = dealer.deal(NAMES, PLAIN_NAMES, share=0.05)
    surnames = dealer.deal(NAMES, PLAIN_NAMES, share=0.05)
    logins = _logins(school, dealer)
    active = dealer.deal(FLAGS, (True,), share=0.05)
    stamps = dealer.stamps()
    grades = dealer.deal(GRADE_LEVELS, [str(n) for n in range(1, 13)], share=0.2)
    births = dealer.deal((None, "2012-02-29", "1999-12-31"), [day(365 * 6 + n) for n in range(365 * 12)], share=0.05)
    parents = dealer.deal((None, *school.admins[3:-1]))

    for admin in school.admins:
        first, last = next(names), next(surnames)
        yield admin, *logins[admin], PASSWORD, first, last, "admin", next(active), None, None, None, *next(stamps)
    for student in school.students:
        parent: int | None = next(parents)
        if school.size.beyond and student == school.students[-1]:
            parent = student
        yield (
            student, *logins[student], PASSWORD, next(names), next(surnames), "student", next(active), parent,
            next(births), next(grades), *next(stamps),
        )  # fmt: skip


def _logins(school: School, dealer: Dealer) -> dict[int, tuple[str, str]]:
    """Email and username of everyone; the id in them keeps them apart."""
    emails, usernames = dealer.deal(EMAILS), dealer.deal(USERNAMES)
    people = (*school.admins, *school.students)
    made = {
        each: tuple(
            form.format(name=PLAIN_NAMES[each % 26].lower(), id=each) for form in (next(emails), next(usernames))
        )
        for each in people
    }
    logins = {each: (email, username) for each, (email, username) in made.items()}
    if school.size.conflicts:
        # from both ends: students and admins share one set of names
        for (email, username, _), student in zip(SAME_BUT_FOR_CASE, school.students, strict=False):
            logins[student] = (email, username)
        for (_, _, username), admin in zip(SAME_BUT_FOR_CASE, school.admins, strict=False):
            logins[admin] = (logins[admin][0], username)
        logins[school.admins[-2]] = ("Anna@School.example", "BeN")
    return logins
