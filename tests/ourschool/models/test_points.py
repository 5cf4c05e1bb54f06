"""Balances are what the ledger says, whoever writes at once; nobody else may touch them."""

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from tests.support.databases import Database

ADD = "insert into point_transactions (student_id, amount, type, source) values {values}"
OFF = """
select s.id, coalesce(balance, 0), coalesce(sum(amount), 0)
  from users s
  left join student_points on student_points.student_id = s.id
  left join point_transactions on point_transactions.student_id = s.id
 group by s.id, balance
having coalesce(balance, 0) <> coalesce(sum(amount), 0)
"""


def values(rows: list[tuple[int, object]]) -> str:
    return ", ".join(f"({student}, {amount}, 'adjusted', 'manual')" for student, amount in rows)


def balances(connection: psycopg.Connection) -> dict[int, Decimal]:
    return dict(connection.execute("select student_id, balance from student_points").fetchall())


def test_the_balance_follows_the_ledger(rolled_back: psycopg.Connection) -> None:
    rolled_back.execute(ADD.format(values=values([(3, 5), (4, 7), (3, "0.25"), (4, -10)])).encode())
    assert balances(rolled_back) == {3: Decimal("5.25"), 4: Decimal(-3)}
    rolled_back.execute(ADD.format(values=values([(3, -5)])).encode())
    assert balances(rolled_back) == {3: Decimal("0.25"), 4: Decimal(-3)}


def test_what_is_retired_from_the_ledger_leaves_the_balance_and_comes_back_to_it(
    rolled_back: psycopg.Connection,
) -> None:
    rolled_back.execute(ADD.format(values=values([(3, 5), (3, 2), (4, 7)])).encode())
    rolled_back.execute("select set_config('ourschool.retiring', 'on', true)")
    rolled_back.execute(
        "create temporary table aside on commit drop as select * from point_transactions where amount > 4"
    )
    rolled_back.execute("delete from point_transactions where amount > 4")
    assert balances(rolled_back) == {3: 2, 4: 0}
    rolled_back.execute("insert into point_transactions overriding system value table aside")
    assert balances(rolled_back) == {3: 7, 4: 7}
    rolled_back.execute("update point_transactions set student_id = 4, amount = 10 where amount = 5")
    assert balances(rolled_back) == {3: 2, 4: 17}


@pytest.mark.parametrize("change", [
    "update student_points set balance = 1000000", "update student_points set student_id = 4",
    "delete from student_points", "truncate student_points",
    "insert into student_points (student_id, balance) values (4, 1000000)",
])  # fmt: skip
def test_nobody_else_writes_the_balance(rolled_back: psycopg.Connection, change: str) -> None:
    rolled_back.execute(ADD.format(values=values([(3, 5)])).encode())
    with pytest.raises(psycopg.errors.RestrictViolation, match="follows the ledger"):
        rolled_back.execute(change.encode())


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_many_writers_at_once_lose_nothing_and_wait_in_no_circle(school: Database, isolation: str) -> None:
    """Eight writers, each statement for both students in its own order; who loses a race tries again."""
    school.execute(
        "insert into users (id, email, username, hashed_password, first_name, last_name, role) "
        "select n, n || '@x', 'u' || n, '-', '', '', 'student' from generate_series(10, 14) n"
    )

    def write(seed: int) -> Decimal:
        dice = random.Random(seed)
        written = Decimal(0)
        with school.connect(autocommit=True) as connection:
            connection.execute(f"set default_transaction_isolation = '{isolation}'".encode())
            for _ in range(30):
                rows: list[tuple[int, object]] = [
                    (dice.choice((3, 4, *range(10, 15))), Decimal(dice.randint(1, 999)) / 4 - Decimal("99.9"))
                    for _ in range(6)
                ]
                while True:
                    try:
                        connection.execute(ADD.format(values=values(rows)).encode())
                        break
                    except psycopg.errors.SerializationFailure:
                        assert isolation == "repeatable read"
                written += sum((Decimal(str(amount)) for _, amount in rows), Decimal(0))
        return written

    with ThreadPoolExecutor(8) as pool:
        written = sum(pool.map(write, range(8)), Decimal(0))
    assert school.rows(OFF) == []
    assert school.value("select sum(balance) from student_points") == written
    assert school.value("select count(*) from point_transactions") == 8 * 30 * 6


def test_a_copy_of_many_rows_is_summed_once(rolled_back: psycopg.Connection) -> None:
    with rolled_back.cursor().copy("copy point_transactions (student_id, amount, type) from stdin") as copy:
        for number in range(1000):
            copy.write_row((3 + number % 2, number + 1, "earned"))
    assert balances(rolled_back) == {3: 250000, 4: 250500}


def test_a_redemption_keeps_name_and_cost_as_they_were(rolled_back: psycopg.Connection) -> None:
    rolled_back.execute("insert into shop_items (id, name, cost) values (1, 'Pencil', 3)")
    rolled_back.execute("insert into shop_redemptions (student_id, item_id) values (3, 1)")
    rolled_back.execute("insert into shop_redemptions (student_id, item_id, item_name, cost) values (3, 1, 'Pen', 2.5)")
    rolled_back.execute("update shop_items set name = 'Golden pencil', cost = 300")
    assert rolled_back.execute("select item_name, cost from shop_redemptions order by id").fetchall() == [
        ("Pencil", 3), ("Pen", Decimal("2.5")),
    ]  # fmt: skip
    with pytest.raises(psycopg.errors.IntegrityError):
        rolled_back.execute("insert into shop_redemptions (student_id, item_id) values (3, 2)")
