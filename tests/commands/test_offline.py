"""--sql prints SQL that psql runs to the same database, and touches nothing itself."""

import pytest

from tests.commands.catalogues import catalogue, differences, leftovers
from tests.commands.revisions import BASELINE, CHAIN, HEAD
from tests.existing import rows
from tests.support.databases import Database, fresh


@pytest.mark.promise("T2")
def test_the_sql_of_an_upgrade_makes_an_equal_database(database: Database) -> None:
    sql = database.alembic("upgrade", "head", "--sql").stdout
    assert database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0

    with fresh(database.server) as online:
        database.psql(stdin=sql)
        online.alembic("upgrade", "head")
        assert differences(online, database) == ()
        assert leftovers(database) == leftovers(online)
    assert database.value("select version_num from alembic_version") == HEAD
    assert "Nothing to do" in database.alembic("upgrade", "head").stderr


@pytest.mark.promise("T2")
def test_the_sql_of_a_range_does_to_rows_what_the_upgrade_does(existing: Database, template_with_rows: str) -> None:
    existing.alembic("stamp", BASELINE)
    sql = existing.alembic("upgrade", f"{BASELINE}:head", "--sql").stdout
    assert existing.value("select version_num from alembic_version") == BASELINE

    with fresh(existing.server, template=template_with_rows) as online:
        online.alembic("stamp", BASELINE)
        online.alembic("upgrade", "head")
        existing.psql(stdin=sql)
        assert differences(online, existing) == ()
        for table in rows.TABLES:
            query = f"select count(*), count({table}.id) from {table}"
            assert existing.rows(query) == online.rows(query)
        levels = "select id, grade_level, email from users order by id"
        assert existing.rows(levels) == online.rows(levels)
        instants = "select id, entry_date at time zone 'UTC' from journal_entries order by id"
        assert existing.rows(instants) == online.rows(instants)


@pytest.mark.promise("T2")
def test_the_sql_of_single_steps_can_be_run_one_after_the_other(scratch: Database, at_head: Database) -> None:
    sql = scratch.alembic("upgrade", CHAIN[0], "--sql").stdout
    scratch.psql(stdin=sql)
    middle = CHAIN[len(CHAIN) // 2]
    scratch.psql(stdin=scratch.alembic("upgrade", f"{CHAIN[0]}:{middle}", "--sql").stdout)
    assert scratch.value("select version_num from alembic_version") == middle
    scratch.psql(stdin=scratch.alembic("upgrade", f"{middle}:head", "--sql").stdout)
    assert differences(at_head, scratch) == ()


@pytest.mark.promise("T2")
def test_the_sql_of_a_downgrade_goes_back(at_head: Database, scratch: Database) -> None:
    before = catalogue(at_head)
    sql = at_head.alembic("downgrade", f"{HEAD}:{BASELINE}", "--sql").stdout
    assert catalogue(at_head) == before
    at_head.psql(stdin=sql)
    scratch.alembic("upgrade", BASELINE)
    assert differences(scratch, at_head) == ()
    assert at_head.value("select version_num from alembic_version") == BASELINE

    at_head.psql(stdin=at_head.alembic("downgrade", f"{BASELINE}:base", "--sql").stdout)
    assert leftovers(at_head) == []


@pytest.mark.promise("T2", "T4")
def test_the_sql_of_a_stamp_records_the_revision(scratch: Database) -> None:
    sql = scratch.alembic("stamp", "head", "--sql").stdout
    scratch.psql(stdin=sql)
    assert scratch.value("select version_num from alembic_version") == HEAD


@pytest.mark.promise("T2")
def test_no_database_is_needed_to_print(scratch: Database) -> None:
    down = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    assert "CREATE TABLE users" in scratch.alembic("upgrade", "head", "--sql", env=down).stdout
