"""The screen of status: the state in a word, what to do next, and all of it in 24 lines of 80 columns."""

import pytest

from tests.support.databases import Database
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.revisions import CHAIN, HEAD
from tests.surefoot.operate.status.test_health import A_USER

CUT_OFF = (
    "insert into migration_journal (revision, direction, outcome, started_at, duration, client_host, client_user, "
    f"client_pid, package_version) values ('{CHAIN[3]}', 'upgrade', 'begun', now(), '0', 'h', 'u', 1, '1')"
)
OWN = "alter table terms add constraint own{0} check (term_order > -{0})"


def screen(database: Database, *options: str, status: int = 1) -> list[str]:
    """What a terminal of 80 columns shows, with the error below."""
    done = ourschool(database, "status", *options, status=status)
    assert too_wide(done.stdout) == []
    shown = (done.stdout + done.stderr).splitlines()
    return [line[start : start + 80] for line in shown for start in range(0, len(line) or 1, 80)]


def test_a_healthy_one(current: Database) -> None:
    shown = screen(current, status=0)
    assert shown[:2] == ["Current: The database is at the newest revision.", "Next: nothing to do"]
    assert len(shown) <= 24


def test_one_that_is_behind(behind: Database) -> None:
    shown = screen(behind)
    assert shown[:2] == [f"Behind: {len(CHAIN) - 3} revisions to apply.", "Next: python -m ourschool rehearse"]
    assert len(shown) <= 24
    assert len(screen(behind, "--pending")) > 24


def test_one_that_is_unfinished(behind: Database) -> None:
    behind.execute(CUT_OFF)
    shown = screen(behind)
    assert shown[0].startswith(f"Unfinished: An upgrade to {CHAIN[3]} (")
    assert "Next: python -m alembic upgrade head" in shown[:5]
    assert len(shown) <= 24


@pytest.mark.parametrize("count", [1, 20])
def test_one_that_has_drifted(current: Database, count: int) -> None:
    current.execute(*(OWN.format(number + 1) for number in range(count)))
    shown = screen(current)
    assert shown[:2] == [
        f"Drifted: The database has drifted from revision {HEAD}.",
        f"Next: python -m ourschool adopt {HEAD} --repair repair.sql",
    ]
    assert len(shown) <= 24
    assert ("  and 17 more: --json has all" in shown) == (count == 20)


def test_one_that_is_behind_and_has_drifted(behind: Database) -> None:
    behind.execute(OWN.format(9))
    shown = screen(behind)
    assert shown[0].startswith("Drifted: The database is behind, and is not what its revision makes.")
    assert shown[1] == "Next: python -m ourschool identify"
    assert len(shown) <= 24


def test_an_empty_one_and_one_that_nobody_adopted(scratch: Database) -> None:
    assert screen(scratch)[1] == "Next: python -m alembic upgrade head"
    scratch.execute("create table pupils (id integer)")
    assert screen(scratch)[:2] == [
        "Unversioned: The database has tables and no revision.", "Next: python -m ourschool adopt",
    ]  # fmt: skip


def test_what_is_broken_is_the_next_thing_to_do(current: Database) -> None:
    current.execute(A_USER)
    shown = screen(current, status=0)
    assert shown[:2] == ["Current: The database is at the newest revision.", "Next: see to 1 finding under Health"]


def test_what_is_retired_is_one_sum_and_a_list_on_request(current: Database) -> None:
    current.execute(A_USER, "select setval('users_id_seq', 70)")
    current.alembic("downgrade", CHAIN[0])
    current.alembic("upgrade", "head")
    shown = screen(current, status=0)
    assert any(line.startswith("Retired   ") for line in shown)
    assert len(shown) <= 24
    assert "Details   --retired, --tables, --history" in shown
    listed = "\n".join(screen(current, "--retired", status=0))
    assert "Retired, without rows:" in listed
    assert "may stay. python -m ourschool purge deletes what" in listed
