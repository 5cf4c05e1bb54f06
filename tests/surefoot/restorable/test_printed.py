"""What `--sql` prints, run by psql: it can be dumped at each of its commits, and ends what a run before it left."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.surefoot.online.harness import assert_equal, catalogue
from tests.surefoot.online.runner import Runner
from tests.surefoot.online.test_change_types import LEFT_OVER, sql_of
from tests.surefoot.restorable import dumps
from tests.surefoot.restorable.cases import CASES
from tests.surefoot.restorable.commits import Commit, watched
from tests.surefoot.restorable.dumps import Dump
from tests.surefoot.restorable.interrupted import End, Move, Sample
from tests.surefoot.restorable.test_cut_off_before import ON_RESULTS, as_released
from tests.surefoot.restorable.test_operations import chain

IN_CI = {"types, quoted", "labels and quoted columns"}


def statements(script: str) -> tuple[str, ...]:
    """The script cut where a statement ends, which inside a block's quotes it does not."""
    found, inside = [""], ""
    for line in script.splitlines(keepends=True):
        found[-1] += line
        for tag in re.findall(r"\$[a-z_]*\$", line):
            inside = tag if not inside else "" if tag == inside else inside
        if line.rstrip().endswith(";") and not inside:
            found.append("")
    return tuple(statement for statement in found if re.sub(r"--.*", "", statement).strip())


@pytest.mark.parametrize(
    "name", [name if name in IN_CI else pytest.param(name, marks=pytest.mark.long) for name in CASES]
)
def test_each_commit_of_what_is_printed(scratch: Database, project: Path, tmp_path: Path, name: str) -> None:
    """In a restored one psql goes on with what is left."""
    Move(chain(project, CASES[name]), "upgrade", "one").run(scratch)
    with Runner(scratch, project) as runner:
        script = statements(sql_of(runner.alembic("upgrade", "one:two", "--sql", status=0).output))
    since, begun, made, sample = dt.datetime.now(dt.UTC), [0], list[tuple[Dump, int]](), Sample(one_in=3, seed=2)

    def visit(commit: Commit) -> None:
        if sample(commit):
            format_ = dumps.FORMATS[commit.nth % 2]
            made.append((dumps.dump(scratch, 18, format_, tmp_path / str(commit.nth)), begun[0]))

    def run(database: Database, left: Sequence[str]) -> None:
        with database.connect(autocommit=True) as connection:
            for statement in left:
                begun[0] += 1
                connection.execute(statement)

    with watched(scratch, visit):
        run(scratch, script)
    end = End.of(scratch, since, estimated=True)
    for each, done in made:
        with dumps.restored(each, scratch.server) as restored:
            run(restored, script[done:])
            end.assert_reached(restored)


@pytest.mark.parametrize(("cut", "old"), [("set_config('enable_seqscan'", True), ("analyze", False)])
def test_a_run_beside_the_users_was_cut_off_before(scratch: Database, project: Path, cut: str, old: bool) -> None:
    with Runner(scratch, chain(project, CASES["types beside json"])) as runner:
        runner.alembic("upgrade", "one", status=0)
        printed = runner.alembic("upgrade", "one:two", "--sql", status=0).output
        runner.alembic("upgrade", "two", status=0)
        expected = catalogue(scratch)
        runner.alembic("downgrade", "one", status=0)
        assert runner.alembic("upgrade", "two", kill_before=cut).killed
    if old:
        as_released(scratch, ON_RESULTS)
    scratch.psql(stdin=sql_of(printed))
    assert_equal(expected, catalogue(scratch))
    assert not scratch.rows(LEFT_OVER)
    scratch.execute("insert into results (id, points, parts) values (1000, 1, '{}')")


def test_a_way_back_was_cut_off_before(scratch: Database, project: Path) -> None:
    """There the columns that take over are those set aside, and stay when the rest of the try goes."""
    with Runner(scratch, chain(project, CASES["types of all kinds"])) as runner:
        runner.alembic("upgrade", "one", status=0)
        expected = catalogue(scratch)
        runner.alembic("upgrade", "two", status=0)
        printed = runner.alembic("downgrade", "two:one", "--sql", status=0).output
        assert runner.alembic("downgrade", "one", kill_before="analyze").killed
    scratch.psql(stdin=sql_of(printed))
    assert_equal(expected, catalogue(scratch))
    assert not scratch.rows(LEFT_OVER)
    scratch.execute("insert into pupils (id, number, place) values (1000, 1000, 1000)")
