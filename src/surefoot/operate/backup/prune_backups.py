"""Old backups are taken away by rule: so many of the newest, and one for each of so many days, weeks and months."""

import datetime as dt
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surefoot.errors import UsageError
from surefoot.operate.backup import store
from surefoot.operate.backup.store import DOOMED, Backup
from surefoot.program import program

CUT_OFF = dt.timedelta(hours=24)
"""A backup that has not been written to for so long is not being made any more."""


@dataclass(frozen=True)
class Rule:
    """What to keep of each database; a backup that any part of the rule names is kept. Days are those of UTC."""

    newest: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for a rule that keeps nothing."""
        wanted = (self.newest, self.daily, self.weekly, self.monthly)
        if min(wanted) < 0 or max(wanted) == 0:
            raise UsageError(
                "The rule would keep no backup at all.",
                f"Say what to keep: {program()} backup prune --keep 7, or --daily 7 --weekly 5 --monthly 12.",
            )


@dataclass(frozen=True)
class Pruned:
    """What was kept and what was deleted (or would be); `partial` are the remains of backups that were cut off."""

    kept: tuple[Backup, ...]
    deleted: tuple[Backup, ...]
    partial: tuple[Path, ...]


def prune(folder: Path, rule: Rule, *, rehearse: bool = False) -> Pruned:
    """Delete what `rule` does not keep, of each database of each server; with `rehearse` only say what that is.

    What cannot be read as a backup is left alone: it may be the only one. Raises OSError where a folder cannot go.
    """
    found = store.listing(folder)
    groups: dict[tuple[str, str], list[Backup]] = defaultdict(list)
    for each in found.backups:
        groups[each.manifest.server, each.manifest.database].append(each)
    kept = {each.path for group in groups.values() for each in _kept(group, rule)}
    deleted = tuple(each for each in found.backups if each.path not in kept)
    partial = tuple(path for path in found.partial if _untouched(path))
    if not rehearse:
        for backup in deleted:
            # away in one step: a backup that is half deleted must not count
            doomed = backup.path.with_name(backup.name + DOOMED)
            backup.path.rename(doomed)
            shutil.rmtree(doomed)
        for path in partial:
            shutil.rmtree(path)
    return Pruned(tuple(each for each in found.backups if each.path in kept), deleted, partial)


def _kept(group: Sequence[Backup], rule: Rule) -> Iterator[Backup]:
    """Of one database, oldest first; for each period the newest backup of it stands."""
    newest_first = group[::-1]
    yield from newest_first[: rule.newest]
    periods: tuple[tuple[int, Callable[[dt.datetime], object]], ...] = (
        (rule.daily, lambda moment: moment.date()),
        (rule.weekly, lambda moment: moment.isocalendar()[:2]),
        (rule.monthly, lambda moment: (moment.year, moment.month)),
    )
    for count, period in periods:
        seen: dict[object, Backup] = {}
        for each in newest_first:
            seen.setdefault(period(each.manifest.started_at.astimezone(dt.UTC)), each)
        yield from list(seen.values())[:count]


def _untouched(path: Path) -> bool:
    """Whether nothing in it was written for a day; what is being deleted already always is."""
    if path.name.endswith(DOOMED):
        return True
    try:
        last = max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:  # it was finished or removed at this moment
        return False
    return time.time() - last > CUT_OFF.total_seconds()
