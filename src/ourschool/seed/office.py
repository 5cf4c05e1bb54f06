"""Rows of the office: settings, withdrawal requests, the audit log."""

import datetime as dt
import json
import random

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.plan import at
from ourschool.seed.school import Person, School, Student

SETTINGS = (
    ("school_name", "Lakeside Afternoon School", "string"), ("fee_due_day", "10", "integer"),
    ("points_per_month", "10", "integer"), ("shop_open", "true", "boolean"), ("upi_id", "lakeside@bank", "string"),
    ("grading_scale", json.dumps({"A": 90, "B": 80, "C": 70, "D": 60}), "json"), ("public_results", "false", "boolean"),
)  # fmt: skip


def settings(school: School) -> Rows:
    """The settings; what the database records of them in settings_changes is its own work."""
    made, admin = at(school.plan.terms[0].start, 20_000), school.admins[0]
    for number, (key, value, kind) in enumerate(SETTINGS, 1):
        yield row(
            models.SystemSetting,
            id=number,
            key=key,
            value=value,
            type=kind,
            description=key.replace("_", " "),
            is_public=key == "school_name",
            updated_by=admin.id,
            updated_by_name=admin.name,
            created_at=made,
            updated_at=made,
        )


def audit(school: School, dice: random.Random, day: dt.date) -> Rows:
    """What people did on one day, besides what other tables tell: about one thing a pupil and year."""
    often = school.plan.students / 200
    for _ in range(int(often) + (dice.random() < often % 1)):
        student = dice.choice(school.students)
        teacher = dice.choice(school.teachers)
        old = dice.randrange(40, 95)
        yield models.AuditEntry, _entry(
            school, dice, (teacher, day),
            action="grade.changed", entity="users", entity_id=str(student.id),
            before=json.dumps({"percentage": old}), after=json.dumps({"percentage": old + dice.randrange(1, 6)}),
        )  # fmt: skip


def withdrawals(school: School, dice: random.Random, day: dt.date) -> Rows:
    """Who left on that day had asked for it; a few more ask and stay, and some wait for an answer."""
    for student in school.students:
        if student.leaves == day and student.id not in school.now:
            yield from _request(school, dice, student, (day, "approved"))
        elif day == school.plan.last_day and student.leaves is None and dice.random() < 0.004:
            yield from _request(school, dice, student, (day, "pending" if dice.random() < 0.6 else "rejected"))


def _request(school: School, dice: random.Random, student: Student, what: tuple[dt.date, str]) -> Rows:
    day, status = what
    clerk = None if status == "pending" else school.admins[1]
    asked = at(day - dt.timedelta(days=6), 40_000)
    key = school.next_id("withdrawal_requests")
    yield row(
        models.WithdrawalRequest,
        id=key,
        student_id=student.id,
        reason=dice.choice(school.words.sentences),
        status=status,
        response=dice.choice(school.words.sentences) if clerk else None,
        created_at=asked,
        processed_at=at(day, 45_000) if clerk else None,
        processed_by=clerk.id if clerk else None,
        processed_by_name=clerk.name if clerk else None,
    )
    if clerk:
        yield models.AuditEntry, _entry(
            school, dice, (clerk, day),
            action=f"withdrawal.{status}", entity="withdrawal_requests", entity_id=str(key),
            before=json.dumps({"status": "pending"}), after=json.dumps({"status": status}),
        )  # fmt: skip


def _entry(school: School, dice: random.Random, who: tuple[Person, dt.date], **what: str) -> Row:
    actor, day = who
    return {
        "id": school.next_id("audit_log"),
        "occurred_at": at(day, dice.randrange(28_000, 80_000)),
        "actor_id": actor.id,
        "actor_name": actor.name,
        "request_id": f"{dice.getrandbits(64):016x}",
        "address": dice.choice(school.words.addresses),
    } | what
