"""All released revisions, on an existing database with rows, stopped at their commits on the way up and down: dumped,
restored, brought on."""

import datetime as dt
import random
from pathlib import Path

import pytest

from tests.ourschool.history.schools import CHAIN, below, make_existing
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.restorable.dumps import Dump
from tests.surefoot.restorable.interrupted import Check, End, Figures, Move, Sample, Servers

WITH_A_CONDITION = "a83e41d6905b"
"""The revision whose syncing trigger stands on a table that has another one before UPDATE."""
IN_CI = 6
TO_HEAD = Move(ROOT, "upgrade", "head")


def test_some_points_of_released_revisions(newest: Server, tmp_path: Path, figures: Figures) -> None:
    """By seed: some of the revisions, and of each some points, there and back; that of the fault that was seen among
    them."""
    chance, sample = random.Random(10), Sample(one_in=7, seed=10)
    up, down = ({WITH_A_CONDITION, *chance.sample(CHAIN[1:], few)} for few in (IN_CI, IN_CI // 2))
    with fresh(newest) as database:
        make_existing(database)
        for revision in CHAIN[1:]:
            move = Move(ROOT, "upgrade", revision)
            if revision in up:
                Check(move, {18: newest}, figures, sample)(database, tmp_path)
            else:
                move.run(database)
        assert figures.restored > 4
        sample = Sample(one_in=4, seed=10)
        for revision in reversed(CHAIN[1:]):
            move = Move(ROOT, "downgrade", below(revision), revision)
            if revision in down:
                check = Check(move, {18: newest}, figures, sample)
                there_and_on_to_head(check, database, tmp_path, slice(revision == WITH_A_CONDITION))
            else:
                move.run(database)
    assert figures.restored > 12


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 16, 15])
def test_each_point_of_each_released_revision(servers: Servers, major: int, tmp_path: Path, figures: Figures) -> None:
    """Each restored dump is brought to the end of the revision that was cut, where all is as without the cut, and so
    what follows is too; for one point of each revision that is seen, by going on to head."""
    if major not in servers:
        pytest.skip(f"there is no PostgreSQL {major} on this machine")
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
        Check(TO_HEAD, servers, figures, Sample()).bring_to(end, each)
        each.remove()


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 16, 15])
def test_each_point_of_each_way_down(servers: Servers, major: int, tmp_path: Path, figures: Figures) -> None:
    """To the revision below; and for one point of each, from there back to head."""
    if major not in servers:
        pytest.skip(f"there is no PostgreSQL {major} on this machine")
    faults: list[str] = []
    with fresh(servers[major]) as database:
        make_existing(database)
        TO_HEAD.run(database)
        for nth, revision in enumerate(reversed(CHAIN[1:])):
            check = Check(Move(ROOT, "downgrade", below(revision), revision), servers, figures, Sample(seed=nth))
            try:
                there_and_on_to_head(check, database, tmp_path, slice(nth % 2, None, 2))
            except AssertionError as fault:  # the others are tried all the same
                faults.append(f"{revision}: {fault}")
                print(faults[-1])
            print(f"\n{revision}, down: {figures}", flush=True)
    assert not faults


def there_and_on_to_head(check: Check, database: Database, folder: Path, chosen: slice) -> None:
    """The way down; from the dumps that it leaves, those `chosen` go down as well, and up again as a copy does."""
    since = dt.datetime.now(dt.UTC)
    kept = check(database, folder)
    if not kept[chosen]:
        return
    with fresh(database.server, template=str(database.url.database)) as copy:
        TO_HEAD.run(copy)
        end = End.of(copy, since, drawn=True)
    for each in kept[chosen]:
        check.bring_to(end, each, TO_HEAD)
    for each in kept:
        each.remove()
