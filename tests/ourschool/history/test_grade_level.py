"""3f1c9a7d52e4: users.grade_level becomes a number, and every text that was there can be had back."""

import pytest

from tests.ourschool.history.schools import BASELINE, columns, downgrade, upgrade
from tests.support.databases import Database

REVISION = "3f1c9a7d52e4"
RETIRED = f"retired.users_grade_level_{REVISION}"

READ: dict[str, int] = {
    "7": 7, "07": 7, "0000000000007": 7, "Grade 7": 7, "GRADE 7": 7, "grade 10": 10, "7th": 7, "1st": 1, "2nd": 2,
    "3rd": 3, "12th Grade": 12, "Year 5": 5, "class 13": 13, " 8 ": 8, "7\n": 7, "13": 13, "0": 0, "00": 0, "K": 0,
    "k": 0, "kg": 0, "Kindergarten": 0, "KINDERGARTEN ": 0, "-1": -1, "Pre-K": -1, "prek": -1, "Pre K": -1,
    "Pre-Kindergarten": -1, "preschool": -1,
}  # fmt: skip
UNREAD = (
    "20260000000000", "14", "99", "-5", "7.5", "7/8", "Year 5?", "Grade -1", "\u0667", "\uff17", "100%s %", "it's %L",
    "'; drop table users; --", "\\7", "x" * 500,
)  # fmt: skip
BLANK = ("", " ")


def insert(database: Database, levels: list[str | None], first: int = 1) -> None:
    with database.connect() as connection:
        for number, level in enumerate(levels, first):
            connection.execute(
                """
                insert into users (id, email, username, hashed_password, first_name, last_name, role, grade_level)
                values (%s, %s, %s, '-', 'A', 'B', 'student', %s)
                """,
                [number, f"{number}@x", f"u{number}", level],
            )


def levels(database: Database) -> dict[object, object]:
    return columns(database, "select id, grade_level from users order by id")


def kept(database: Database) -> dict[object, object]:
    return columns(database, f"select user_id, grade_level from {RETIRED} order by user_id")


def nothing_retired(database: Database) -> bool:
    return database.value("select to_regnamespace('retired') is null") is True


@pytest.fixture
def before(database: Database) -> Database:
    upgrade(database, BASELINE)
    return database


def test_every_text_up_down_and_up(before: Database) -> None:
    texts: list[str | None] = [*READ, *UNREAD, *BLANK, None]
    written = dict(enumerate(texts, 1))
    insert(before, texts)
    expected = {number: None if text is None else READ.get(text) for number, text in written.items()}

    upgrade(before, REVISION)
    assert levels(before) == expected
    unread = {number: text for number, text in written.items() if text is not None and expected[number] is None}
    assert unread.items() <= kept(before).items()

    downgrade(before, BASELINE)
    assert levels(before) == written
    assert nothing_retired(before)

    upgrade(before, REVISION)
    assert levels(before) == expected
    downgrade(before, "base")
    assert nothing_retired(before)


def test_the_run_says_how_many_could_not_be_read_and_whose(before: Database) -> None:
    insert(before, ["7", *UNREAD[:12], "", " ", None, "K"])
    said = before.alembic("upgrade", REVISION).stderr
    assert "grade_level: 12 of 17 users had a text that is no grade and have NULL now" in said
    assert RETIRED in said
    assert "2 '20260000000000', 3 '14', 4 '99'" in said
    assert "11 '\uff17'" in said
    assert "12 '100%s %'" not in said, "ten are shown; the table has them all"


def test_a_run_that_could_read_all_says_nothing_of_it(before: Database) -> None:
    insert(before, ["7", "Grade 7", "K", "", None])
    assert "grade_level:" not in before.alembic("upgrade", REVISION).stderr


def test_who_was_changed_since_keeps_the_change_and_nobody_gets_anothers_text(before: Database) -> None:
    insert(before, ["Grade 7", "abc", "abc", "Kindergarten", "first form", "8th"])
    upgrade(before, REVISION)
    before.execute(
        "update users set grade_level = 8 where id = 1",
        "update users set grade_level = 5 where id = 2",
        "update users set grade_level = null where id = 6",
        "delete from users where id = 5",
    )
    with before.connect() as connection:
        for number, level in ((7, 0), (8, -1), (9, 9), (10, None)):
            connection.execute(
                """
                insert into users (id, email, username, hashed_password, first_name, last_name, role, grade_level)
                values (%s, %s, %s, '-', 'A', 'B', 'student', %s)
                """,
                [number, f"{number}@x", f"u{number}", level],
            )

    downgrade(before, BASELINE)
    assert levels(before) == {
        1: "8", 2: "5", 3: "abc", 4: "Kindergarten", 6: None, 7: "K", 8: "Pre-K", 9: "9", 10: None,
    }  # fmt: skip
    assert kept(before) == {1: "Grade 7", 2: "abc", 5: "first form", 6: "8th"}

    said = before.alembic("upgrade", REVISION).stderr
    assert levels(before) == {1: 8, 2: 5, 3: None, 4: 0, 6: None, 7: 0, 8: -1, 9: 9, 10: None}
    assert "grade_level: 1 of 9 users" in said, "only user 3 has a text that is no grade"


def test_other_people_with_the_same_keys_get_no_text_of_those_before_them(before: Database) -> None:
    """Down to base and up again: whoever is user 1 then is not who user 1 was."""
    insert(before, ["abc", "Grade 7"])
    upgrade(before, REVISION)
    before.execute("delete from users where id = 1", "update users set grade_level = 8 where id = 2")
    downgrade(before, "base")
    assert kept(before) == {1: "abc", 2: "Grade 7"}

    upgrade(before, BASELINE)
    insert(before, [None, "7"])
    upgrade(before, REVISION)
    downgrade(before, BASELINE)
    assert levels(before) == {1: None, 2: "7"}
    assert kept(before) == {1: "abc", 2: "Grade 7"}


def test_an_empty_table_leaves_nothing_behind(before: Database) -> None:
    upgrade(before, REVISION)
    downgrade(before, BASELINE)
    assert nothing_retired(before)
