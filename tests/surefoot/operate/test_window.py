"""`ourschool upgrade --window`: it waits for its hour and for quiet, and stops between two revisions."""

import datetime as dt
import signal
import time
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import maintenance_window, settings
from surefoot.errors import FailedError, RefusedError
from surefoot.operate import change
from surefoot.operate.change import open_transactions, quiet_hours
from surefoot.settings import Settings
from tests.ourschool.history.schools import HEAD, at
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import write
from tests.surefoot.faults.runs import Run, holding

NIGHT = maintenance_window.parse("22:00-05:00")
OPEN, CLOSED = (dt.datetime(2026, 11, 30, hour, tzinfo=dt.UTC) for hour in (4, 6))


@pytest.fixture
def pending(at_head: Database, project: Path) -> Database:
    """A database with three revisions before it."""
    for number, below in ((1, HEAD), (2, "more1"), (3, "more2")):
        write(project, f"more{number}", after=below, upgrade=f"op.execute('create table more{number} ()')",
              downgrade=f"op.drop_table('more{number}')")  # fmt: skip
    return at_head


def of(database: Database, project: Path) -> Settings:
    url = database.url.render_as_string(False)
    return settings.load(PROJECT.at(project), database_url=url, environ={})


def local_time(hour: int, minute: int, second: float) -> dict[str, str]:
    """A time zone in which it is that hour of the day now: the clock of a command that gets it in TZ."""
    ahead = int(hour * 3600 + minute * 60 + second - time.time() % 86_400)
    if abs(ahead) > 43_200:
        ahead -= 86_400 if ahead > 0 else -86_400
    sign, size = ("-" if ahead >= 0 else "+"), abs(ahead)  # of POSIX, the other way round
    return {"TZ": f"<night>{sign}{size // 3600}:{size % 3600 // 60:02}:{size % 60:02}"}


def test_it_stops_between_two_revisions_when_the_window_ends(
    pending: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_window, "now", lambda: CLOSED if at(pending) == ["more2"] else OPEN)
    known = of(pending, project)
    plan = change.plan_upgrade(known, pending.url, with_backup=False)
    with pytest.raises(FailedError) as fault:
        change.upgrade(known, pending.url, plan, with_backup=False, window=NIGHT)
    assert fault.value.status == 4
    assert fault.value.message == (
        "The window 22:00-05:00 has ended: 2 of 3 revisions are applied, and the database is at more2."
    )
    assert "Run the same command again: it goes on there." in fault.value.remedy
    assert at(pending) == ["more2"]
    assert pending.value("select to_regclass('more3')") is None
    assert pending.rows("select revision from migration_journal where outcome <> 'done'") == []
    monkeypatch.setattr(maintenance_window, "now", lambda: OPEN)
    plan = change.plan_upgrade(known, pending.url, with_backup=False)
    assert change.upgrade(known, pending.url, plan, with_backup=False, window=NIGHT).revision == "more3"


def test_a_window_that_ends_before_the_first_revision(
    pending: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([OPEN])
    monkeypatch.setattr(maintenance_window, "now", lambda: next(moments, CLOSED))
    known = of(pending, project)
    plan = change.plan_upgrade(known, pending.url, with_backup=False)
    with pytest.raises(FailedError, match="ended before the backup was made") as fault:
        change.upgrade(known, pending.url, plan, with_backup=False, window=NIGHT)
    assert "no revision was applied" in fault.value.remedy
    assert at(pending) == [HEAD]


def test_a_database_that_somebody_else_upgrades_while_it_waits(
    pending: Database, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = of(pending, project)
    plan = change.plan_upgrade(known, pending.url, with_backup=False)
    pending.alembic("upgrade", "more1", cwd=project)
    monkeypatch.setattr(maintenance_window, "now", lambda: OPEN)
    with pytest.raises(RefusedError, match=f"the database went from {HEAD} to more1"):
        change.upgrade(known, pending.url, plan, with_backup=False, window=NIGHT)
    assert at(pending) == ["more1"]


def test_it_waits_for_long_transactions_and_says_for_whom(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance_window, "now", lambda: OPEN)
    monkeypatch.setattr(open_transactions, "LONG", 0.5)
    monkeypatch.setattr(quiet_hours, "LOOK", 0.05)
    said: list[str] = []

    def ends_after_a_line(text: str) -> None:
        said.append(text)
        holder.rollback()

    with holding(scratch, "select 1") as holder:
        time.sleep(0.6)
        quiet_hours.wait_until_quiet(scratch.url, NIGHT, ends_after_a_line)
    (line,) = said
    assert line.startswith("Waiting for quiet, until 05:00 at most: pid ")
    assert "(application payroll, role postgres) has had a transaction open for " in line


def test_a_window_that_ends_before_it_is_quiet(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance_window, "now", lambda: CLOSED)
    with (
        holding(scratch, "select 1", name="pg_dump"),
        pytest.raises(FailedError, match=r"ended before it was quiet: pid \d+ \(.*\) dumps the database\."),
    ):
        quiet_hours.wait_until_quiet(scratch.url, NIGHT, lambda _: None)


def test_it_waits_for_a_dump_in_a_real_run(pending: Database, project: Path) -> None:
    with holding(pending, "select 1", name="pg_dump") as dump:
        run = Run(pending, "upgrade", "--yes", "--no-backup", "--window", "22:00-05:00", program="ourschool",
                  cwd=project, env=local_time(21, 59, 58))  # fmt: skip
        run.says(" dumps the database")
        assert at(pending) == [HEAD]
        dump.execute("set application_name = 'somebody'")
        dump.commit()
        run.ends()
    assert at(pending) == ["more3"]


@pytest.mark.parametrize("command", ["upgrade", "work"])
def test_nonsense_is_refused_before_anything_else(scratch: Database, command: str) -> None:
    done = ourschool(scratch, command, "--window", "05:00-05:00", status=2)
    assert done.stderr == (
        "ourschool: The window '05:00-05:00' ends when it begins: that may be the whole day or nothing.\n"
        "→ Give two different times, or leave --window out to work at any hour.\n"
    )


def test_it_waits_for_its_hour_until_ctrl_c(pending: Database, project: Path) -> None:
    run = Run(pending, "upgrade", "--yes", "--no-backup", "--window", "22:00-05:00", program="ourschool",
              cwd=project, env=local_time(12, 0, 0))  # fmt: skip
    run.says(" 22:00 for the window 22:00-05:00; now it is 12:0")
    run.process.send_signal(signal.SIGINT)
    run.process.wait(10)
    assert "Traceback" not in run.ends(130)
    assert at(pending) == [HEAD]
