"""`ourschool upgrade`, `rollback` and `purge`: what they show, ask, back up, prove, and leave behind when they fail."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.operate.backup import find
from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import BASELINE, HEAD, at, counted, make_existing, upgrade
from tests.support import typed
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server

SMALL = Size(conflicts=False)
FEES, PAYMENTS, RESOURCES = "c408593ea583", "d64b48bf0c51", "277e1a782152"
"""Two lines of the history, of two revisions and of one, before they come together."""


@pytest.fixture(scope="module")
def template(newest: Server) -> Iterator[Database]:
    """At head, with what an existing database brought there."""
    with fresh(newest) as made:
        make_existing(made, SMALL)
        upgrade(made, "head")
        yield made


@pytest.fixture
def head(template: Database) -> Iterator[Database]:
    with fresh(template.server, template=template.url.database or "") as made:
        yield made


def ourschool(
    database: Database, folder: Path, *arguments: str, says: str = "", status: int = 0, cwd: Path = ROOT
) -> str:
    """All that is shown of the command, whose backups go to `folder`."""
    env = {"OURSCHOOL_BACKUPS": str(folder)}
    done = typed.ourschool(database, *arguments, says=says, status=status, cwd=cwd, env=env)
    return done.stdout + done.stderr


def backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


@pytest.mark.promise("A4", "E8", "E12", "E10", "O12")
def test_upgrade_shows_asks_backs_up_applies_and_verifies(
    scratch: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # what it builds for the first time is no business of theirs
    make_existing(scratch, SMALL)
    before = counted(scratch)
    said = ourschool(scratch, tmp_path / "b", "upgrade", says="n\n", status=3)
    assert f"is at {BASELINE}; pending up to {HEAD}:" in said
    assert "Cancelled. Nothing was changed." in said
    assert (at(scratch), backups(tmp_path / "b")) == ([BASELINE], [])

    said = ourschool(scratch, tmp_path / "b", "upgrade", says="y\n")
    assert "3f1c9a7d52e4  users.grade_level becomes a number (one transaction" in said
    assert f"Done: at {HEAD} in " in said
    order = [said.index(part) for part in ("Dumping ", "Running upgrade ", "Verifying")]
    assert order == sorted(order), "backup, apply, verify, in this order"
    assert re.search(r"upgrade of 3f1c9a7d52e4 took [\d.]+ s", said)
    assert at(scratch) == [HEAD]
    (name,) = backups(tmp_path / "b")
    assert str(find(tmp_path / "b", name).manifest.reason) == f"before an upgrade to {HEAD}"

    assert "Nothing to do" in ourschool(scratch, tmp_path / "b", "upgrade", "--yes")
    assert backups(tmp_path / "b") == [name], "no backup where nothing is to do"
    ourschool(scratch, tmp_path / "b", "restore", name, "--yes")
    assert (at(scratch), counted(scratch)) == ([BASELINE], before)


@pytest.mark.promise("E8", "O11", "A9")
def test_a_failing_revision_stops_it_and_names_the_command_that_restores(scratch: Database, tmp_path: Path) -> None:
    make_existing(scratch, SMALL)
    scratch.execute("create view seen as select points_earned from student_assignments")
    said = ourschool(scratch, tmp_path, "upgrade", "--yes", status=3)
    (name,) = backups(tmp_path)
    assert f"To go back to where it was: python -m ourschool restore {name}" in said
    assert "view seen" in said
    ourschool(scratch, tmp_path, "restore", name, "--yes")
    assert at(scratch) == [BASELINE]


def test_where_the_backup_fails_nothing_is_changed(scratch: Database, tmp_path: Path) -> None:
    make_existing(scratch, SMALL)
    (tmp_path / "file").write_text("no folder")
    ourschool(scratch, tmp_path / "file" / "in", "upgrade", "--yes", status=4)
    assert at(scratch) == [BASELINE]


def test_what_the_upgrade_did_not_make_is_told(head: Database, project: Path, tmp_path: Path) -> None:
    """A revision that deletes rows and says nothing of it: verified, not trusted."""
    path = project / "alembic" / "versions" / "2099_01_01_0000-aaaa_tidy_up.py"
    path.write_text(
        f'"""tidy up"""\nfrom alembic import op\nrevision = "aaaa"\ndown_revision = "{HEAD}"\nbranch_labels = None\n'
        "depends_on = None\n\n\ndef upgrade():\n    op.execute('delete from journal_entries where id < 20')\n\n\n"
        "def downgrade():\n    pass\n"
    )
    shutil.copy(ROOT / "pyproject.toml", project)
    said = ourschool(head, tmp_path / "b", "upgrade", "--yes", status=5, cwd=project)
    assert re.search(r"\n  journal_entries had 150 rows, and 13\d are there or set aside", said)
    assert "python -m ourschool restore " in said


@pytest.mark.promise("A5")
def test_rollback_says_what_it_costs_and_asks_twice(head: Database, tmp_path: Path) -> None:
    head.execute(
        "insert into fees (student_id, period, amount_due) values ((select max(id) from users), '2026-01-01', 9)"
    )
    said = ourschool(head, tmp_path, "rollback", BASELINE, says="y\nn\n", status=3)
    assert f"goes back from {HEAD} to {BASELINE}" in said
    assert "  table fees: 1 rows" in said
    assert re.search(r"  column users.external_id: \d+ values", said)
    assert "Are you certain?" in said
    assert (at(head), backups(tmp_path)) == ([HEAD], [])

    ourschool(head, tmp_path, "rollback", BASELINE, says="y\ny\n")
    assert at(head) == [BASELINE]
    assert len(backups(tmp_path)) == 1
    upgrade(head, "head")
    assert head.value("select amount_due from fees") == 9, "nothing was destroyed"


@pytest.mark.promise("A5")
def test_rollback_of_one_step_that_costs_nothing_asks_once(head: Database, tmp_path: Path) -> None:
    said = ourschool(head, tmp_path, "rollback", "-1", says="y\n")
    assert "No data is lost." in said
    assert "Are you certain?" not in said
    assert at(head) != [HEAD]


def test_what_rollback_refuses(head: Database, scratch: Database, tmp_path: Path) -> None:
    assert f"The database is at {HEAD} already" in ourschool(head, tmp_path, "rollback", HEAD, status=2)
    assert "There is no revision" in ourschool(head, tmp_path, "rollback", "nonesuch", status=2)
    assert "leads past the merge" in ourschool(head, tmp_path, "rollback", "-60", status=2)
    assert "no single revision below it" in ourschool(scratch, tmp_path, "rollback", "-1", status=2)


def test_rollback_from_two_heads_keeps_its_guard(head: Database, tmp_path: Path) -> None:
    """Fees and exams were written side by side: a rollback to before they came together stands at both."""
    said = ourschool(head, tmp_path, "rollback", PAYMENTS, "--yes")
    assert f"goes back from {HEAD} to {RESOURCES} and {PAYMENTS}" in said
    assert at(head) == sorted([PAYMENTS, RESOURCES])
    head.execute(
        "insert into fees (student_id, period, amount_due) values ((select max(id) from users), '2026-01-01', 9)",
        "insert into payments (fee_id, amount, method) select max(id), 9, 'cash' from fees",
    )

    said = ourschool(head, tmp_path, "rollback", "-1", status=2)
    assert "-1 does not say which of them goes back" in said
    assert f"ourschool rollback {PAYMENTS}-1" in said
    assert "alembic downgrade" not in said
    assert len(backups(tmp_path)) == 1

    said = ourschool(head, tmp_path, "rollback", f"{PAYMENTS}-1", says="y\ny\n")
    assert f"to {RESOURCES} and {FEES}, 1 revision:" in said.replace("\n", " ")
    assert "table payments: 1 rows" in said
    assert "table fees" not in said
    assert at(head) == sorted([FEES, RESOURCES])
    assert len(backups(tmp_path)) == 2


def test_purge_deletes_what_is_old_enough_after_a_backup(head: Database, tmp_path: Path) -> None:
    count = int(str(head.value("select count(*) from retired.things")))
    assert count > 3
    assert "Nothing was set aside" in ourschool(head, tmp_path, "purge")
    said = ourschool(head, tmp_path, "purge", "--older-than", "0", says="n\n", status=3)
    assert re.search(r"Delete these \d+ items permanently\? This cannot be undone\.", said)
    assert head.value("select count(*) from retired.things") == count
    head.execute("update retired.things set retired_at = now() - interval '2 years' where what = 'rows'")
    said = ourschool(head, tmp_path, "purge", "--yes")
    assert "rows attendance_records" in said
    assert head.value("select count(*) from retired.things where what = 'rows'") == 0
    assert head.value("select count(*) from pg_class where relname like 'attendance_records_rows%'") == 0
    ourschool(head, tmp_path, "purge", "--older-than", "0", "--yes")
    assert head.value("select to_regnamespace('retired') is null") is True
    assert (
        head.value("select count(*) from pg_attribute where attname like '\\_\\_retired\\_%' and not attisdropped") == 0
    )
    assert len(backups(tmp_path)) == 2
