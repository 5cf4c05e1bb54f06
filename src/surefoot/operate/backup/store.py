"""The folder of backups: one folder for each, named <database>-<UTC time>, that counts once it has its final name."""

import datetime as dt
import os
import re
from dataclasses import dataclass
from pathlib import Path

from surefoot.errors import SurefootError, UsageError
from surefoot.operate.backup import manifest
from surefoot.operate.backup.manifest import Manifest
from surefoot.program import guide, program

PARTIAL = ".partial"
"""The suffix of a backup that is being made, or was interrupted."""
DELETING = ".deleting"
"""The suffix of a backup that is being deleted."""
DUMP = "dump"
"""The dump inside the folder of a backup, in pg_dump's directory format."""
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Backup:
    """A finished backup."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return self.path.name

    @property
    def dump(self) -> Path:
        """Return the folder that pg_restore reads."""
        return self.path / DUMP

    @property
    def cause(self) -> str:
        """Return what it was made for, as `manifest.Reason` names it; empty where it does not say."""
        return self.manifest.reason.cause if self.manifest.reason else ""

    @property
    def age(self) -> dt.timedelta:
        """Return how long ago its snapshot was taken; later changes are not in it."""
        return dt.datetime.now(dt.UTC) - self.manifest.started_at


@dataclass(frozen=True)
class Listing:
    """The contents of a backup folder: backups, oldest first, and folders that cannot be read, each with the reason."""

    backups: tuple[Backup, ...]
    damaged: tuple[tuple[Path, SurefootError], ...]
    partial: tuple[Path, ...]


def listing(folder: Path) -> Listing:
    """Return everything in `folder`; nothing if it does not exist."""
    finished: list[Backup] = []
    damaged: list[tuple[Path, SurefootError]] = []
    partial: list[Path] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        if path.name.endswith((PARTIAL, DELETING)):
            partial.append(path)
            continue
        try:
            finished.append(Backup(path, manifest.read(path)))
        except SurefootError as fault:
            damaged.append((path, fault))
    finished.sort(key=lambda each: (each.manifest.started_at, each.name))
    return Listing(tuple(finished), tuple(damaged), tuple(partial))


def backups(folder: Path, database: str | None = None) -> list[Backup]:
    """Return the backups in `folder`, oldest first, of one database or of all. Only manifests are read."""
    return [each for each in listing(folder).backups if database in {None, each.manifest.database}]


def latest(folder: Path, database: str | None = None) -> Backup | None:
    """Return the newest backup; None if there is none.

    What a restore has replaced is not meant: somebody wanted to leave that state. It is found by its name.
    """
    finished = [each for each in backups(folder, database) if each.cause != "restore"]
    return finished[-1] if finished else None


def find(folder: Path, name: str, database: str | None = None) -> Backup:
    """Return the backup that an operator means: a name in `folder`, a path, or `latest` (of `database`).

    Raises UsageError if there is none, RefusedError if its manifest is missing or was changed.
    """
    if name == "latest":
        newest = latest(folder, database)
        if newest is None:
            raise UsageError(
                f"There is no backup{f' of {database}' if database else ''} in {folder}.",
                f"Make one with {program()} backup, or name the folder of one.",
            )
        return newest
    path = Path(name).expanduser()
    candidates = [folder / name, path] if path.name == name else [path]
    chosen = next((each.absolute() for each in candidates if each.is_dir()), None)
    if chosen is None:
        where = "is a file, and a backup is a folder" if path.is_file() else f"is neither in {folder} nor a folder"
        raise UsageError(
            f"{name} {where}.",
            f"{program()} backup list shows what there is. A dump that pg_dump made by itself is restored by psql or "
            f"pg_restore.{guide('Plain pg_dump')}",
        )
    if chosen.name == DUMP and (chosen.parent / manifest.NAME).exists():
        chosen = chosen.parent
    return Backup(chosen, manifest.read(chosen))


def prepare(folder: Path) -> None:
    """Create the backup folder, readable for its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def begin(folder: Path, database: str, now: dt.datetime) -> Path:
    """Create a folder with a name that does not count yet; two of the same second get different names."""
    prepare(folder)
    base = f"{file_name(database)}-{now.strftime(TIME)}"
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        try:
            if not (folder / name).exists():
                path = folder / (name + PARTIAL)
                path.mkdir(mode=0o700)
                return path
        except FileExistsError:
            pass
        number += 1


def file_name(database: str) -> str:
    """Return the name of the database as it begins the name of a file or folder."""
    return re.sub(r"[^\w.-]", "_", database).lstrip(".") or "_"


def finish(partial: Path) -> Path:
    """Give the folder its final name; the rename is on disk when this returns."""
    for folder in (partial / DUMP, partial):
        _sync(folder)
    final = partial.with_name(partial.name.removesuffix(PARTIAL))
    partial.rename(final)
    _sync(final.parent)
    return final


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
