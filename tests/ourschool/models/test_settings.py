"""Every change of a setting is recorded by the database: what, by whom, as whom; nothing is recorded for nothing."""

import psycopg

CHANGES = (
    "select action, setting_key, before ->> 'value', after ->> 'value', changed_by from settings_changes order by id"
)


def run(connection: psycopg.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def test_every_change_is_recorded(rolled_back: psycopg.Connection) -> None:
    run(
        rolled_back,
        "insert into system_settings (key, value, type, updated_by) values ('year', '1', 'integer', 1)",
        "update system_settings set value = '2', updated_by = 2",
        "update system_settings set description = 'the year', is_public = true",
        "update system_settings set key = 'school_year'",
        "delete from system_settings",
    )
    assert rolled_back.execute(CHANGES).fetchall() == [
        ("insert", "year", None, "1", 1),
        ("update", "year", "1", "2", 2),
        ("update", "year", "2", "2", 2),
        ("update", "year", "2", "2", 2),
        ("delete", "school_year", "2", None, None),
    ]
    assert rolled_back.execute("select distinct database_user = session_user from settings_changes").fetchall() == [
        (True,)
    ]
    renamed = rolled_back.execute(
        "select after ->> 'key' from settings_changes order by id offset 3 limit 1"
    ).fetchone()
    assert renamed == ("school_year",)


def test_the_session_may_say_who_it_is(rolled_back: psycopg.Connection) -> None:
    run(
        rolled_back,
        "insert into system_settings (key, value) values ('a', 'b')",
        "select set_config('ourschool.user_id', '2', true)",
        "delete from system_settings",
    )
    query = "select action, changed_by, changed_by_name from settings_changes order by id"
    assert rolled_back.execute(query).fetchall() == [("insert", None, None), ("delete", 2, "Tom Teacher")]


def test_what_changes_nothing_is_not_recorded(rolled_back: psycopg.Connection) -> None:
    run(
        rolled_back,
        "insert into system_settings (key, value, updated_by) values ('a', 'b', 2)",
        "update system_settings set value = 'b', updated_at = now() + '1 day'",
        "delete from users where id = 2",
    )
    assert rolled_back.execute("select action from settings_changes").fetchall() == [("insert",)]
    assert rolled_back.execute("select updated_by, updated_by_name from system_settings").fetchall() == [
        (None, "Tom Teacher")
    ]


def test_settings_cannot_be_emptied_unseen(rolled_back: psycopg.Connection) -> None:
    run(rolled_back, "insert into system_settings (key, value) values ('a', 'b')")
    try:
        run(rolled_back, "truncate system_settings")
    except psycopg.errors.RestrictViolation:
        return
    raise AssertionError("TRUNCATE went through, and no change was recorded")
