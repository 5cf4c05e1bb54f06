"""Rows of the points ledger and of the shop; triggers keep the balances."""

import datetime as dt
from collections.abc import Generator

from ourschool import models
from ourschool.seed.copying import Row, Rows, row
from ourschool.seed.plan import at
from ourschool.seed.school import School, Student

ITEMS = (("Pencil", 5), ("Sticker sheet", 8), ("Notebook", 15), ("Homework pass", 30), ("Lunch with the head", 60))
Source = tuple[str, int | None, int | None]
"""The source's kind, the id of its row, and the id of who gave the points."""
Moment = tuple[dt.date, int]
"""A day and the seconds into it."""


class Ledger:
    """Makes the rows of the ledger, and keeps the balance of each student, so that nobody overspends."""

    def __init__(self, school: School) -> None:
        self.school = school
        self.rng = school.plan.random_stream("points")
        self.balance: dict[int, int] = {}
        self.names = {each.id: each.name for each in (*school.admins, *school.teachers)}

    def items(self) -> Rows:
        """Yield the items of the shop."""
        made = at(self.school.plan.terms[0].start, 30_000)
        for number, (name, cost) in enumerate(ITEMS, 1):
            yield row(
                models.ShopItem,
                id=number,
                name=name,
                description=self.school.words.sentences[number],
                cost=cost,
                stock=None if number % 2 else 1000,
                is_active=number != len(ITEMS),
                created_at=made,
                updated_at=made,
            )

    def give(
        self, student: Student, amount: int, source: Source, moment: Moment, kind: str = "earned"
    ) -> Generator[tuple[type[models.Base], Row], None, int]:
        """Yield a transaction of the ledger and return its id."""
        self.balance[student.id] = self.balance.get(student.id, 0) + amount
        kind_of_source, source_id, giver = source
        key = self.school.next_id("point_transactions")
        yield row(
            models.PointTransaction,
            id=key,
            student_id=student.id,
            amount=amount,
            type=kind,
            source=kind_of_source,
            source_id=source_id,
            reason=self.rng.choice(self.school.words.sentences) if kind_of_source == "manual" else None,
            awarded_by=giver,
            awarded_by_name=self.names[giver] if giver is not None else None,
            created_at=at(*moment),
        )
        return key

    def month(self, student: Student, day: dt.date) -> Rows:
        """Yield a student's transactions of a month: points for attendance, manual ones, a purchase."""
        drawn = self.rng.random()
        if drawn < student.diligence - 0.55:
            yield from self.give(student, 10, ("attendance", None, None), (day, 66_000))
        if drawn > 0.97:
            teacher = self.rng.choice(self.school.teachers)
            kind = ("earned", "adjusted")[drawn > 0.99]
            yield from self.give(student, 3, ("manual", None, teacher.id), (day, 66_100), kind)
        if self.balance.get(student.id, 0) >= 15 and self.rng.random() < 0.3:
            yield from self._buy(student, day)

    def _buy(self, student: Student, day: dt.date) -> Rows:
        affordable = [n for n, (_, cost) in enumerate(ITEMS, 1) if cost <= self.balance[student.id]]
        item = self.rng.choice(affordable)
        name, cost = ITEMS[item - 1]
        paid = yield from self.give(student, -cost, ("shop", item, None), (day, 67_000), "spent")
        back, given_back = day + dt.timedelta(days=1), None
        if self.rng.random() < 0.05 and back <= self.school.plan.last_day:
            given_back = yield from self.give(student, cost, ("shop", item, None), (back, 50_000), "refunded")
        status = "refunded" if given_back else ("fulfilled" if back <= self.school.plan.last_day else "pending")
        clerk = None if status == "pending" else self.school.admins[-1]
        yield row(
            models.ShopRedemption,
            id=self.school.next_id("shop_redemptions"),
            student_id=student.id,
            item_id=item,
            item_name=name,
            cost=cost,
            status=status,
            transaction_id=paid,
            refund_transaction_id=given_back,
            redeemed_at=at(day, 67_000),
            refunded_at=at(back, 50_000) if given_back else None,
            processed_by=clerk.id if clerk else None,
            processed_by_name=clerk.name if clerk else None,
        )
