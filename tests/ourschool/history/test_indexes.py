"""e92f60ab7d31 and 4ad87c1e95b0: redundant indexes off, missing ones on, whatever a cut-off run left behind."""

import psycopg
import pytest

from surefoot.errors import RefusedError
from tests.ourschool.existing.rows import TABLES
from tests.ourschool.history.schools import BASELINE, catalogue, counted, downgrade, make_existing, upgrade
from tests.support.databases import Database

REDUNDANT, MISSING, BEFORE = "e92f60ab7d31", "4ad87c1e95b0", "17d4b8e26fa9"

INDEXES = """
    select relname, indisvalid
      from pg_index
      join pg_class on pg_class.oid = indexrelid
     where relnamespace = 'public'::regnamespace and relname !~ '_pkey$|^uq_|alembic|migration'
     order by 1
"""
UNLED_FOREIGN_KEYS = """
    select conrelid::regclass::text, conname
      from pg_constraint
     where contype = 'f'
       and not exists (
               select from pg_index
                where indrelid = conrelid and indkey[0] = conkey[1] and indisvalid and indpred is null
           )
     order by 1, 2
"""
KEPT = ["ix_journal_entries_student_id", "ix_users_email", "ix_users_username"]


def indexes(database: Database, *, valid: bool = True) -> list[object]:
    return [name for name, is_valid in database.rows(INDEXES) if is_valid is valid]


def cut_off(database: Database, statement: str, table: str) -> None:
    """Run a concurrent index statement that ends half-way, because somebody's transaction holds it up."""
    with database.connect() as holder, database.connect(autocommit=True) as connection:
        holder.execute(f"lock table {table} in row exclusive mode".encode())
        connection.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(statement.encode())


@pytest.mark.promise("E6")
def test_the_redundant_indexes_go_come_back_and_go(database: Database) -> None:
    make_existing(database)
    upgrade(database, BEFORE)
    rows, before, there = counted(database), catalogue(database), indexes(database)
    assert {f"ix_{table}_id" for table in TABLES} <= set(there)
    upgrade(database, REDUNDANT)
    assert indexes(database) == KEPT
    downgrade(database, BEFORE)
    assert (indexes(database), catalogue(database)) == (there, before)
    upgrade(database, REDUNDANT)
    assert indexes(database) == KEPT
    assert counted(database) == rows


@pytest.mark.promise("E6")
def test_every_foreign_key_has_an_index_up_down_and_up(database: Database) -> None:
    make_existing(database)
    upgrade(database, REDUNDANT)
    rows, before = counted(database), catalogue(database)
    assert len(database.rows(UNLED_FOREIGN_KEYS)) == 19
    upgrade(database, MISSING)
    after = catalogue(database)
    assert database.rows(UNLED_FOREIGN_KEYS) == []
    assert indexes(database, valid=False) == []
    downgrade(database, REDUNDANT)
    assert catalogue(database) == before
    upgrade(database, MISSING)
    assert catalogue(database) == after
    assert counted(database) == rows


def test_an_invalid_leftover_is_built_anew_and_not_taken_for_the_index(database: Database) -> None:
    make_existing(database)
    upgrade(database, MISSING)
    after = catalogue(database)
    downgrade(database, REDUNDANT)
    cut_off(
        database,
        "create index concurrently ix_student_assignments_student_id on student_assignments (student_id)",
        "student_assignments",
    )
    with pytest.raises(psycopg.errors.UniqueViolation), database.connect(autocommit=True) as connection:
        connection.execute("create unique index concurrently ix_users_parent_id on users (role)")
    assert indexes(database, valid=False) == ["ix_student_assignments_student_id", "ix_users_parent_id"]
    upgrade(database, MISSING)
    assert indexes(database, valid=False) == []
    assert catalogue(database) == after


def test_an_invalid_index_of_another_table_is_somebody_elses(scratch: Database) -> None:
    make_existing(scratch)
    upgrade(scratch, REDUNDANT)
    with pytest.raises(psycopg.errors.UniqueViolation), scratch.connect(autocommit=True) as connection:
        connection.execute("create unique index concurrently ix_users_parent_id on lessons ((id > 0))")
    with pytest.raises(RefusedError, match="index ix_users_parent_id: 4ad87c1e95b0 makes an index of that name"):
        upgrade(scratch, MISSING)
    assert indexes(scratch, valid=False) == ["ix_users_parent_id"]


def test_an_index_that_was_half_dropped_is_dropped_and_built_again_on_the_way_back(database: Database) -> None:
    make_existing(database)
    upgrade(database, BEFORE)
    before = catalogue(database)
    cut_off(database, "drop index concurrently ix_users_id", "users")
    assert indexes(database, valid=False) == ["ix_users_id"]
    upgrade(database, REDUNDANT)
    assert indexes(database) == KEPT
    assert indexes(database, valid=False) == []

    cut_off(database, "create index concurrently ix_lessons_id on lessons (id)", "lessons")
    assert indexes(database, valid=False) == ["ix_lessons_id"]
    downgrade(database, BEFORE)
    assert catalogue(database) == before
    downgrade(database, BASELINE)
