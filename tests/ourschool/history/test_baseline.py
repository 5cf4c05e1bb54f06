"""cd0edd614cc5: the existing schema to the letter, and nothing left of it on the way back."""

import pytest

from tests.ourschool.existing import catalogue
from tests.ourschool.history.schools import BASELINE, at, downgrade, upgrade
from tests.support.databases import Database

LEFT = """
    select 'relation', relname::text from pg_class
     where relnamespace = 'public'::regnamespace and relname !~ '^(alembic_version|migration_journal)'
    union all
    select 'type', typname from pg_type
     where typnamespace = 'public'::regnamespace and typname !~ '^_?(alembic_version|migration_journal)'
    union all
    select 'function', proname from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select 'schema', nspname from pg_namespace where nspname !~ '^(pg_|information_schema$|public$)'
"""


def difference(database: Database) -> str:
    with database.connect() as connection:
        return catalogue.difference(catalogue.recorded(), catalogue.found(connection))


@pytest.mark.promise("O8")
def test_the_baseline_is_the_record_to_the_letter_up_down_and_up(database: Database) -> None:
    upgrade(database, BASELINE)
    assert difference(database) == ""
    with database.connect() as connection:
        tables = sorted({row[0] for row in catalogue.recorded().columns})
        owned = catalogue.owned_sequences(connection)
        owned.pop("migration_journal_id_seq", None)  # an identity's: it is no part of the school
        assert owned == {f"{table}_id_seq": f"{table}.id" for table in tables}

    downgrade(database, "base")
    assert database.rows(LEFT) == []
    assert at(database) == []

    upgrade(database, BASELINE)
    assert difference(database) == ""


@pytest.mark.promise("O8")
def test_the_baseline_has_its_name_and_its_date(scratch: Database) -> None:
    shown = scratch.alembic("show", BASELINE).stdout
    assert "2025_08_03_0000-cd0edd614cc5_initial_baseline_from_existing_database.py" in shown
    assert "initial baseline from existing database" in shown
    assert "Create Date: 2025-08-03" in shown
