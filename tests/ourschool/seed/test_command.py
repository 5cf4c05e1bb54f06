"""`ourschool seed`, as typed."""

import subprocess

from tests.support import forked
from tests.support.databases import ROOT, Database
from tests.support.typed import without_first


def run(database: Database, *options: str) -> subprocess.CompletedProcess[str]:
    return forked.run("ourschool", "seed", *options, cwd=ROOT, env=database.environment())


def test_it_fills_a_database_once(empty: Database) -> None:
    options = ("--students", "20", "--years", "1", "--random-seed", "3", "--last-day", "2025-03-14")
    done = run(empty, *options)
    assert done.returncode == 0, done.stderr
    made = int(done.stdout.split(" rows in ")[0].replace(",", ""))
    assert made > 1000
    assert empty.rows("select min(academic_year), max(academic_year) from terms") == [("2024-2025", "2024-2025")]
    assert empty.value("select max(date)::text from attendance_records") in ("2025-03-13", "2025-03-14")

    again = run(empty, *options)
    assert again.returncode == 3
    assert without_first(again.stderr).startswith("ourschool: The database has rows already, in ")
    assert "Traceback" not in again.stderr


def test_wrong_use_is_one_sentence(empty: Database) -> None:
    done = run(empty, "--students", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ourschool: A school of 0 students cannot be made.")


def test_what_the_server_refuses_is_explained(empty: Database) -> None:
    empty.execute("alter table fees add check (amount_due < 0)")
    done = run(empty, "--students", "20", "--years", "1")
    assert done.returncode == 4
    assert without_first(done.stderr).startswith("ourschool: The server refused a statement in ")
    assert "fees_amount_due_check1" in done.stderr
