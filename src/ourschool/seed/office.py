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
    """Yield the settings; a trigger writes settings_changes."""
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


def audit(school: School, rng: random.Random, day: dt.date) -> Rows:
    """Yield the audit entries of one day: about one for each student and year."""
    often = school.plan.students / 200
    for _ in range(int(often) + (rng.random() < often % 1)):
        student = rng.choice(school.students)
        teacher = rng.choice(school.teachers)
        old = rng.randrange(40, 95)
        yield models.AuditEntry, _entry(
            school, rng, (teacher, day),
            action="grade.changed", entity="users", entity_id=str(student.id),
            before=json.dumps({"percentage": old}), after=json.dumps({"percentage": old + rng.randrange(1, 6)}),
        )  # fmt: skip


def withdrawals(school: School, rng: random.Random, day: dt.date) -> Rows:
    """Yield the approved requests of those who left on that day; on the last day also pending and rejected ones."""
    for student in school.students:
        if student.leaves == day and student.id not in school.now:
            yield from _request(school, rng, student, (day, "approved"))
        elif day == school.plan.last_day and student.leaves is None and rng.random() < 0.004:
            yield from _request(school, rng, student, (day, "pending" if rng.random() < 0.6 else "rejected"))


def _request(school: School, rng: random.Random, student: Student, what: tuple[dt.date, str]) -> Rows:
    day, status = what
    clerk = None if status == "pending" else school.admins[1]
    requested_at = at(day - dt.timedelta(days=6), 40_000)
    key = school.next_id("withdrawal_requests")
    yield row(
        models.WithdrawalRequest,
        id=key,
        student_id=student.id,
        reason=rng.choice(school.words.sentences),
        status=status,
        response=rng.choice(school.words.sentences) if clerk else None,
        created_at=requested_at,
        processed_at=at(day, 45_000) if clerk else None,
        processed_by=clerk.id if clerk else None,
        processed_by_name=clerk.name if clerk else None,
    )
    if clerk:
        yield models.AuditEntry, _entry(
            school, rng, (clerk, day),
            action=f"withdrawal.{status}", entity="withdrawal_requests", entity_id=str(key),
            before=json.dumps({"status": "pending"}), after=json.dumps({"status": status}),
        )  # fmt: skip


def _entry(school: School, rng: random.Random, who: tuple[Person, dt.date], **what: str) -> Row:
    actor, day = who
    return {
        "id": school.next_id("audit_log"),
        "occurred_at": at(day, rng.randrange(28_000, 80_000)),
        "actor_id": actor.id,
        "actor_name": actor.name,
        "request_id": f"{rng.getrandbits(64):016x}",
        "address": rng.choice(school.words.addresses),
    } | what
