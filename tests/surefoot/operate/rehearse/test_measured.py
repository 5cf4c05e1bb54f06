"""What a revision costs is measured, not guessed: locks however short, rows, rewrites."""

from pathlib import Path

import pytest

from surefoot.operate.rehearse.rehearsal_result import HeldLock, RevisionRun
from tests.ourschool.history.schools import make_existing, upgrade
from tests.support.databases import Database
from tests.surefoot.commands.revisions import HEAD, write
from tests.surefoot.operate.rehearse.conftest import SMALL, Rehearse

BLOCK = """do $$
begin
    update lessons set title = title;
    perform pg_sleep(0.2);
    commit;
    alter table terms add column of_a_block integer;
    perform pg_sleep(0.1);
end
$$"""
REVISIONS = {
    "aaa1": ("""
        op.execute("alter table terms add column note text")
        op.execute("select pg_sleep(0.3)")
        op.execute("insert into subjects (name) values ('Rehearsing')")
        """, """
        op.execute("alter table terms drop note")
        op.execute("delete from subjects where name = 'Rehearsing'")
        """),
    "aaa2": ('op.execute("alter table lessons add column made timestamptz default clock_timestamp()")',
             'op.execute("alter table lessons drop made")'),
    "aaa3": ('op.execute("update users set first_name = first_name where id % 2 = 0")', "pass"),
    "aaa4": (f"""
        with op.get_context().autocommit_block():
            op.execute({BLOCK!r})
        """, 'op.execute("alter table terms drop of_a_block")'),
    "aaa5": ("""
        with op.get_context().autocommit_block():
            op.execute("alter table subjects add column short integer")
            op.execute("create index concurrently by_short on subjects (short)")
        op.execute("create table made_here (id integer); alter table made_here add column n integer")
        """, 'op.execute("drop table made_here"); op.execute("alter table subjects drop short")'),
}  # fmt: skip


def held(ran: RevisionRun, table: str, mode: str) -> HeldLock:
    (found,) = [each for each in ran.locks if (each.table, each.mode) == (table, mode)]
    return found


@pytest.mark.promise("O12")
def test_locks_rows_and_rewrites(database: Database, project: Path, rehearsed: Rehearse) -> None:
    make_existing(database, SMALL)
    upgrade(database, "head")
    after = HEAD
    for revision, (up, down) in REVISIONS.items():
        write(project, revision, after=after, upgrade=up, downgrade=down)
        after = revision
    found = rehearsed(database)
    assert found.problems == ()
    slept, rewriting, updating, block, short = found.revisions
    users = int(str(database.value("select count(*) from users where id % 2 = 0")))

    lock = held(slept, "terms", "ACCESS EXCLUSIVE")
    assert 0.3 <= lock.seconds <= slept.seconds < 3
    assert lock.stops == "reads and writes wait"
    assert held(slept, "subjects", "ROW EXCLUSIVE").stops == "nobody waits"
    assert [(each.table, each.inserted) for each in slept.changed] == [("subjects", 1)]

    assert [each.table for each in rewriting.rewritten] == ["lessons"]
    assert rewriting.rewritten[0].rows == database.value("select count(*) from lessons")
    assert not any(each.rewritten for each in (slept, updating, block, short))

    assert [(each.table, each.updated) for each in updating.changed] == [("users", users)]
    assert held(updating, "users", "ROW EXCLUSIVE").stops == "writes of the same rows wait"

    assert 0.2 <= held(block, "lessons", "ROW EXCLUSIVE").seconds < 0.3, "a part of a block is a transaction"
    assert 0.1 <= held(block, "terms", "ACCESS EXCLUSIVE").seconds < 0.2

    assert held(short, "subjects", "ACCESS EXCLUSIVE").seconds < 0.1, "and is seen all the same"
    assert {each.table for each in short.locks} == {"subjects"}, "its own table is nobody's yet"

    for ran in found.revisions:
        for each in ran.locks:
            assert 0 <= each.at <= ran.seconds, "it is counted from the beginning of its revision"
    assert lock.at + 0.3 <= slept.seconds, "it is held while the revision sleeps"

    of_worst, worst = found.worst or (None, None)
    assert (of_worst, worst) == (slept, lock)
    assert found.cost.seconds == pytest.approx(sum(each.seconds for each in found.revisions))
    assert found.cost.size_after > found.cost.size_before
    assert found.cost.wal > 0
