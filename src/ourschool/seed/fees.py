"""Rows of fees and payments."""

import datetime as dt
import random
from decimal import Decimal

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.plan import at
from ourschool.seed.school import School, Student

METHODS = ("upi",) * 11 + ("cash",) * 4 + ("card",) * 3 + ("bank",) * 2


def month(school: School, rng: random.Random, student: Student, grade: int, day: dt.date) -> Rows:
    """Yield one student's fee for the month of `day`, and its payments up to the plan's last day."""
    key, last = school.next_id("fees"), school.plan.last_day
    due = Decimal(1200 + 50 * grade)
    due_on = day.replace(day=10)
    paid_on = due_on + dt.timedelta(days=int(rng.gauss(-3, 8))) if rng.random() < 0.97 else None
    parts: list[Row] = []
    if paid_on is not None:
        paid_on = max(paid_on, day)
        halves = (due / 2, due / 2) if rng.random() < 0.05 else (due,)
        for nth, part in enumerate(halves):
            arrived = paid_on + dt.timedelta(days=7 * nth)
            if arrived <= last:
                if rng.random() < 0.01:
                    parts.append(_payment(school, rng, key, (part, arrived, "rejected")))
                pending = arrived > last - dt.timedelta(days=2) or rng.random() < 0.002
                parts.append(_payment(school, rng, key, (part, arrived, "pending" if pending else "confirmed")))
    confirmed = [part for part in parts if part["status"] == "confirmed"]
    paid = sum(part["amount"] for part in confirmed) == due
    yield row(
        models.Fee,
        id=key,
        student_id=student.id,
        period=day.replace(day=1),
        amount_due=due,
        due_on=due_on,
        paid_at=confirmed[-1]["confirmed_at"] if paid else None,
        notes=None,
        created_at=at(day, 30_000),
        updated_at=confirmed[-1]["confirmed_at"] if confirmed else at(day, 30_000),
    )
    for payment in parts:
        yield models.Payment, payment


def _payment(school: School, rng: random.Random, fee: int, what: tuple[Decimal, dt.date, str]) -> Row:
    amount, arrived, status = what
    key, method = school.next_id("payments"), rng.choice(METHODS)
    seconds = rng.randrange(25_000, 80_000)
    clerk = school.admins[key % len(school.admins)] if status != "pending" else None
    return {
        "id": key,
        "fee_id": fee,
        "amount": amount,
        "method": method,
        "status": status,
        "upi_reference": f"{400_000_000_000 + key}" if method == "upi" else None,
        "receipt_url": f"/receipts/{key}.pdf" if key % 4 == 0 else None,
        "notes": "No such transfer" if status == "rejected" else None,
        "confirmed_at": at(arrived, seconds + 3600) if status == "confirmed" else None,
        "confirmed_by": clerk.id if clerk else None,
        "confirmed_by_name": clerk.name if clerk else None,
        "created_at": at(arrived, seconds),
        "updated_at": at(arrived, seconds + 3600 * (status != "pending")),
    }
