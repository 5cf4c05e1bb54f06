"""A network that swallows everything before a pooler, or behind it: the command ends, and the next one goes on."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ourschool.history.schools import at
from tests.support.databases import ROOT
from tests.support.servers.proxy import Proxy, proxied
from tests.support.stalls import Stalls
from tests.surefoot.online.runner import Runner
from tests.surefoot.servers.matrix import KINDS
from tests.surefoot.servers.pools import POOLERS, Clone, Pool, Prepared, pool_of
from tests.surefoot.servers.ways import School

ANSWER, IDLE = 2.0, 5.0
SHORT = {"OURSCHOOL_ANSWER_TIMEOUT": f"{ANSWER:.0f}", "OURSCHOOL_IDLE_TIMEOUT": f"{IDLE * 1000:.0f}"}
ENDS = 2 * ANSWER + 2 * 10 + 5
"""Seconds from the silence to the end: an answer waited for here and beside, two tries to connect anew, some work."""
FREED = IDLE + 5
"""Seconds from then until the server, and the pooler, have noticed that the sessions are nobody's."""
LOGIN_RETRY = 16.0
"""Seconds after which pgbouncer tries its server anew, by its default."""
BEHIND = "pgbouncer, session, silent behind it"
"""The network between the pooler and the server is silent, not the one before the pooler."""
PLACES = {**{name: KINDS[name].needs or () for name in POOLERS}, BEHIND: KINDS[POOLERS[0]].needs or ()}
SHORT_FORM = frozenset({POOLERS[0], BEHIND})


@contextmanager
def silenced(place: str, school: School, folder: Path) -> Iterator[tuple[Pool, Proxy]]:
    """A pool, and the proxy on the way."""
    if place == BEHIND:
        with proxied(school.server.port) as proxy:
            server = replace(school.server, port=proxy.port)
            with pool_of(POOLERS[0], school, folder, server=server) as pool:
                yield pool, proxy
    else:
        with pool_of(place, school, folder) as pool, proxied(int(str(pool.url.port))) as proxy:
            yield replace(pool, url=pool.url.set(port=proxy.port)), proxy


def one_sentence(said: str) -> None:
    assert "Traceback" not in said, said
    assert len(re.findall("^ourschool: ", said, re.MULTILINE)) == 1, said
    assert "\nNext: " in said or "\n\u2192 " in said, said


def goes_on(clone: Clone, runner: Runner, proxy: Proxy, passed: int) -> bool:
    """Let nothing pass after so many packets; return whether the upgrade met it. The next one is not in its way."""
    with Stalls(clone.direct.dsn) as stalls:
        proxy.swallow_after(proxy.passed + passed)
        ended = runner.alembic("upgrade", "head", on=clone.here)
        over, silent = time.monotonic(), proxy.silent_since
        clone.freed()
        freed = time.monotonic() - over
    where = f"silent after {passed} packets:\n{ended.output}"
    if silent is not None:
        print(
            f"status {ended.status} after {over - silent:.1f} s, free {freed:.1f} s later, {stalls.longest:.2f} stall"
        )
        assert over - silent < ENDS + stalls.allowance, where
        assert freed < FREED + stalls.allowance, where
        if ended.status:
            assert ended.status == 4, where
            one_sentence(ended.output)
        for revision in re.findall(r"database is at revision (\w+)", ended.output):
            assert at(clone.direct) == [revision], where
    proxy.recover()
    again = runner.alembic("upgrade", "head", on=clone.here)
    if again.status and "has no session of its server for us" in again.output:  # of a login that failed meanwhile
        time.sleep(LOGIN_RETRY)
        again = runner.alembic("upgrade", "head", on=clone.here)
    assert again.status == 0, f"{where}\n{again.output}"
    return silent is not None


def each_goes_on(place: str, school: Prepared, folder: Path, moments: int, seed: int) -> int:
    """Fall silent at moments spread over the run, a clone each; return how many runs met it."""
    chance = random.Random(seed)
    met = 0
    with (
        silenced(place, school.school, folder) as (pool, proxy),
        Runner(school.school.as_superuser(), ROOT, SHORT) as runner,
    ):
        for turn in range(moments):
            passed = int((turn + chance.random()) / moments * school.statements)
            with pool.clone() as clone:
                met += goes_on(clone, runner, proxy, passed)
                assert clone.state() == school.at_head, f"silent after {passed} packets"
    return met


@pytest.mark.parametrize("place", [pytest.param(place, marks=PLACES[place]) for place in sorted(SHORT_FORM)])
def test_once(nearly_at_head: Prepared, tmp_path: Path, place: str) -> None:
    assert each_goes_on(place, nearly_at_head, tmp_path, moments=1, seed=1) == 1


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("place", [pytest.param(place, marks=marks) for place, marks in PLACES.items()])
def test_ten_times(at_the_baseline: Prepared, tmp_path: Path, place: str) -> None:
    met = each_goes_on(place, at_the_baseline, tmp_path, moments=10, seed=10)
    print(f"{place}: {met} met it")
    assert met >= 8


@pytest.mark.parametrize("place", [pytest.param(BEHIND, marks=PLACES[BEHIND])])
def test_silence_from_the_beginning(nearly_at_head: Prepared, tmp_path: Path, place: str) -> None:
    """The pooler itself answers, and has a session from before; what stands behind it does not."""
    with silenced(place, nearly_at_head.school, tmp_path) as (pool, proxy), pool.clone() as clone:
        with Runner(clone.here, ROOT, SHORT) as runner, Stalls(clone.direct.dsn) as stalls:
            runner.alembic("current", status=0)
            proxy.swallow()
            began = time.monotonic()
            for words in ("current",), ("upgrade", "head"):
                said = runner.alembic(*words, status=4).output
                one_sentence(said)
                assert "There was no answer from 127.0.0.1:" in said
            took = time.monotonic() - began
        assert took < 2 * (ENDS + stalls.allowance)
