"""The commands that look: current, history, heads, branches, show."""

import pytest

from tests.support.databases import Database
from tests.surefoot.commands.revisions import BASELINE, CHAIN, HEAD


@pytest.mark.promise("O1", "T4")
def test_current_prints_the_revision(at_head: Database) -> None:
    assert at_head.alembic("current").stdout == f"{HEAD} (head)\n"
    at_head.alembic("downgrade", BASELINE)
    assert at_head.alembic("current").stdout == f"{BASELINE}\n"


@pytest.mark.promise("O1")
def test_current_of_an_empty_database_prints_nothing_and_writes_nothing(scratch: Database) -> None:
    assert scratch.alembic("current").stdout == ""
    assert scratch.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


@pytest.mark.promise("T10")
def test_current_check_heads_is_0_at_head_and_1_before_it(at_head: Database) -> None:
    at_head.alembic("current", "--check-heads")
    at_head.alembic("downgrade", "-1")
    said = at_head.alembic("current", "--check-heads", status=1).stderr
    assert "ourschool: The database is not at the newest revision.\n→ python -m alembic upgrade head" in said


def revision(line: str) -> str:
    """The revision of a line of `history`."""
    return line.split(" -> ")[1].split(",", maxsplit=1)[0].split(" ", maxsplit=1)[0]


@pytest.mark.promise("O1")
def test_history_lists_all_from_head_to_base_without_a_database(scratch: Database) -> None:
    down = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    lines = scratch.alembic("history", env=down).stdout.splitlines()
    assert [revision(line) for line in lines] == list(reversed(CHAIN))
    assert lines[-1] == f"<base> -> {BASELINE}, initial baseline from existing database"


def test_history_marks_the_current_revision_and_waits_for_nobody(at_head: Database) -> None:
    with at_head.connect() as other:
        other.execute("lock table alembic_version in row exclusive mode")
        lines = at_head.alembic("history", "--indicate-current").stdout.splitlines()
    assert lines[0].startswith(f"{CHAIN[-2]} -> {HEAD} (")
    assert " (head) (current), " in lines[0]


@pytest.mark.promise("E2")
def test_what_is_pending_is_listed_by_one_command(scratch: Database) -> None:
    scratch.alembic("upgrade", CHAIN[1])
    lines = scratch.alembic("history", "-r", "current:head").stdout.splitlines()
    assert [revision(line) for line in lines] == list(reversed(CHAIN[1:]))


@pytest.mark.promise("E2")
def test_show_prints_one_revision_and_history_verbose_all(scratch: Database) -> None:
    shown = scratch.alembic("show", BASELINE).stdout
    assert f"Rev: {BASELINE}" in shown
    assert "Why: the twelve tables" in shown
    verbose = scratch.alembic("history", "--verbose").stdout
    for heading in ("Why:", "Locks:", "Data:", "Way back:"):
        assert verbose.count(heading) >= len(CHAIN)


@pytest.mark.promise("T3")
def test_heads_and_branches(scratch: Database) -> None:
    (head,) = scratch.alembic("heads").stdout.splitlines()
    assert head in {f"{HEAD} (fees, exams) (head)", f"{HEAD} (exams, fees) (head)"}
    branches = scratch.alembic("branches").stdout
    assert branches.startswith("683d2e072479 (branchpoint)\n")
    assert ("-> c408593ea583 (fees)" in branches, "-> ae00ebd96580 (exams)" in branches) == (True, True)


@pytest.mark.promise("T5", "C6")
def test_only_the_named_database_is_touched(scratch: Database, at_head: Database) -> None:
    before = at_head.rows("select * from migration_journal order by id")
    scratch.alembic("upgrade", BASELINE)
    assert scratch.alembic("current").stdout == f"{BASELINE}\n"
    assert at_head.rows("select * from migration_journal order by id") == before
    assert at_head.alembic("current").stdout == f"{HEAD} (head)\n"


@pytest.mark.promise("T5")
def test_the_option_wins_over_the_environment(scratch: Database, at_head: Database) -> None:
    staging = scratch.url.render_as_string(hide_password=False)
    at_head.alembic("-x", f"database_url={staging}", "upgrade", BASELINE)
    assert scratch.value("select version_num from alembic_version") == BASELINE
    assert at_head.value("select version_num from alembic_version") == HEAD
