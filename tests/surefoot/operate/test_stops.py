"""What stops `ourschool upgrade` and `rollback` stops them before the question and the backup; what is said is so."""

from pathlib import Path

import pytest

from tests.ourschool.history.schools import BASELINE, CHAIN, HEAD, at, catalogue, make_existing
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import write

NEXT = "op.execute('create table more ()')"
DIVIDES = "op.execute('create table more ()')\nop.execute('select 1 / 0')"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}


def nothing_was_begun(folder: dict[str, str], done_out: str, done_err: str) -> None:
    """No list, no question, no backup and no word of a restore."""
    assert "pending up to" not in done_out
    assert "Apply " not in done_out
    assert "goes back from" not in done_out
    assert "ourschool restore" not in done_err
    assert not Path(folder["OURSCHOOL_BACKUPS"]).exists()


@pytest.mark.promise("E8", "A2")
def test_one_that_nobody_adopted(scratch: Database, env: dict[str, str]) -> None:
    make_existing(scratch, stamped=False)
    before = catalogue(scratch)
    done = ourschool(scratch, "upgrade", "--yes", status=3, env=env)
    nothing_was_begun(env, done.stdout, done.stderr)
    assert "The database has tables (" in done.stderr
    assert "python -m ourschool adopt" in done.stderr
    assert catalogue(scratch) == before


def test_one_at_a_revision_that_no_file_has(at_head: Database, env: dict[str, str]) -> None:
    at_head.execute("update alembic_version set version_num = 'fffff0000000'")
    done = ourschool(at_head, "upgrade", "--yes", status=3, env=env)
    nothing_was_begun(env, done.stdout, done.stderr)
    assert "which no file in" in done.stderr


def test_a_server_that_takes_no_writes(at_head: Database, project: Path, env: dict[str, str]) -> None:
    write(project, "more", upgrade=NEXT)
    at_head.execute(f"alter database {at_head.url.database} set default_transaction_read_only = on")
    for command in (("upgrade", "--yes"), ("rollback", "-1", "--yes")):
        done = ourschool(at_head, *command, status=4, cwd=project, env=env)
        nothing_was_begun(env, done.stdout, done.stderr)
        assert "is read-only (a standby, or default_transaction_read_only is on)." in done.stderr


def test_an_id_that_alembic_version_cannot_hold(at_head: Database, project: Path, env: dict[str, str]) -> None:
    write(project, "a" * 40, upgrade=NEXT)
    done = ourschool(at_head, "upgrade", "--yes", status=2, cwd=project, env=env)
    nothing_was_begun(env, done.stdout, done.stderr)
    assert "alembic_version holds 32" in done.stderr


def test_two_heads(at_head: Database, project: Path, env: dict[str, str]) -> None:
    write(project, "one_more", upgrade=NEXT)
    write(project, "two_more", upgrade=NEXT)
    done = ourschool(at_head, "upgrade", "--yes", status=2, cwd=project, env=env)
    nothing_was_begun(env, done.stdout, done.stderr)


@pytest.mark.promise("E8")
def test_where_nothing_was_changed_there_is_nothing_to_restore(
    at_head: Database, project: Path, env: dict[str, str]
) -> None:
    write(project, "more", upgrade=DIVIDES)
    before = catalogue(at_head)
    done = ourschool(at_head, "upgrade", "--yes", status=4, cwd=project, env=env)
    assert "\nYour data: Nothing was changed: the database is at revision" in done.stderr
    assert "ourschool restore" not in done.stderr
    assert (at(at_head), catalogue(at_head)) == ([HEAD], before)

    write(project, "more", upgrade=NEXT, downgrade="op.execute('drop table more')\nop.execute('select 1 / 0')")
    at_head.alembic("upgrade", "head", cwd=project)
    done = ourschool(at_head, "rollback", "-1", "--yes", status=4, cwd=project, env=env)
    assert "\nYour data: Nothing was changed: the database is at revision more (" in done.stderr
    assert "ourschool restore" not in done.stderr


def test_where_something_was_changed_the_way_back_is_named(
    at_head: Database, project: Path, env: dict[str, str]
) -> None:
    write(project, "good", upgrade=NEXT)
    write(project, "more", after="good", upgrade="op.execute('select 1 / 0')")
    done = ourschool(at_head, "upgrade", "--yes", status=4, cwd=project, env=env)
    assert "1 of 2 revisions was applied in this run." in done.stderr
    assert "othing was changed" not in done.stderr
    assert "To go back to where it was: python -m ourschool restore " in done.stderr


@pytest.mark.promise("O12")
def test_a_rehearsal_that_failed_is_in_the_question(at_head: Database, project: Path, env: dict[str, str]) -> None:
    write(project, "more", upgrade=DIVIDES)
    ourschool(at_head, "rehearse", status=1, cwd=project, env=env)
    done = ourschool(at_head, "upgrade", says="n\n", status=3, cwd=project, env=env)
    said = " ".join(done.stdout.split())
    assert "! The last rehearsal, of 20" in said
    assert "UTC, failed. Revision more failed on the copy: " in said
    assert "The last rehearsal failed. Apply 1 revision to" in said
    done = ourschool(at_head, "upgrade", "--yes", status=4, cwd=project, env=env)
    assert "! The last rehearsal, of 20" in " ".join(done.stderr.split())
    assert "The last rehearsal" in ourschool(at_head, "status", "--json", status=1, cwd=project, env=env).stdout

    write(project, "more", upgrade=NEXT, downgrade="op.execute('drop table more')")
    ourschool(at_head, "rehearse", cwd=project, env=env)
    done = ourschool(at_head, "upgrade", says="n\n", status=3, cwd=project, env=env)
    assert "rehearsal failed" not in done.stdout


def test_a_start_goes_on_with_what_was_cut_off(at_head: Database) -> None:
    """`ensure` goes on with it; with --refuse it says the same sentence as every command that looks."""
    before = CHAIN[CHAIN.index(HEAD) - 1]
    at_head.alembic("downgrade", before)
    at_head.execute(
        "insert into migration_journal (revision, direction, outcome, started_at, duration, client_host, client_user, "
        f"client_pid, package_version) values ('{HEAD}', 'upgrade', 'begun', now(), '0', 'h', 'u', 1, '1')"
    )
    said = ourschool(at_head, "ensure", "--refuse", status=3).stderr
    assert f"An upgrade to {HEAD} (" in said
    assert "was cut off. Nothing is wrong: run it again." in said
    assert "was cut off" in ourschool(at_head, "ensure").stderr
    assert at(at_head) == [HEAD]
    assert BASELINE != HEAD
