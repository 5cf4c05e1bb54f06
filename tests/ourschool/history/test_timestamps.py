"""8b06d2e94c17: naive timestamps become aware ones; the instants stay, and no table is written anew."""

import pytest

from tests.ourschool.history.schools import BASELINE, columns, downgrade, make_existing, relfilenodes, upgrade
from tests.support.databases import Database

REVISION, BEFORE = "8b06d2e94c17", "3f1c9a7d52e4"

INSTANTS = (
    "2024-03-10 02:30:00",  # an hour that Chicago's clocks skipped
    "2024-03-10 07:59:59.999999",
    "2024-03-10 08:00:00",
    "2024-11-03 01:30:00",  # an hour that they showed twice
    "2024-11-03 06:30:00.000001",
    "2024-11-03 07:30:00",
    "2024-07-01 23:59:59.5",
    "1970-01-01 00:00:00",
    "1883-11-18 12:00:00",  # before there were zones
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
    "infinity",
    "-infinity",
)

NAIVE_COLUMNS = """
    select relname || '.' || attname
      from pg_attribute
      join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace
       and relkind = 'r'
       and relname <> 'migration_journal'
       and atttypid = '{type}'::regtype
     order by 1
"""


def of_type(database: Database, name: str) -> list[object]:
    return [column for (column,) in database.rows(NAIVE_COLUMNS.format(type=name))]


def entries(database: Database) -> dict[object, object]:
    """Each entry's instant as PostgreSQL prints it in UTC, without the zone's name."""
    with database.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        query = "select id, regexp_replace(entry_date::text, '[+]00$', '') from journal_entries order by id"
        return dict(connection.execute(query).fetchall())


@pytest.fixture
def before(database: Database) -> Database:
    upgrade(database, BEFORE)
    database.execute("""
        insert into users (id, email, username, hashed_password, first_name, last_name, role)
        values (1, 'a@x', 'a', '-', 'A', 'A', 'student')
    """)
    with database.connect() as connection:
        for number, instant in enumerate(INSTANTS, 1):
            connection.execute(
                """
                insert into journal_entries (id, student_id, author_id, title, content, entry_date, created_at)
                values (%s, 1, 1, '', '', %s::timestamp, null)
                """,
                [number, instant],
            )
    return database


def test_the_instants_stay_to_the_microsecond_up_down_and_up(before: Database) -> None:
    written, files = entries(before), relfilenodes(before)
    naive = of_type(before, "timestamp")
    assert len(naive) == 22

    upgrade(before, REVISION)
    assert entries(before) == written
    assert before.value("select count(*) from journal_entries where created_at is null") == len(INSTANTS)
    assert (of_type(before, "timestamp"), of_type(before, "timestamptz")) == ([], naive)
    assert before.value("select entry_date::text from journal_entries where id = 3") == "2024-03-10 03:00:00-05"

    downgrade(before, BEFORE)
    assert entries(before) == written
    assert (of_type(before, "timestamp"), of_type(before, "timestamptz")) == (naive, [])

    upgrade(before, REVISION)
    assert entries(before) == written
    assert relfilenodes(before) == files, "a table was rewritten"


def test_a_column_that_is_aware_already_is_left_alone(before: Database) -> None:
    before.execute(
        "alter table journal_entries alter entry_date type timestamptz using entry_date at time zone 'UTC'",
        "update journal_entries set updated_at = '2024-07-01 12:00:00'",
    )
    written = entries(before)
    upgrade(before, REVISION)
    assert entries(before) == written
    assert before.value("select distinct extract(epoch from updated_at) from journal_entries") == 1719835200
    downgrade(before, BEFORE)
    assert entries(before) == written
    upgrade(before, REVISION)
    assert entries(before) == written


def test_of_a_whole_school_no_instant_moves(database: Database) -> None:
    make_existing(database)
    upgrade(database, BEFORE)
    tables = [str(column).split(".") for column in of_type(database, "timestamp")]
    sums = " union all ".join(
        f"select '{table}.{column}', md5(string_agg(extract(epoch from {column})::text, ' ' order by id)) from {table}"
        for table, column in tables
    )
    # the epoch of a naive timestamp is reckoned as if it were UTC, whatever the zone
    written = columns(database, sums)
    upgrade(database, REVISION)
    assert columns(database, sums) == written
    downgrade(database, BASELINE)
    assert columns(database, sums) == written
