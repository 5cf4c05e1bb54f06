"""Rows of accounts, profiles, guardianships, sessions and API keys."""

import datetime as dt
import hashlib
import unicodedata
import uuid
from typing import Any

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.plan import at
from ourschool.seed.school import Person, School, Student

PASSWORD = "!"  # noqa: S105  # no hash of any password: nobody signs in with a made-up account
ROLES = frozenset(models.UserRole)
RELATIONS = (("mother", "father"), ("father", "mother"), ("mother", "aunt"), ("grandfather", "mother"))


def accounts(school: School) -> Rows:
    """Yield the accounts, guardians before the students who refer to them."""
    rng = school.plan.random_stream("accounts")
    begun = school.plan.terms[0].start - dt.timedelta(days=60)
    for role, group in (("admin", school.admins), ("teacher", school.teachers), ("guardian", school.guardians)):
        for person in group:
            yield models.User, _user(school, person, role, begun, rng.random())
    for student in school.students:
        yield models.User, _student(school, student, rng.random())


def about_people(school: School) -> Rows:
    """Yield the rows that refer to accounts and classes: profiles, guardianships, sessions, API keys."""
    for student in school.students:
        yield models.StudentProfile, _profile(school, student)
        yield from _guardianships(school, student)
    yield from _access(school)


def _role(role: str) -> str:
    """Return the role, or admin where the models have no such role."""
    return role if role in ROLES else "admin"


def _user(school: School, person: Person, role: str, begun: dt.date, chance: float) -> Row:
    login = f"{_plain(person.first)}.{_plain(person.last)}{person.id}"
    locked = role == "guardian" and chance < 0.004
    last = school.plan.last_day
    return {
        "id": person.id,
        "email": f"{login}@school.example",
        "username": login,
        "hashed_password": PASSWORD,
        "first_name": person.first,
        "last_name": person.last,
        "role": _role(role),
        "is_active": True,
        "parent_id": None,
        "date_of_birth": None,
        "grade_level": None,
        "created_at": at(begun, 32_400 + person.id % 28_800),
        "updated_at": at(begun, 32_400 + person.id % 28_800),
        "failed_login_attempts": 5 if locked else int(chance < 0.05),
        "locked_until": at(last, 80_000) if locked else None,
        "last_failed_login_at": at(last, 40_000 + int(chance * 1000)) if chance < 0.05 else None,
        "must_change_password": role != "admin" and 0.1 < chance < 0.13,
        "theme": ("system", "light", "dark")[int(chance * 97) % 3],
        "external_id": str(
            uuid.UUID(int=school.plan.random_stream(f"external {person.id}").getrandbits(128), version=4)
        ),
    }


def _student(school: School, student: Student, chance: float) -> Row:
    first_year = max(0, 1 - student.grade)
    begun = school.plan.terms[first_year * 2].start
    row = _user(school, student, "student", begun - dt.timedelta(days=20), chance)
    here = student.id in school.now
    grade = school.now[student.id][0].grade if here else min(12, student.grade + school.plan.years - 1)
    born = begun.year - 6 - max(1, student.grade)
    return row | {
        "is_active": here,
        "parent_id": student.guardians[0].id,
        "date_of_birth": dt.date(born, 1, 1) + dt.timedelta(days=int(chance * 365)),
        "grade_level": grade,
    }


def _plain(name: str) -> str:
    """Return the name's letters in lower-case ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalpha()) or "x"


def _profile(school: School, student: Student) -> Row:
    now = school.now.get(student.id)
    words, begun = school.words, school.plan.terms[max(0, 1 - student.grade) * 2].start
    return {
        "id": school.next_id("student_profiles"),
        "student_id": student.id,
        "class_id": now[0].id if now else None,
        "roll_number": now[1] if now else None,
        "reg_no": f"{begun.year}-{student.id:06}",
        "guardian_phone": f"+91 98{student.guardians[0].id:08}",
        "student_phone": f"+91 97{student.id:08}" if student.id % 3 == 0 else None,
        "school_name": words.schools[student.id % len(words.schools)],
        "picture_url": f"/pictures/{student.id}.jpg" if student.id % 4 else None,
        "pending_popup": words.sentences[student.id % len(words.sentences)] if student.id % 50 == 0 else None,
        "created_at": at(begun, 36_000),
        "updated_at": at(begun, 36_000),
    }


def _guardianships(school: School, student: Student) -> Rows:
    relations = RELATIONS[student.guardians[0].id % len(RELATIONS)]
    for nth, guardian in enumerate(student.guardians):
        yield row(
            models.Guardianship,
            id=school.next_id("guardianships"),
            guardian_id=guardian.id,
            student_id=student.id,
            relation=relations[nth],
            is_primary=nth == 0,
            created_at=at(school.plan.terms[0].start, 36_000),
        )


def _access(school: School) -> Rows:
    """Yield sessions of the last weeks, and an API key for each of the staff."""
    rng, last = school.plan.random_stream("access"), school.plan.last_day
    for person in (*school.admins, *school.teachers, *school.guardians, *school.students):
        if rng.random() < 0.5:
            continue
        day = last - dt.timedelta(days=rng.randrange(40))
        seconds = rng.randrange(25_000, 80_000)
        yield row(
            models.UserSession,
            id=school.next_id("user_sessions"),
            user_id=person.id,
            token_hash=_hash(rng.random()),
            ip_address=rng.choice(school.words.addresses),
            user_agent=rng.choice(school.words.browsers),
            created_at=at(day, seconds),
            last_seen_at=at(day, seconds + 900),
            expires_at=at(day + dt.timedelta(days=30), seconds),
            revoked_at=at(day, seconds + 3600) if rng.random() < 0.2 else None,
        )
    for nth, person in enumerate((*school.admins, *school.teachers)):
        yield row(
            models.ApiKey,
            id=school.next_id("api_keys"),
            user_id=person.id,
            name=("timetable", "backup", "grade import")[nth % 3],
            prefix=f"os_{nth:05}",
            key_hash=_hash(rng.random()),
            permissions='["read"]' if nth % 3 else '["read", "write"]',
            is_active=nth % 5 != 4,
            created_at=at(school.plan.terms[-2].start, 40_000 + nth),
            expires_at=None,
            last_used_at=at(last, 30_000 + nth) if nth % 2 else None,
        )


def _hash(what: Any) -> str:
    return hashlib.sha256(str(what).encode()).hexdigest()
