"""The hand-written scripts give the recorded catalogue, and can be run again at any point."""

from pathlib import Path

import psycopg
import pytest

from tests.ourschool.existing import catalogue
from tests.support.databases import ROOT, Database

FOLDER = ROOT / "alembic" / "legacy_sql"
SCRIPTS = sorted(FOLDER.glob("*.sql"))


def run(database: Database, scripts: list[Path]) -> None:
    database.psql(*(part for script in scripts for part in ("-f", str(script))))


def differences(connection: psycopg.Connection) -> str:
    return catalogue.difference(catalogue.recorded(), catalogue.found(connection))


def test_the_scripts_are_numbered_without_a_gap() -> None:
    assert [script.name[:4] for script in SCRIPTS] == [f"{number:03}_" for number in range(1, len(SCRIPTS) + 1)]


def test_the_scripts_give_the_recorded_catalogue(database: Database) -> None:
    run(database, SCRIPTS)
    with database.connect() as connection:
        assert differences(connection) == ""
        assert catalogue.recorded() == catalogue.found(connection)


def test_every_sequence_belongs_to_its_id(database: Database) -> None:
    run(database, SCRIPTS)
    tables = sorted({row[0] for row in catalogue.recorded().columns})
    with database.connect() as connection:
        assert catalogue.owned_sequences(connection) == {f"{table}_id_seq": f"{table}.id" for table in tables}


def test_all_scripts_run_again_without_effect(database: Database) -> None:
    run(database, SCRIPTS)
    before = database.rows("select oid, relname from pg_class where relnamespace = 'public'::regnamespace order by 1")
    run(database, SCRIPTS)
    with database.connect() as connection:
        assert differences(connection) == ""
    after = database.rows("select oid, relname from pg_class where relnamespace = 'public'::regnamespace order by 1")
    assert after == before


def test_each_script_runs_twice_before_the_next(database: Database) -> None:
    for script in SCRIPTS:
        run(database, [script, script])
    with database.connect() as connection:
        assert differences(connection) == ""


def test_the_last_script_keeps_rows_and_gives_old_terms_to_the_first_admin(database: Database) -> None:
    run(database, SCRIPTS[:-1])
    database.execute(
        """
        insert into users (email, username, hashed_password, first_name, last_name, role)
        values ('s@x', 's', '-', 'S', 'S', 'student'), ('a@x', 'a', '-', 'A', 'A', 'admin'),
            ('b@x', 'b', '-', 'B', 'B', 'admin')
        """,
        """
        insert into terms (name, start_date, end_date, academic_year)
        values ('Autumn', '2024-09-01', '2024-12-20', '2024-25')
        """,
        "insert into attendance_records (student_id, date, status) values (1, '2024-09-02', 'late')",
    )
    run(database, SCRIPTS[-1:])
    assert database.rows("select id, created_by from terms") == [(1, 2)]

    database.execute("update terms set created_by = 3")
    run(database, SCRIPTS)
    assert database.rows("select id, created_by from terms") == [(1, 3)]
    assert database.value("select count(*) from attendance_records") == 1


def test_a_script_that_fails_leaves_nothing_of_itself(database: Database) -> None:
    run(database, SCRIPTS[:1])
    database.execute("create table term_subjects (term_id integer, subject_id integer)")
    with pytest.raises(AssertionError, match='column "id" does not exist'):
        run(database, SCRIPTS[1:2])
    assert database.rows("select to_regclass('subjects'), to_regtype('termtype')") == [(None, None)]


def test_terms_without_any_admin_stop_the_last_script(database: Database) -> None:
    run(database, SCRIPTS[:-1])
    database.execute("insert into terms (name, start_date, end_date, academic_year) values ('T', now(), now(), '24')")
    with pytest.raises(AssertionError, match=r"created_by.* contains null values"):
        run(database, SCRIPTS[-1:])
    assert database.rows("select attname from pg_attribute where attrelid = 'terms'::regclass and attname ~ 'by'") == []


def test_a_difference_is_shown_as_the_lines_that_differ(database: Database) -> None:
    run(database, SCRIPTS)
    database.execute("alter table users alter email set default ''", "alter type userrole add value 'teacher'")
    with database.connect() as connection:
        shown = differences(connection)
    assert "-columns | users | email | character varying | False | \n" in shown
    assert "+columns | users | email | character varying | False | ''::character varying\n" in shown
    assert "+enums | userrole | admin,student,teacher" in shown
