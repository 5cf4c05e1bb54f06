"""A rehearsal says no to what an upgrade must not cost, unless the revision gives a reason."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from surefoot.budgets import Budget
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.settings import Settings
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import HEAD, write


def holding(table: str, mode: str, comment: str = "") -> tuple[str, str]:
    """Hold a lock; with rows alone it takes long: what is built to know the names that a revision makes has none."""
    lock = f'op.execute("lock table {table} in {mode} mode")'
    return f'{comment}\n{lock}\nop.execute("select pg_sleep(0.6) from users limit 1")', "pass"


REVISIONS = {
    "b0": (
        'op.execute("create table extra as select 1 as number from generate_series(1, 20)")\n'
        'op.execute("analyze extra")',
        'op.drop_table("extra")',
    ),
    "b1": holding("fees", "access exclusive"),
    "b2": holding("fees", "access exclusive", "# budget: readers=600 writers=600 forty rows in every school"),
    "b3": holding("tests", "access exclusive", "# budget: readers=600"),
    "b4": holding("terms", "share"),
    "b5": (
        'op.execute("alter table extra alter number type bigint")',
        'op.execute("alter table extra alter number type integer")',
    ),
    "b6": ("pass", """op.execute("update journal_entries set title = 'gone' where id in (1, 2, 3)")"""),
}
BUDGET = Budget(readers=0.5, writers=0.5, rewritten=10, lost=2)


@pytest.fixture
def pending(project: Path) -> Path:
    """A project with these revisions above head."""
    after = HEAD
    for revision, (up, down) in REVISIONS.items():
        write(project, revision, after=after, message=f"{revision} of the budget", upgrade=up, downgrade=down)
        after = revision
    return project


def problems(settings: Settings, database: Database, budget: Budget) -> list[str]:
    found = rehearse(replace(settings, budget=budget), database.url, RehearsalOptions(fresh=True), say=lambda _: None)
    assert found is not None
    return [re.sub(r"\d+ ms|[\d.]+ s|=[\d.]+", "N", each) for each in found.problems]


@pytest.mark.usefixtures("pending")
def test_what_is_exceeded_is_named_with_the_remedy(settings: Settings, school: Database) -> None:
    own = "split the revision, or let its file say # budget: {}N and why; OURSCHOOL_BUDGET is for all"
    readers, writers = own.format("readers"), own.format("writers")
    assert problems(settings, school, replace(BUDGET, seconds=0.7)) == [
        f"In revision b1 nobody can read fees for N (ACCESS EXCLUSIVE); N are allowed: {readers}",
        f"In revision b1 nobody can write fees for N (ACCESS EXCLUSIVE); N are allowed: {writers}",
        "Revision b3 asks for another budget and gives no reason: # budget: readersN and why it does no harm here",
        f"In revision b3 nobody can read tests for N (ACCESS EXCLUSIVE); N are allowed: {readers}",
        f"In revision b3 nobody can write tests for N (ACCESS EXCLUSIVE); N are allowed: {writers}",
        f"In revision b4 nobody can write terms for N (SHARE); N are allowed: {writers}",
        f"Revision b5 rewrites extra with about 20 rows; 10 are allowed: {own.format('rewritten')}",
        f"The upgrade takes N; N are allowed: {own.format('seconds')}",
        f"The downgrade leaves out 3 rows and values; 2 are allowed: {own.format('lost')}",
    ]


def test_who_gives_a_reason_may(settings: Settings, school: Database, pending: Path) -> None:
    for path in (pending / "alembic" / "versions").glob("*-b[0-6]_*.py"):
        text = re.sub(r" *# budget: .*\n", "", path.read_text())
        path.write_text(f"# budget: readers=60 writers=60 rewritten=20 lost=1 seconds=60 a test\n{text}")
    assert problems(settings, school, replace(BUDGET, seconds=0)) == []


def test_as_an_operator_sees_it(school: Database, project: Path) -> None:
    write(project, "b1", upgrade=holding("fees", "access exclusive")[0].replace("0.6", "1.1"))
    refused = ourschool(school, "rehearse", cwd=project, status=1, env={"OURSCHOOL_BUDGET": ""})
    assert "Do not upgrade yet: 1 thing to look at." in " ".join(refused.stdout.split())
    assert "In revision b1 nobody can read fees for 1." in " ".join(refused.stderr.split())
    ourschool(school, "rehearse", cwd=project, env={"OURSCHOOL_BUDGET": "readers=off"})
    wrong = ourschool(school, "rehearse", cwd=project, status=2, env={"OURSCHOOL_BUDGET": "reader=2"})
    assert "OURSCHOOL_BUDGET has 'reader=2', which is no limit." in wrong.stderr
