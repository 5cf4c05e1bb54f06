"""Killed for good with SIGKILL, then dumped: the database itself goes on, and so does what is restored of it."""

import datetime as dt
import random
from pathlib import Path

import pytest

from tests.ourschool.history.schools import make_existing, upgrade
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.online.runner import Runner
from tests.surefoot.restorable import dumps
from tests.surefoot.restorable.cases import CASES
from tests.surefoot.restorable.interrupted import End, Move
from tests.surefoot.restorable.test_operations import chain


def killed_and_restored(  # a database, and how it is cut off
    database: Database, end: End, move: Move, folder: Path, *, at: int, format_: str
) -> bool:
    """Kill the move at its statement `at`; False where it had fewer. Both must come to the `end` then."""
    with Runner(database, move.project) as runner:
        killed = runner.alembic(move.direction, move.revision, kill_at=at).killed
    made = dumps.dump(database, database.server.major, format_, folder / f"{at}-{format_}")
    with dumps.restored(made, database.server) as restored:
        for each in (database, restored):
            move.run(each)
            end.assert_reached(each)
    made.remove()
    return killed


@pytest.mark.parametrize("name", ["types beside json", "retired"])
def test_killed_in_an_operation(newest: Server, project: Path, tmp_path: Path, name: str) -> None:
    """At random statements, by seed; the whole of them is in the long form of tests/online."""
    _killed_in_an_operation(newest, chain(project, CASES[name]), tmp_path, times=2)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_killed_often_in_an_operation(newest: Server, project: Path, tmp_path: Path, name: str) -> None:
    _killed_in_an_operation(newest, chain(project, CASES[name]), tmp_path, times=20)


def _killed_in_an_operation(server: Server, project: Path, folder: Path, times: int) -> None:
    chance, since = random.Random(times), dt.datetime.now(dt.UTC)
    move, one = Move(project, "upgrade", "two"), Move(project, "upgrade", "one")
    with fresh(server) as base:
        one.run(base)
        name = str(base.url.database)
        with fresh(server, template=name) as undisturbed:
            move.run(undisturbed)
            end = End.of(undisturbed, since)
        killed = 0
        for nth in range(times):
            with fresh(server, template=name) as database:
                at, format_ = chance.randint(5, 60), dumps.FORMATS[nth % 2]
                killed += killed_and_restored(database, end, move, folder, at=at, format_=format_)
    assert killed


def test_killed_in_a_released_revision(newest: Server, tmp_path: Path) -> None:
    move, since = Move(ROOT, "upgrade", "a83e41d6905b"), dt.datetime.now(dt.UTC)
    with fresh(newest) as base:
        make_existing(base)
        upgrade(base, "1f95c3e8d704")
        name = str(base.url.database)
        with fresh(newest, template=name) as undisturbed:
            move.run(undisturbed)
            end = End.of(undisturbed, since)
        with fresh(newest, template=name) as database:
            assert killed_and_restored(database, end, move, tmp_path, at=70, format_="directory")


def test_an_index_left_invalid(newest: Server, project: Path, tmp_path: Path) -> None:
    """As where the server's process ends in a concurrent build; a dump leaves such an index out."""
    since = dt.datetime.now(dt.UTC)
    move, one = Move(chain(project, CASES["types of all kinds"]), "upgrade", "two"), Move(project, "upgrade", "one")
    with fresh(newest) as base:
        one.run(base)
        with fresh(newest, template=str(base.url.database)) as undisturbed:
            move.run(undisturbed)
            end = End.of(undisturbed, since)
        with Runner(base, project) as runner:
            assert runner.alembic("upgrade", "two", kill_before="analyze").killed
        base.execute(
            "update pg_index set indisvalid = false where indexrelid::regclass::text like '%__changing_%_ix_both%'"
        )
        assert base.rows("select from pg_index where not indisvalid")
        for format_ in dumps.FORMATS:
            made = dumps.dump(base, 18, format_, tmp_path / format_)
            with dumps.restored(made, newest) as restored:
                assert not restored.rows("select from pg_class where relname like '%__changing_%_ix_both%'")
                move.run(restored)
                end.assert_reached(restored)
        move.run(base)
        end.assert_reached(base)
