"""Which backups a rule keeps, and that nothing else goes."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest

from surefoot.errors import UsageError
from surefoot.operate.backup import Backup, Rule, backups, find, manifest, prune
from surefoot.settings import Settings

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def at(folder: Path, like: Backup, moment: dt.datetime, database: str = "school", server: str = "a:5432") -> Backup:
    """A backup as it would have been made then."""
    made = replace(like.manifest, started_at=moment, finished_at=moment, database=database, server=server)
    path = folder / f"{database}-{server[0]}-{moment:%Y%m%dT%H%M%SZ}"
    path.mkdir(parents=True)
    (path / manifest.NAME).write_text(manifest.text_of(made))
    return Backup(path, made)


def days(folder: Path, made: Backup, count: int) -> list[Backup]:
    """One each noon, oldest first."""
    return [at(folder, made, NOON - dt.timedelta(days=number)) for number in range(count)][::-1]


def made_for(backup: Backup, cause: manifest.Cause) -> Backup:
    """The backup as if it had been made for that."""
    made = replace(backup.manifest, reason=manifest.Reason(cause, "abc"))
    (backup.path / manifest.NAME).write_text(manifest.text_of(made))
    return replace(backup, manifest=made)


def test_the_last_one_before_an_upgrade_stays(shelf: Path, made: Backup) -> None:
    """It is the way back: a rule of two would have deleted it without a question."""
    all_of_them = days(shelf, made, 9)
    for number in (0, 3):
        made_for(all_of_them[number], "upgrade")
    made_for(all_of_them[4], "rollback")
    rehearsed = prune(shelf, Rule(newest=2), rehearse=True)
    assert [each.name for each in rehearsed.guarded] == [all_of_them[3].name]
    assert prune(shelf, Rule(newest=2)) == rehearsed
    assert [each.name for each in backups(shelf)] == [all_of_them[number].name for number in (3, 7, 8)]
    assert prune(shelf, Rule(newest=2), force=True).guarded == ()
    assert [each.name for each in backups(shelf)] == [all_of_them[number].name for number in (7, 8)]


def test_the_latest_is_never_what_a_restore_replaced(shelf: Path, made: Backup) -> None:
    all_of_them = days(shelf, made, 3)
    made_for(all_of_them[2], "restore")
    assert find(shelf, "latest").name == all_of_them[1].name
    assert find(shelf, all_of_them[2].name).name == all_of_them[2].name
    for each in all_of_them[:2]:
        made_for(each, "restore")
    with pytest.raises(UsageError, match="There is no backup"):
        find(shelf, "latest")


@pytest.mark.promise("E11")
@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (Rule(newest=3), [0, 1, 2]),
        (Rule(newest=100), list(range(60))),
        (Rule(daily=2), [0, 1]),
        # Saturday 21 November: the last of each week is Sunday's
        (Rule(weekly=3), [0, 6, 13]),
        (Rule(monthly=3), [0, 21, 52]),
        (Rule(newest=1, weekly=2, monthly=2), [0, 6, 21]),
    ],
)
def test_a_rule_keeps_what_it_names(shelf: Path, made: Backup, rule: Rule, kept: list[int]) -> None:
    all_of_them = days(shelf, made, 60)
    expected = sorted(all_of_them[-1 - number].name for number in kept)
    rehearsed = prune(shelf, rule, rehearse=True)
    assert len(backups(shelf)) == 60
    done = prune(shelf, rule)
    assert done == rehearsed
    assert sorted(path.name for path in shelf.iterdir()) == expected == sorted(each.name for each in done.kept)


def test_each_database_of_each_server_has_its_own(shelf: Path, made: Backup) -> None:
    for database, server in (("school", "a:5432"), ("school", "b:5432"), ("other", "a:5432")):
        for number in range(3):
            at(shelf, made, NOON - dt.timedelta(days=number), database, server)
    done = prune(shelf, Rule(newest=1))
    assert len(done.kept) == 3
    assert {(each.manifest.database, each.manifest.server) for each in backups(shelf)} == {
        ("school", "a:5432"),
        ("school", "b:5432"),
        ("other", "a:5432"),
    }


def test_what_is_no_backup_stays_and_what_was_cut_off_goes(shelf: Path, made: Backup) -> None:
    days(shelf, made, 2)
    (shelf / "note.txt").write_text("mine")
    (shelf / "damaged").mkdir()
    for name in ("old.partial", "new.partial", "half.deleting"):
        (shelf / name).mkdir()
        (shelf / name / "toc.dat").write_text("x")
    long_ago = (NOON - dt.timedelta(days=30)).timestamp()
    for path in (shelf / "old.partial" / "toc.dat", shelf / "old.partial"):
        os.utime(path, (long_ago, long_ago))
    prune(shelf, Rule(newest=5))
    assert {"note.txt", "damaged", "new.partial"} <= {path.name for path in shelf.iterdir()}
    assert not {"old.partial", "half.deleting"} & {path.name for path in shelf.iterdir()}
    assert len(backups(shelf)) == 2


@pytest.mark.parametrize("rule", [{}, {"newest": -1}, {"newest": 3, "daily": -1}])
def test_a_rule_that_keeps_nothing_is_none(rule: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="no backup at all"):
        Rule(**rule)


def test_a_folder_that_is_not_there(settings: Settings) -> None:
    assert prune(settings.backup_folder, Rule(newest=1)).kept == ()
