"""--sql prints SQL that psql runs to the same database, and touches nothing itself."""

import re

import pytest

from tests.support.databases import ROOT, Database, fresh
from tests.surefoot.commands.catalogues import catalogue, differences, leftovers
from tests.surefoot.commands.revisions import BASELINE, CHAIN, HEAD

MOVED, BELOW = "28bd94ce4cd6", "5aaca5c6078c"
"""The revision that retires two columns with values, and the one before it."""
TABLES = """
select quote_ident(relname)
  from pg_class
 where relkind = 'r' and relnamespace = 'public'::regnamespace
   and relname not in ('alembic_version', 'migration_journal')
 order by 1
"""
# Without what is retired, and without random ids and times of now, which differ between two runs.
NUMBERED = ("assignment_time_entries", "lesson_assignments")
"""Tables whose rows are made in the order in which others stand on the disk: an id says nothing there."""
CONTENT = """
select jsonb_object_agg(held.name, held.value order by held.name)
  from {0} as one
 cross join lateral jsonb_each(to_jsonb(one)) as held (name, value)
 where not starts_with(held.name, '__retired_')
   and held.name not in ('{1}', 'external_id')
   and case
           when held.value #>> '{{}}' ~ '^\\d{{4}}-\\d\\d-\\d\\dT'
           then (held.value #>> '{{}}')::timestamptz < now() - interval '1 hour'
           else true
       end
 group by one.ctid
 order by jsonb_object_agg(held.name, held.value)::text
"""


def documented() -> str:
    """What docs/operator.md says to run where rows differ only in case."""
    section = (ROOT / "docs" / "operator.md").read_text("utf-8").split("### Same name in other case")[1]
    found = re.search(r"<<'SQL'\n(.*?)\nSQL\n", section, flags=re.DOTALL)
    assert found is not None
    return found[1]


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
        for database in (online, existing):
            database.psql(stdin=documented())
        online.alembic("upgrade", "head")
        existing.psql(stdin=sql)
        assert differences(online, existing) == ()
        assert leftovers(existing) == leftovers(online)
        for (table,) in online.rows(TABLES):
            content = CONTENT.format(table, "id" if table in NUMBERED else "")
            assert existing.rows(content) == online.rows(content), table
        aside = "select what, table_name, column_name, revision, stands_as from retired.things order by 4, 2, 3"
        assert existing.rows(aside) == online.rows(aside)
        moved = "select rows, stands_as from retired.things where what = 'rows' order by 2"
        assert existing.rows(moved) == online.rows(moved) != []


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
def test_the_sql_of_a_downgrade_goes_back_and_up_again(at_head: Database, scratch: Database) -> None:
    head = catalogue(at_head)
    sql = at_head.alembic("downgrade", f"{HEAD}:{BASELINE}", "--sql").stdout
    assert catalogue(at_head) == head
    at_head.psql(stdin=sql)
    scratch.alembic("upgrade", BASELINE)
    assert differences(scratch, at_head) == ()
    assert at_head.value("select version_num from alembic_version") == BASELINE

    at_head.psql(stdin=at_head.alembic("upgrade", f"{BASELINE}:head", "--sql").stdout)
    scratch.alembic("upgrade", "head")
    assert differences(scratch, at_head) == ()

    with fresh(scratch.server, template=str(scratch.url.database)) as online:
        online.alembic("downgrade", "base")
        scratch.psql(stdin=scratch.alembic("downgrade", f"{HEAD}:base", "--sql").stdout)
        assert catalogue(scratch) == catalogue(online)
        assert leftovers(scratch) == leftovers(online)


@pytest.mark.promise("T2")
def test_the_sql_of_a_downgrade_gives_columns_and_their_values_back(existing: Database) -> None:
    """What a template says of its lesson stands in columns that the upgrade has retired."""
    existing.alembic("stamp", BASELINE)
    existing.psql(stdin=documented())
    existing.alembic("upgrade", BELOW)
    own = "select id, lesson_id, order_in_lesson from assignment_templates order by id"
    there, before = existing.rows(own), catalogue(existing)
    assert any(lesson is not None for _, lesson, _ in there)
    existing.psql(stdin=existing.alembic("upgrade", f"{BELOW}:{MOVED}", "--sql").stdout)
    existing.psql(stdin=existing.alembic("downgrade", f"{MOVED}:{BELOW}", "--sql").stdout)
    assert existing.rows(own) == there
    assert catalogue(existing) == before


@pytest.mark.promise("T2", "T4")
def test_the_sql_of_a_stamp_records_the_revision(scratch: Database) -> None:
    sql = scratch.alembic("stamp", "head", "--sql").stdout
    scratch.psql(stdin=sql)
    assert scratch.value("select version_num from alembic_version") == HEAD


@pytest.mark.promise("T2")
def test_no_database_is_needed_to_print(scratch: Database) -> None:
    down = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    assert "CREATE TABLE users" in scratch.alembic("upgrade", "head", "--sql", env=down).stdout
