"""Rows of the journal, and the answers to them."""

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
"""Of a class's pupils who write on an afternoon."""


def afternoon(school: School, ledger: Ledger, dice: random.Random, each: ClassYear, day: dt.date) -> Rows:
    """What is written about the pupils of a class on one afternoon."""
    for student in each.students:
        if dice.random() < SHARE and (student.leaves is None or day <= student.leaves):
            yield from _entry(school, ledger, dice, (each, student, day))


def _entry(school: School, ledger: Ledger, dice: random.Random, about: tuple[ClassYear, Student, dt.date]) -> Rows:
    each, student, day = about
    key, luck = school.next_id("journal_entries"), dice.random()
    own = luck < 0.8
    writer = student if own else each.teacher
    points = 2 if own and luck < 0.3 else 0
    written = at(day, 68_000 + dice.randrange(9_000))
    answered = dice.random() < 0.35 and day < school.plan.last_day
    yield row(
        models.JournalEntry,
        id=key,
        student_id=student.id,
        author_id=writer.id,
        author_name=writer.name,
        title=dice.choice(school.words.sentences)[:80],
        content=dice.choice(school.words.paragraphs),
        entry_date=written,
        created_at=written,
        updated_at=written,
        mood=dice.choice(MOODS) if own else None,
        tags=json.dumps(sorted(dice.sample(TAGS, dice.randrange(3)))),
        goals=json.dumps([dice.choice(school.words.sentences)] if dice.random() < 0.2 else []),
        needs_response=own and not answered and dice.random() < 0.1,
        win=dice.choice(school.words.sentences) if dice.random() < 0.2 else None,
        points_awarded=points,
    )
    if points:
        yield from ledger.give(student, points, ("journal", key, each.teacher.id), (day, 78_000))
    if answered:
        answer = at(day + dt.timedelta(days=1), 50_000 + dice.randrange(9_000))
        author = each.teacher if dice.random() < 0.7 else student.guardians[0]
        yield row(
            models.JournalReply,
            id=school.next_id("journal_replies"),
            entry_id=key,
            author_id=author.id,
            author_name=author.name,
            content=dice.choice(school.words.sentences),
            created_at=answer,
            updated_at=answer,
        )
