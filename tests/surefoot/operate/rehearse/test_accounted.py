"""Rows and values are accounted for up, down and up again; the real database is as it was whatever happens."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.surefoot.commands.revisions import write
from tests.surefoot.operate.backup.schools import state_of
from tests.surefoot.operate.rehearse.conftest import Rehearse


@dataclass(frozen=True)
class Case:
    """A pending revision, and what the rehearsal has to say of it."""

    up: str
    down: str = "pass"
    problem: str = ""
    lost: tuple[str, ...] = ()
    refused: str = ""


ADA = "where id = (select min(id) from users)"
SWAPPED = f"update users set first_name = last_name, last_name = first_name {ADA}"
CASES = {
    "a row is lost": Case(
        "op.execute('delete from journal_entries where id < 20')",
        problem="journal_entries had 150 rows: the upgrade takes 1",
        lost=("journal_entries: 1",),
    ),
    "as many are added as are lost": Case(
        "op.execute('update journal_entries set id = -id where id < 20')",
        problem="journal_entries had 150 rows: the upgrade takes 1",
        lost=("journal_entries: 1", "journal_entries: 1"),
    ),
    "a value is changed for good": Case(
        f"op.execute(\"update users set first_name = 'X' {ADA}\")",
        problem="users.first_name: 1 values are changed by the upgrade, and nothing brings them back",
    ),
    "two values change places and back": Case(f"op.execute('{SWAPPED}')", f"op.execute('{SWAPPED}')"),
    "a column is dropped": Case(
        "op.execute('alter table lessons drop title')",
        """
        op.execute("alter table lessons add title varchar not null default ''")
        op.execute("alter table lessons alter title drop default")
        """,
        problem="lessons.title: ",
    ),
    "a type is changed and back": Case(
        "op.execute('alter table lessons alter lesson_order type numeric(9, 2)')",
        "op.execute('alter table lessons alter lesson_order type integer')",
    ),
    "it fails": Case(
        "op.execute('select 1 / 0')",
        problem="Revision bad1 failed on the copy: upgrade bad1 failed: division",
    ),
    "the way down loses values": Case(
        "pass",
        f"op.execute(\"update users set last_name = 'Y' {ADA}\")",
        lost=("users.last_name: 1 values are changed",),
    ),
    "the way down fails": Case(
        "pass",
        "op.execute('drop table absent')",
        problem="The way down of bad1 failed on the copy: downgrade bad1 failed",
    ),
    "the way down is refused": Case("pass", "raise NotImplementedError('no way back')", refused="no way back"),
    "the way down is refused in SQL": Case(
        "pass", "op.execute(\"do $$ begin raise exception 'no, never'; end $$\")", refused="no, never"
    ),
    "the way down leaves something": Case(
        "op.execute('create table if not exists left_over (id integer)')",
        problem="The way down leaves another catalogue: table left_over",
    ),
    "the second way up differs": Case(
        "op.execute('alter table terms add column at timestamptz default clock_timestamp()')",
        "op.execute('alter table terms drop column at')",
    ),
}


@pytest.mark.promise("O12")
@pytest.mark.parametrize("name", CASES)
def test_what_a_revision_does_to_rows_and_values_is_told(
    school: Database, project: Path, rehearsed: Rehearse, name: str
) -> None:
    case = CASES[name]
    before, databases = state_of(school), school.rows("select datname from pg_database order by 1")
    write(project, "bad1", upgrade=case.up, downgrade=case.down)
    found = rehearsed(school)
    assert len(found.problems) == bool(case.problem), found.problems
    assert all(each.startswith(case.problem) for each in found.problems)
    assert found.holds is not bool(case.problem)
    back = found.way_back
    assert len(back.lost if back else ()) == len(case.lost)
    assert all(told.startswith(want) for told, want in zip(back.lost if back else (), case.lost, strict=True))
    refused = back.failure if back else None
    assert (case.refused in refused.why and refused.meant) if case.refused and refused else not case.refused
    if name == "a type is changed and back":
        assert found.values == (), "a value is what it means, and 1 is 1.00"
    if name == "the second way up differs":
        assert back is not None
        assert back.again_differs == ("terms", "terms.at")
    assert state_of(school) == before
    assert school.rows("select datname from pg_database order by 1") == databases
    assert list(project.glob("backups/*")) == []


def test_tables_of_ones_own_are_accounted_for_too(school: Database, project: Path, rehearsed: Rehearse) -> None:
    """Without a key, with a key of two columns, with names that have to be quoted."""
    school.execute(
        "create table own_things (a integer, b text)",
        "insert into own_things select g % 3, null from generate_series(1, 9) g",
        'create table "Odd ""one: two" ("a:b" text, "C" integer, d text, primary key ("a:b", "C"))',
        "insert into \"Odd \"\"one: two\" values ('x', 1, '1'), ('x', 2, null)",
    )
    write(project, "own1", upgrade="pass")
    assert rehearsed(school).holds
    write(
        project,
        "own1",
        upgrade="""
        op.execute("delete from own_things where ctid = (select min(ctid) from own_things where a = 1)")
        op.execute(r'update "Odd ""one\\: two" set d = 2')
        """,
    )
    found = rehearsed(school)
    odd, own = found.values
    assert (odd.name, [(each.name, each.filled, each.changed) for each in odd.columns]) == (
        'Odd "one: two', [("d", 1, 1)],
    )  # fmt: skip
    assert (own.rows, own.gone, own.new) == (9, 1, 0)
    assert len(found.problems) == 2
