"""How far long work is, on a terminal: the command's step and the batches' bar stand there together."""

import itertools
import re
import sys
from pathlib import Path

from tests.support.databases import Database
from tests.support.terminal import on_a_terminal
from tests.surefoot.online.harness import empty, write

STEP = re.compile(r"\S (Upgrading to two|revision 1 of 1: two of a test) …")
BAR = re.compile(r"Backfill of t \(c\) \S*━.* \d+/20000 +rows")


def test_the_step_stands_above_the_bar(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, "op.execute('create table t (id integer primary key, b integer, c integer)')")
    write(project, "two", "one", "op.backfill('t', {'c': 'b'}, 'c is null and b is not null')")
    scratch.alembic("upgrade", "one", cwd=project)
    scratch.execute("insert into t select n, n from generate_series(1, 20000) as n")
    command = [sys.executable, "-m", "ourschool", "upgrade", "two", "--yes", "--no-backup"]
    output, screens = on_a_terminal(command, project, scratch.environment())
    assert any(
        STEP.fullmatch(above.rstrip()) and BAR.match(below)
        for lines in screens
        for above, below in itertools.pairwise(lines)
    ), output
    for lines in screens:
        assert sum("…" in line for line in lines) <= 1, lines
        assert sum("━" in line for line in lines) <= 1, lines
    (*_, last) = screens
    assert [line for line in last if "…" in line or "━" in line] == []
    assert re.search(r"\d\d:\d\d:\d\d Running upgrade one -> two", "\n".join(last)), last
    assert re.search(r"\d\d:\d\d:\d\d Backfill of t \(c\): done, 20,000 rows", "\n".join(last)), last
