"""Through each pooler that is allowed: two migrators at once, and kill -9, leave the right state and nothing else."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD
from tests.support.databases import ROOT
from tests.support.stalls import Stalls
from tests.surefoot.faults.runs import Run, advisory_locks
from tests.surefoot.online.runner import Runner
from tests.surefoot.servers.matrix import KINDS
from tests.surefoot.servers.pools import POOLERS, Clone, Pool, Prepared, pool_of

NOTICED = 2.0
"""Seconds in which the locks of a dead client are free: the server looks for its client once a second."""

each_pooler = pytest.mark.parametrize("name", [pytest.param(name, marks=KINDS[name].needs or ()) for name in POOLERS])


@dataclass
class Figures:
    """What the kills through one pooler came to; `waited` is in seconds, and so is the longest stall of the machine."""

    killed: int = 0
    waited: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)


def killed_and_gone_on(clone: Clone, runner: Runner, nth: int, late: float, figures: Figures) -> None:
    """Kill an upgrade at its nth statement; the next one finds nothing in its way, and the pool is as it was."""
    before = clone.kept()
    with Stalls(clone.direct.dsn) as stalls:
        died = runner.alembic("upgrade", "head", kill_at=nth, late=late, on=clone.here)
        began = time.monotonic()
        clone.freed()
        waited = time.monotonic() - began
    figures.killed += died.killed
    figures.waited.append(waited)
    figures.stalls.append(stalls.longest)
    assert waited < NOTICED + stalls.allowance, died.output
    assert clone.kept() == before
    gone_on = runner.alembic("upgrade", "head", status=0, on=clone.here)
    assert "Waiting" not in gone_on.output
    assert clone.kept() == before


def survives(pool: Pool, school: Prepared, kills: int, seed: int) -> Figures:
    """Kill at moments spread over the run, inside a statement and just before one in turn, a clone each."""
    chance = random.Random(seed)
    figures = Figures()
    with Runner(pool.school.as_superuser(), ROOT) as runner:
        for turn in range(kills):
            nth = int((turn + chance.random()) / kills * school.statements * 0.9) + 1
            late = 0.0 if turn % 2 else chance.uniform(0.0005, 0.005)
            with pool.clone() as clone:
                killed_and_gone_on(clone, runner, nth, late, figures)
                assert clone.state() == school.at_head, f"killed at statement {nth}, {late:.4f} s late"
                assert clone.databases() == [(clone.name,)]
                assert not advisory_locks(clone.direct)
    assert figures.killed >= kills * 3 // 4, "most of the kills came after the end"
    return figures


@each_pooler
def test_two_kills(nearly_at_head: Prepared, tmp_path: Path, name: str) -> None:
    with pool_of(name, nearly_at_head.school, tmp_path) as pool:
        survives(pool, nearly_at_head, kills=2, seed=2)


@pytest.mark.long
@pytest.mark.timeout(7200)
@each_pooler
def test_twenty_kills(at_the_baseline: Prepared, tmp_path: Path, name: str) -> None:
    with pool_of(name, at_the_baseline.school, tmp_path) as pool:
        seen = survives(pool, at_the_baseline, kills=20, seed=20)
    print(f"{name}: {seen.killed} killed, free {max(seen.waited):.2f} s later, stalls {max(seen.stalls):.2f} s")


def at_once(pool: Pool, school: Prepared) -> None:
    """Two upgrades, started together: one does all of it, the other one waits and finds nothing to do."""
    with pool.clone() as clone:
        before = clone.kept()
        runs = [Run(clone.here, "upgrade", "head") for _ in range(2)]
        said = [run.ends(0) for run in runs]
        assert sorted("Running upgrade" in each for each in said) == [False, True], said
        assert sorted(f"Nothing to do: the database is at {HEAD}." in each for each in said) == [False, True], said
        assert clone.state() == school.at_head
        assert not advisory_locks(clone.direct)
        assert clone.kept() == before


@each_pooler
def test_two_at_once(nearly_at_head: Prepared, tmp_path: Path, name: str) -> None:
    with pool_of(name, nearly_at_head.school, tmp_path) as pool:
        at_once(pool, nearly_at_head)


@pytest.mark.long
@pytest.mark.timeout(3600)
@each_pooler
def test_two_at_once_ten_times(at_the_baseline: Prepared, tmp_path: Path, name: str) -> None:
    with pool_of(name, at_the_baseline.school, tmp_path) as pool:
        for _ in range(10):
            at_once(pool, at_the_baseline)
