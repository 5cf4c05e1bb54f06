"""The project whose models and revisions the engine works on. It is created once and passed down from there."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData

REVISION_FILE = re.compile(r"(?P<time>\d{4}_\d\d_\d\d_\d{4})-(?P<revision>[^_]+)_.*\.py")
"""The name of a revision file: YYYY_MM_DD_HHMM-<revision>_<slug>.py."""


@dataclass(frozen=True)
class Companion:
    """SQL statements that run in the transaction of a released revision, whose own file can no longer change."""

    after_upgrade: tuple[str, ...] = ()
    before_downgrade: tuple[str, ...] = ()
    before_printed_downgrade: tuple[str, ...] = ()
    """Only with `--sql`: statements in place of what the revision would otherwise query from the database."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Characters of the revision's own statements, each with what stands for it where the database's encoding has none.

    Only for characters of messages: in data it would be another value.
    """


@dataclass(frozen=True)
class Project:
    """The models and revisions of one database, and the names of the program and its settings."""

    name: str
    """The name of the program, as in `python -m ourschool`, and of the installed distribution."""
    home: Path
    """The folder that contains alembic.ini."""
    load_metadata: "Callable[[], MetaData]"
    """Imports the models and returns their MetaData.

    Called only where models are compared, because imports take time.
    """
    baseline: str | None = None
    """The revision that `adopt` proves an existing database equal to; None where the project has none."""
    workplace: Path = field(default_factory=Path.cwd)
    """The folder of `.env` and of what commands create: backups, rehearsals, the embedded server."""
    scripts: str = "alembic"
    """The script folder, which contains env.py, relative to `home`."""
    companions: Mapping[str, Companion] = field(default_factory=dict)
    """By revision."""
    guide: str = ""
    """The documentation page that error messages refer to and `check` reads; empty where there is none."""

    @property
    def prefix(self) -> str:
        """Return the prefix of its environment variables: `OURSCHOOL_`."""
        return f"{self.name.upper()}_"

    @property
    def ini(self) -> Path:
        """Return the path of alembic.ini."""
        return self.home / "alembic.ini"

    @property
    def script_folder(self) -> Path:
        """Return the folder of env.py and of the files that are released with the revisions."""
        return self.home / self.scripts

    @property
    def version(self) -> str:
        """Return the version of the distribution; empty where the project is not installed."""
        import importlib.metadata  # noqa: PLC0415  # only the journal and backups need it

        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def at(self, folder: Path) -> "Project":
        """Return the project for commands in `folder`: its `workplace`, and its `home` too where that has a copy.

        A copy is a folder with an alembic.ini whose env.py imports `<name>.project`. The Alembic project of an
        application that merely uses this one is not a copy.
        """
        return replace(self, home=folder if self._copied_to(folder) else self.home, workplace=folder)

    def head(self) -> str | None:
        """Return the revision whose file name sorts last; see `newest_revision`."""
        return newest_revision(self.script_folder / "versions")

    def _copied_to(self, folder: Path) -> bool:
        try:
            text = (folder / self.scripts / "env.py").read_text("utf-8")
        except OSError:
            return False
        return f"{self.name}.project" in text and (folder / "alembic.ini").exists()


def newest_revision(versions: Path) -> str | None:
    """Return the revision whose file name in `versions` sorts last; None where that name does not match REVISION_FILE.

    File names sort in the order of history (env.py warns where they do not), so this is the head. It is found without
    Alembic and without opening a file, because an application calls this each time it starts. Raises OSError where
    there is no such folder.
    """
    return _newest(versions, versions.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _newest(versions: Path, _changed_at: int) -> str | None:
    names = os.listdir(versions)  # noqa: PTH208  # a Path for each of 1,000 files would be slow
    match = REVISION_FILE.fullmatch(max((name for name in names if name.endswith(".py")), default=""))
    return match["revision"] if match else None
