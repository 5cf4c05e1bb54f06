"""Deletes old backups by a rule: keep the newest, and one for each of the last days, weeks and months."""

import datetime as dt
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surefoot.errors import UsageError
from surefoot.operate.backup import store
from surefoot.operate.backup.store import DELETING, Backup
from surefoot.program import program

ABANDONED_AFTER = dt.timedelta(hours=24)
"""A backup that nothing was written to for this long is no longer being made."""


@dataclass(frozen=True)
class Rule:
    """How many backups to keep of each database; one that any part of the rule names is kept. Days are in UTC."""

    newest: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for a rule that keeps nothing."""
        counts = (self.newest, self.daily, self.weekly, self.monthly)
        if min(counts) < 0 or max(counts) == 0:
            raise UsageError(
                "The rule would keep no backup at all.",
                f"Say what to keep: {program()} backup prune --keep 7, or --daily 7 --weekly 5 --monthly 12.",
            )


@dataclass(frozen=True)
class Pruned:
    """The backups that were kept and deleted (or would be); `partial` are the remains of unfinished backups.

    `guarded` are those of the kept ones that the rule does not keep: the last one before an upgrade.
    """

    kept: tuple[Backup, ...]
    deleted: tuple[Backup, ...]
    partial: tuple[Path, ...]
    guarded: tuple[Backup, ...] = ()


def prune(folder: Path, rule: Rule, *, rehearse: bool = False, force: bool = False) -> Pruned:
    """Delete what `rule` does not keep, for each database of each server; `rehearse` only returns what that would be.

    The last backup before an upgrade is the way back from it: it is kept unless `force` is given.
    Folders that cannot be read as a backup are left alone: one may be the only backup. Raises OSError if a folder
    cannot be deleted.
    """
    found = store.listing(folder)
    groups: dict[tuple[str, str], list[Backup]] = defaultdict(list)
    for each in found.backups:
        groups[each.manifest.server, each.manifest.database].append(each)
    by_rule = {each.path for group in groups.values() for each in _kept(group, rule)}
    guarded = [] if force else [last for group in groups.values() for last in _before_upgrade(group)[-1:]]
    kept = by_rule | {each.path for each in guarded}
    deleted = tuple(each for each in found.backups if each.path not in kept)
    partial = tuple(path for path in found.partial if _abandoned(path))
    if not rehearse:
        for backup in deleted:
            # renamed first, in one step: a partly deleted backup must not count
            deleting = backup.path.with_name(backup.name + DELETING)
            backup.path.rename(deleting)
            shutil.rmtree(deleting)
        for path in partial:
            shutil.rmtree(path)
    return Pruned(
        tuple(each for each in found.backups if each.path in kept), deleted, partial,
        tuple(each for each in guarded if each.path not in by_rule),
    )  # fmt: skip


def _before_upgrade(group: Sequence[Backup]) -> list[Backup]:
    return [each for each in group if each.cause == "upgrade"]


def _kept(group: Sequence[Backup], rule: Rule) -> Iterator[Backup]:
    """Return the kept backups of one database, given oldest first; a period is represented by its newest backup."""
    newest_first = group[::-1]
    yield from newest_first[: rule.newest]
    periods: tuple[tuple[int, Callable[[dt.datetime], object]], ...] = (
        (rule.daily, lambda moment: moment.date()),
        (rule.weekly, lambda moment: moment.isocalendar()[:2]),
        (rule.monthly, lambda moment: (moment.year, moment.month)),
    )
    for count, period in periods:
        newest_of_period: dict[object, Backup] = {}
        for each in newest_first:
            newest_of_period.setdefault(period(each.manifest.started_at.astimezone(dt.UTC)), each)
        yield from list(newest_of_period.values())[:count]


def _abandoned(path: Path) -> bool:
    """Return whether nothing was written for a day, or whether it is being deleted already."""
    if path.name.endswith(DELETING):
        return True
    try:
        last = max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:  # it was finished or removed at this moment
        return False
    return time.time() - last > ABANDONED_AFTER.total_seconds()
