"""A revision that fails in the middle: the one before it stands, the journal says why, and it goes on once mended."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from tests.ourschool.history.schools import HEAD, at, catalogue, counted, journal, make_existing
from tests.support.databases import Database
from tests.surefoot.faults.runs import advisory_locks, revision

PASSWORD = "s%cret@:/#? ü"

GOOD = 'op.create_table("good", sa.Column("id", sa.Integer(), primary_key=True))'
DDL = 'op.add_column("users", sa.Column("half", sa.Text(), server_default="x"))\nop.drop_index("ix_users_lower_email")'
DIVIDES = 'op.execute("update users set first_name = (1 / (id - id))::text")'
RAISES = 'raise RuntimeError("the author says no")'
SHOWS = "python -m ourschool history --debug shows the statement."
STATEMENT = "update users set first_name = (1 / (id - id))::text"


@pytest.fixture
def guarded(scratch: Database) -> Iterator[Database]:
    """An existing database, reached as its owner with a password that URLs find hard."""
    make_existing(scratch)
    user = f"head_{scratch.url.database}"
    scratch.execute(
        sql.SQL("create role {} superuser login password {}").format(sql.Identifier(user), PASSWORD).as_string()
    )
    yield replace(scratch, url=scratch.server.over_tcp(user, PASSWORD, scratch.url.database or ""))
    scratch.execute(f'reassign owned by "{user}" to postgres', f'drop role "{user}"')


def no_password(database: Database, said: str) -> None:
    kept = str(database.rows("select to_jsonb(migration_journal) from migration_journal"))
    for text in (said, kept):
        assert PASSWORD not in text
        assert "s%25cret" not in text


@pytest.mark.promise("O11", "O5")
def test_in_a_transaction_after_ddl(guarded: Database, project: Path) -> None:
    guarded.alembic("upgrade", "head")
    revision(project, "good", HEAD, GOOD, 'op.drop_table("good")')
    guarded.alembic("upgrade", "good", cwd=project)
    stood, rows = catalogue(guarded), counted(guarded)
    guarded.alembic("downgrade", HEAD, cwd=project)
    broken = revision(project, "broken", "good", f"{DDL}\n{DIVIDES}")

    done = guarded.alembic("upgrade", "head", cwd=project, status=4)
    assert f"ourschool: upgrade broken failed: division by zero. {SHOWS}\n" in done.stderr
    where = 'The database is at revision good ("test good"); 1 of 2 revisions was applied in this run.'
    assert f"\nYour data: {where}\nThe school: It can work: every revision that was applied is whole." in done.stderr
    assert "\nNext: Correct the rows" in done.stderr
    assert STATEMENT not in done.stderr
    asked = guarded.alembic("upgrade", "head", cwd=project, status=4, env={"OURSCHOOL_DEBUG": "yes"}).stderr
    assert f"\nServer: division by zero\nStatement: {STATEMENT}\n" in asked
    guarded.execute("delete from migration_journal where id = (select max(id) from migration_journal)")
    assert "Do not downgrade" in done.stderr
    assert "Traceback" not in done.stderr
    assert (at(guarded), counted(guarded), advisory_locks(guarded)) == (["good"], rows, [])
    assert catalogue(guarded) == stood
    assert journal(guarded)[-1] == ("upgrade", "good")
    query = "select revision, direction, error, statement from migration_journal where outcome = 'failed'"
    assert guarded.rows(query) == [("broken", "upgrade", "division by zero", STATEMENT)]
    no_password(guarded, done.stdout + done.stderr)

    broken.write_text(broken.read_text().replace("(id - id)", "(id - id + 1)"))
    guarded.alembic("upgrade", "head", cwd=project)
    assert at(guarded) == ["broken"]
    assert guarded.value("select count(distinct first_name || half) from users") == 1
    assert journal(guarded)[-1] == ("upgrade", "broken")


@pytest.mark.promise("O11")
def test_a_way_back_that_fails(guarded: Database, project: Path) -> None:
    revision(project, "one_way", HEAD, GOOD, f'op.drop_table("good")\n{DIVIDES}')
    guarded.alembic("upgrade", "head", cwd=project)
    stood = catalogue(guarded)
    done = guarded.alembic("downgrade", "-1", cwd=project, status=4)
    assert "ourschool: downgrade one_way failed: division by zero." in done.stderr
    assert '\nYour data: Nothing was changed: the database is at revision one_way ("test one_way").\n' in done.stderr
    assert "Do not downgrade" not in done.stderr
    assert (at(guarded), catalogue(guarded)) == (["one_way"], stood)
    assert journal(guarded, "failed") == [("downgrade", "one_way")]
    no_password(guarded, done.stderr)


@pytest.mark.promise("O11")
def test_a_fault_in_python(guarded: Database, project: Path) -> None:
    guarded.alembic("upgrade", "head")
    stood = catalogue(guarded)
    revision(project, "broken", HEAD, f"{DDL}\n{RAISES}")
    done = guarded.alembic("upgrade", "head", cwd=project, status=4)
    assert "ourschool: upgrade broken failed: RuntimeError: the author says no" in done.stderr
    assert "2099_01_01_0000-broken_test.py, line 15)" in done.stderr
    assert (at(guarded), catalogue(guarded)) == ([HEAD], stood)
    error = guarded.rows("select error, statement from migration_journal where outcome = 'failed'")
    assert error == [("RuntimeError: the author says no", None)]


def test_what_the_author_advises_is_told(guarded: Database, project: Path) -> None:
    """A RAISE says with its HINT what to do; nobody knows better."""
    guarded.alembic("upgrade", "head")
    raises = "do $$ begin raise exception 'Two terms are active' using hint = 'End one of them.'; end $$"
    revision(project, "broken", HEAD, f'op.execute("{raises}")')
    done = guarded.alembic("upgrade", "head", cwd=project, status=4)
    assert f"ourschool: upgrade broken failed: Two terms are active. {SHOWS}\n" in done.stderr
    assert f"\nYour data: Nothing was changed: the database is at revision {HEAD} (" in done.stderr
    assert "\nNext: End one of them. Correct the rows" in done.stderr


def test_outside_a_transaction_it_says_that_parts_are_there(guarded: Database, project: Path) -> None:
    guarded.alembic("upgrade", "head")
    body = f"""with op.get_context().autocommit_block():
    op.execute("alter table users add column if not exists half text")
    {DIVIDES}"""
    broken = revision(project, "broken", HEAD, body)
    done = guarded.alembic("upgrade", "head", cwd=project, status=5)
    assert "division by zero" in done.stderr
    assert " Revision broken was not finished. What it has done is kept, and continued when" in done.stderr
    assert "othing was changed" not in done.stderr
    assert at(guarded) == [HEAD]
    broken.write_text(broken.read_text().replace("(id - id)", "(id - id + 1)"))
    guarded.alembic("upgrade", "head", cwd=project)
    assert at(guarded) == ["broken"]


def test_a_row_that_breaks_a_constraint_is_not_shown(guarded: Database, project: Path) -> None:
    """PostgreSQL's DETAIL carries values: a pupil's data has no place in a log."""
    guarded.alembic("upgrade", "head")
    guarded.execute("update users set email = 'pupil@home' where id = 1")
    revision(project, "broken", HEAD, """op.create_check_constraint("c", "users", "email <> 'pupil@home'")""")
    done = guarded.alembic("upgrade", "head", cwd=project, status=4)
    assert 'check constraint "users_c_check" of relation "users" is violated by some row' in done.stderr
    assert "Failing row" not in done.stderr
