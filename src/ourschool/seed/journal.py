"""Rows of journal entries and replies."""

import datetime as dt
import json
import random

from ourschool import models
from ourschool.seed.copying import Rows, row
from ourschool.seed.plan import at
from ourschool.seed.points import Ledger
from ourschool.seed.school import ClassYear, School, Student

TAGS = ("reading", "sport", "friends", "maths", "music", "home", "exam")
MOODS = ("great", "good", "good", "okay", "okay", "low", "bad", None)
SHARE = 0.03
"""The share of a class's students with an entry on one afternoon."""


def afternoon(school: School, ledger: Ledger, rng: random.Random, each: ClassYear, day: dt.date) -> Rows:
    """Yield the journal entries of a class on one afternoon, and their replies."""
    for student in each.students:
        if rng.random() < SHARE and (student.leaves is None or day <= student.leaves):
            yield from _entry(school, ledger, rng, (each, student, day))


def _entry(school: School, ledger: Ledger, rng: random.Random, about: tuple[ClassYear, Student, dt.date]) -> Rows:
    each, student, day = about
    key, drawn = school.next_id("journal_entries"), rng.random()
    own = drawn < 0.8
    writer = student if own else each.teacher
    points = 2 if own and drawn < 0.3 else 0
    written = at(day, 68_000 + rng.randrange(9_000))
    answered = rng.random() < 0.35 and day < school.plan.last_day
    yield row(
        models.JournalEntry,
        id=key,
        student_id=student.id,
        author_id=writer.id,
        author_name=writer.name,
        title=rng.choice(school.words.sentences)[:80],
        content=rng.choice(school.words.paragraphs),
        entry_date=written,
        created_at=written,
        updated_at=written,
        mood=rng.choice(MOODS) if own else None,
        tags=json.dumps(sorted(rng.sample(TAGS, rng.randrange(3)))),
        goals=json.dumps([rng.choice(school.words.sentences)] if rng.random() < 0.2 else []),
        needs_response=own and not answered and rng.random() < 0.1,
        win=rng.choice(school.words.sentences) if rng.random() < 0.2 else None,
        points_awarded=points,
    )
    if points:
        yield from ledger.give(student, points, ("journal", key, each.teacher.id), (day, 78_000))
    if answered:
        answer = at(day + dt.timedelta(days=1), 50_000 + rng.randrange(9_000))
        author = each.teacher if rng.random() < 0.7 else student.guardians[0]
        yield row(
            models.JournalReply,
            id=school.next_id("journal_replies"),
            entry_id=key,
            author_id=author.id,
            author_name=author.name,
            content=rng.choice(school.words.sentences),
            created_at=answer,
            updated_at=answer,
        )
