"""What `--sql` prints, run by psql: it can be dumped at each of its commits, and ends what a run before it left."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.online.harness import assert_equal, catalogue
from tests.online.runner import Runner
from tests.online.test_change_types import LEFT_OVER, sql_of
from tests.restorable.cases import CASES
from tests.restorable.interrupted import Check, Figures, Move, Sample
from tests.restorable.test_cut_off_before import ON_RESULTS, as_released
from tests.restorable.test_operations import chain
from tests.support.databases import Database


@dataclass(frozen=True)
class Printed(Move):
    """The same move as statements, each run as psql would."""

    statements: tuple[str, ...] = ()

    def run(self, database: Database) -> None:
        with database.connect(autocommit=True) as connection:
            for statement in self.statements:
                connection.execute(statement)


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


@pytest.mark.parametrize("name", CASES)
def test_each_commit_of_what_is_printed(scratch: Database, project: Path, tmp_path: Path, name: str) -> None:
    """In a restored one psql runs all of it again, as whoever lost the connection would."""
    figures = Figures()
    Move(chain(project, CASES[name]), "upgrade", "one").run(scratch)
    with Runner(scratch, project) as runner:
        printed = sql_of(runner.alembic("upgrade", "one:two", "--sql", status=0).output)
    move = Printed(project, "upgrade", "two", statements(printed))
    Check(move, {18: scratch.server}, figures, Sample(share=0.3, seed=len(name)))(scratch, tmp_path)
    print(f"{name}: {figures}")


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("cut", ["set_config('enable_seqscan'", "analyze"])
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
