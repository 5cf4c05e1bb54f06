"""The ground of the tests themselves."""

from tests.support.databases import Database


def test_a_fresh_database_is_empty_and_not_at_utc(database: Database) -> None:
    assert database.value("show timezone") == "America/Chicago"
    assert database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0
    assert database.psql("-Atc", "select 1").stdout == "1\n"
