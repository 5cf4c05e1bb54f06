"""All released revisions, on an existing database with rows, stopped at their commits: dumped, restored, brought on."""

import datetime as dt
import random
from pathlib import Path

import pytest

from tests.history.schools import CHAIN, make_existing
from tests.restorable.dumps import Dump
from tests.restorable.interrupted import Check, End, Figures, Move, Sample, Servers
from tests.support.databases import ROOT, fresh
from tests.support.servers import Server

WITH_A_CONDITION = "a83e41d6905b"
"""The revision whose syncing trigger stands on a table that has another one before UPDATE."""
IN_CI = 6


def test_some_points_of_released_revisions(newest: Server, tmp_path: Path) -> None:
    """By seed: some of the revisions, and of each some points; that of the fault that was seen among them."""
    chosen = {WITH_A_CONDITION, *random.Random(10).sample(CHAIN[1:], IN_CI)}
    figures, sample = Figures(), Sample(one_in=7, seed=10)
    with fresh(newest) as database:
        make_existing(database)
        for revision in CHAIN[1:]:
            move = Move(ROOT, "upgrade", revision)
            if revision in chosen:
                Check(move, {18: newest}, figures, sample)(database, tmp_path)
            else:
                move.run(database)
    print(figures)
    assert figures.restored > 4


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 16, 15])
def test_each_point_of_each_released_revision(servers: Servers, major: int, tmp_path: Path) -> None:
    """Each restored dump is brought to the end of the revision that was cut, where all is as without the cut, and so
    what follows is too; for one point of each revision that is seen, by going on to head."""
    if major not in servers:
        pytest.skip(f"there is no PostgreSQL {major} on this machine")
    figures, on_to_head = Figures(), Figures()
    since = dt.datetime.now(dt.UTC)
    kept: list[Dump] = []
    faults: list[str] = []
    with fresh(servers[major]) as database:
        make_existing(database)
        for nth, revision in enumerate(CHAIN[1:]):
            check = Check(Move(ROOT, "upgrade", revision), servers, figures, Sample(seed=nth))
            try:
                kept += check(database, tmp_path)[nth % 2 :: 2]  # plain and directory in turn, of each version
            except AssertionError as fault:  # the others are tried all the same
                faults.append(str(fault))
                print(fault)
            print(f"\n{revision}: {figures}", flush=True)
        end = End.of(database, since)
    assert not faults
    for each in kept:
        Check(Move(ROOT, "upgrade", "head"), servers, on_to_head, Sample()).bring_to(end, each)
        each.remove()
    print(
        f"\nserver {major}: {figures}; {on_to_head.restored} went on to head, {on_to_head.rows:,} rows compared there"
    )
