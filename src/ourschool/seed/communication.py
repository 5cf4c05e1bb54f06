"""Rows of notifications, their readers, and resources."""

import datetime as dt
import random

from ourschool import models
from ourschool.seed.copying import Rows, row
from ourschool.seed.plan import at
from ourschool.seed.school import ClassYear, Person, School, Student

KINDS = ("link", "document", "pdf")


def to_all(school: School, rng: random.Random, day: dt.date) -> Rows:
    """Yield a notification to everybody, and the students who have read it."""
    key = school.next_id("notifications")
    yield from _message(school, rng, key, (None, None, day, school.admins[0]))
    for student in school.students:
        if rng.random() < 0.05:
            yield from _read(school, rng, key, student, day)


def to_class(school: School, rng: random.Random, each: ClassYear, day: dt.date) -> Rows:
    """Yield a notification to a class, sometimes a resource, and notifications to single students."""
    key = school.next_id("notifications")
    yield from _message(school, rng, key, (None, each, day, each.teacher))
    for student in each.present(day):
        if rng.random() < 0.35:
            yield from _read(school, rng, key, student, day)
        if rng.random() < 0.04:
            own = school.next_id("notifications")
            yield from _message(school, rng, own, (student, None, day, each.teacher))
            if rng.random() < 0.6:
                yield from _read(school, rng, own, student, day)
    if rng.random() < 0.3:
        yield from resource(school, rng, each, day)


def resource(school: School, rng: random.Random, each: ClassYear | None, day: dt.date) -> Rows:
    """Yield a resource for a class, or for all where `each` is None."""
    key, who = school.next_id("resources"), each.teacher if each else school.admins[0]
    kind = rng.choice(KINDS)
    yield row(
        models.Resource,
        id=key,
        title=rng.choice(school.words.sentences),
        description=rng.choice(school.words.paragraphs) if rng.random() < 0.5 else None,
        kind=kind,
        url=f"https://school.example/r/{key}" if kind == "link" or key % 2 else None,
        cloud_url=None if kind == "link" else f"https://cloud.example/f/{key}",
        class_id=each.id if each else None,
        uploaded_by=who.id,
        uploaded_by_name=who.name,
        created_at=at(day, 40_000),
        updated_at=at(day, 40_000),
    )


def _message(
    school: School,
    rng: random.Random,
    key: int,
    to: tuple[Student | None, ClassYear | None, dt.date, Person],
) -> Rows:
    student, each, day, sender = to
    yield row(
        models.Notification,
        id=key,
        user_id=student.id if student else None,
        class_id=each.id if each else None,
        to_all=student is None and each is None,
        title=rng.choice(school.words.sentences),
        body=rng.choice(school.words.paragraphs),
        link_url=f"/news/{key}" if key % 3 == 0 else None,
        sent_by=sender.id,
        sent_by_name=sender.name,
        created_at=at(day, 32_000 + rng.randrange(9_000)),
        expires_at=at(day + dt.timedelta(days=60), 0) if key % 5 == 0 else None,
    )


def _read(school: School, rng: random.Random, key: int, student: Student, day: dt.date) -> Rows:
    yield row(
        models.NotificationRead,
        id=school.next_id("notification_reads"),
        notification_id=key,
        user_id=student.id,
        read_at=at(day, 42_000 + rng.randrange(40_000)),
    )
