"""The folder of backups: one folder each, named <database>-<UTC time>, that counts once it has its final name."""

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
"""How the name of a backup ends that is being made, or was cut off."""
DOOMED = ".deleting"
"""How the name of a backup ends that is being deleted."""
DUMP = "dump"
"""The dump inside a backup's folder, in pg_dump's directory format."""
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Backup:
    """One backup that was finished."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def dump(self) -> Path:
        """What pg_restore reads."""
        return self.path / DUMP

    @property
    def age(self) -> dt.timedelta:
        """How long ago its snapshot was taken: what was written since is not in it."""
        return dt.datetime.now(dt.UTC) - self.manifest.started_at


@dataclass(frozen=True)
class Listing:
    """What a folder of backups holds: oldest first, and what cannot be read as a backup, with the reason."""

    backups: tuple[Backup, ...]
    damaged: tuple[tuple[Path, SurefootError], ...]
    partial: tuple[Path, ...]


def listing(folder: Path) -> Listing:
    """Everything in `folder`; nothing where it does not exist."""
    found: list[Backup] = []
    damaged: list[tuple[Path, SurefootError]] = []
    partial: list[Path] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        if path.name.endswith((PARTIAL, DOOMED)):
            partial.append(path)
            continue
        try:
            found.append(Backup(path, manifest.read(path)))
        except SurefootError as fault:
            damaged.append((path, fault))
    found.sort(key=lambda each: (each.manifest.started_at, each.name))
    return Listing(tuple(found), tuple(damaged), tuple(partial))


def backups(folder: Path, database: str | None = None) -> list[Backup]:
    """The backups in `folder`, oldest first, of one database or of all. Only their manifests are read."""
    return [each for each in listing(folder).backups if database in {None, each.manifest.database}]


def latest(folder: Path, database: str | None = None) -> Backup | None:
    """The newest of them; None where there is none."""
    found = backups(folder, database)
    return found[-1] if found else None


def find(folder: Path, wanted: str, database: str | None = None) -> Backup:
    """The backup that a person means: a name in `folder`, a path, or `latest` (of `database`).

    Raises UsageError where there is none, RefusedError where its manifest is missing or changed.
    """
    if wanted == "latest":
        newest = latest(folder, database)
        if newest is None:
            raise UsageError(
                f"There is no backup{f' of {database}' if database else ''} in {folder}.",
                f"Make one with {program()} backup, or name the folder of one.",
            )
        return newest
    path = Path(wanted).expanduser()
    candidates = [folder / wanted, path] if path.name == wanted else [path]
    chosen = next((each.absolute() for each in candidates if each.is_dir()), None)
    if chosen is None:
        where = "is a file, and a backup is a folder" if path.is_file() else f"is neither in {folder} nor a folder"
        raise UsageError(
            f"{wanted} {where}.",
            f"{program()} backup list shows what there is. A dump that pg_dump made by itself is restored by psql or "
            f"pg_restore.{guide('Backup and restore')}",
        )
    if chosen.name == DUMP and (chosen.parent / manifest.NAME).exists():
        chosen = chosen.parent
    return Backup(chosen, manifest.read(chosen))


def prepare(folder: Path) -> None:
    """Make the folder of backups, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def begin(folder: Path, database: str, now: dt.datetime) -> Path:
    """A new folder under a name that does not count yet; two in one second get two names."""
    prepare(folder)
    plain = re.sub(r"[^\w.-]", "_", database).lstrip(".") or "_"
    base = f"{plain}-{now.strftime(TIME)}"
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


def finish(partial: Path) -> Path:
    """Give the folder its final name, which is on the disk when this returns."""
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
