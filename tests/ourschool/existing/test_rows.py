"""The rows that the tests put into an existing database: each awkward value is there, and the same every time."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psycopg
import pytest

from tests.ourschool.existing import awkward
from tests.ourschool.existing.cases import BEYOND, CONFLICTS, NAMED
from tests.ourschool.existing.rows import SMALL, TABLES, Counts, Size, checksums, fill
from tests.support.databases import ROOT, Database

SCRIPTS: list[Path] = sorted((ROOT / "alembic" / "legacy_sql").glob("*.sql"))


def existing(database: Database) -> psycopg.Connection:
    """A connection to that database, made an existing one by the hand-written scripts."""
    database.psql(*(part for script in SCRIPTS for part in ("-f", str(script))))
    return database.connect()


@pytest.fixture
def connection(scratch: Database) -> Iterator[psycopg.Connection]:
    with existing(scratch) as connected:
        yield connected


def empty(connection: psycopg.Connection) -> None:
    connection.execute(f"truncate {', '.join(TABLES)}")
    connection.commit()


def column(connection: psycopg.Connection, query: str) -> list[object]:
    return [row[0] for row in connection.execute(query.encode())]


def absent(connection: psycopg.Connection, cases: dict[str, str]) -> list[str]:
    return [name for name, query in cases.items() if not connection.execute(query.encode()).fetchone()]


def test_every_awkward_value_occurs_in_the_small_school(database: Database) -> None:
    with existing(database) as connection:
        fill(connection, SMALL)
        assert absent(connection, NAMED | CONFLICTS) == []
        assert absent(connection, BEYOND) == list(BEYOND)


@pytest.mark.parametrize("seed", range(2, 8))
def test_every_awkward_value_occurs_whatever_the_seed(connection: psycopg.Connection, seed: int) -> None:
    fill(connection, replace(SMALL, beyond=True), seed)
    assert absent(connection, NAMED | CONFLICTS | BEYOND) == []


def test_without_conflicts_nothing_differs_only_in_case(connection: psycopg.Connection) -> None:
    fill(connection, replace(SMALL, conflicts=False))
    assert absent(connection, CONFLICTS) == list(CONFLICTS)
    assert absent(connection, NAMED) == []


def test_texts_arrive_to_the_letter(connection: psycopg.Connection) -> None:
    fill(connection)
    for query, expected in (
        ("select content from journal_entries", set(awkward.TEXTS)),
        ("select title from journal_entries", set(awkward.TEXTS)),
        ("select first_name from users", set(awkward.NAMES)),
        ("select grade_level from users", set(awkward.GRADE_LEVELS)),
        ("select resources from lessons", set(awkward.JSON)),
        ("select export_data from assignment_templates", set(awkward.JSON)),
        ("select grading_scale from term_subjects", set(awkward.JSON)),
        ("select points_earned from student_assignments", set(awkward.FLOATS)),
        ("select final_percentage from student_term_grades", set(awkward.FLOATS)),
    ):
        assert expected - set(column(connection, query)) == set(), query


def test_json_is_valid_or_not_as_said(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        for text in awkward.VALID_JSON:
            connection.execute("select %s::text::jsonb", [text])
        for text in awkward.INVALID_JSON:
            with pytest.raises(psycopg.DataError):
                connection.execute("select %s::text::jsonb", [text])


def test_the_counts_and_sequences_are_those_of_the_tables(connection: psycopg.Connection) -> None:
    counts = fill(connection)
    assert counts.student_assignments == SMALL.student_assignments
    assert counts.attendance_records == SMALL.attendance_records
    assert counts.total == sum(asdict(counts).values())
    for table, made in asdict(counts).items():
        count, highest, last = connection.execute(
            f"select count(*), max(id), (select last_value from {table}_id_seq) from {table}"
        ).fetchall()[0]
        assert (made, last) == (count, highest), table
        assert connection.execute(f"select nextval('{table}_id_seq')").fetchall() == [(highest + 1,)]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(connection: psycopg.Connection) -> None:
    seen = []
    for seed in (1, 1, 2):
        fill(connection, SMALL, seed)
        seen.append(checksums(connection))
        empty(connection)
    assert seen[0] == seen[1]
    assert [table for table in TABLES if seen[0][table] == seen[2][table]] == []


@pytest.mark.parametrize("table", TABLES)
def test_a_checksum_notices_one_changed_value(connection: psycopg.Connection, table: str) -> None:
    fill(connection)
    before = checksums(connection)
    last = TABLES[table][0][-1]
    other = f"(select {last} from {table} where {last} is distinct from changed.{last} order by 1 limit 1)"
    connection.execute(f"update {table} as changed set {last} = {other} where id = (select max(id) from {table})")
    after = checksums(connection)
    assert [each for each in TABLES if after[each] != before[each]] == [table]


@pytest.mark.parametrize(
    "size",
    [
        Size(students=1, terms=1, student_assignments=1, attendance_records=1),
        Size(students=2, terms=60, student_assignments=1, attendance_records=500, beyond=True),
        Size.of(student_assignments=20_001, attendance_records=19_999),
    ],
)
def test_any_size_is_made_exactly(connection: psycopg.Connection, size: Size) -> None:
    counts = fill(connection, size)
    assert (counts.terms, counts.student_assignments, counts.attendance_records) == (
        size.terms, size.student_assignments, size.attendance_records,
    )  # fmt: skip
    assert column(connection, "select count(*) from users where role = 'student'") == [size.students]


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one of terms, got 0"):
        Size(terms=0)


def test_filling_joins_the_transaction_of_the_caller(connection: psycopg.Connection) -> None:
    connection.execute("select 1")
    assert isinstance(fill(connection), Counts)
    connection.rollback()
    assert column(connection, "select count(*) from users") == [0]


def test_a_filled_database_is_not_filled_again(connection: psycopg.Connection) -> None:
    fill(connection)
    before = checksums(connection)
    connection.commit()
    with pytest.raises(psycopg.errors.UniqueViolation):
        fill(connection, seed=2)
    assert checksums(connection) == before
