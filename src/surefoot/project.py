"""A project: whose models and revisions the engine works on. It is made once, and handed down from there."""

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
"""A revision's file: YYYY_MM_DD_HHMM-<revision>_<slug>.py."""


@dataclass(frozen=True)
class Companion:
    """SQL that runs beside a released revision, in its transaction, because its file can no longer change."""

    after_upgrade: tuple[str, ...] = ()
    before_downgrade: tuple[str, ...] = ()
    before_printed_downgrade: tuple[str, ...] = ()
    """Only where SQL is printed: what the revision itself would ask the database."""


@dataclass(frozen=True)
class Project:
    """One database's models and revisions, and what people type to reach them."""

    name: str
    """The program, as in `python -m ourschool`, and the distribution whose version the journal keeps."""
    home: Path
    """The folder of alembic.ini."""
    load_metadata: "Callable[[], MetaData]"
    """Imports the models: called only where models are compared, so that a start does not wait for them."""
    baseline: str | None = None
    """The revision that an existing database is proven equal to and stamped with; None where there is none."""
    workplace: Path = field(default_factory=Path.cwd)
    """Where `.env` is, and what is made: backups, rehearsals, the embedded server."""
    scripts: str = "alembic"
    """The folder of env.py, below `home`."""
    companions: Mapping[str, Companion] = field(default_factory=dict)
    guide: str = ""
    """The page for who migrates, which errors name and `check` looks into; empty where there is none."""

    @property
    def prefix(self) -> str:
        """What its environment variables begin with: `OURSCHOOL_`."""
        return f"{self.name.upper()}_"

    @property
    def ini(self) -> Path:
        """Its alembic.ini."""
        return self.home / "alembic.ini"

    @property
    def script_folder(self) -> Path:
        """The folder of env.py, and of what is kept beside the revisions."""
        return self.home / self.scripts

    @property
    def version(self) -> str:
        """The version of the distribution; empty where the project was not installed as one."""
        import importlib.metadata  # noqa: PLC0415  # only the journal and a backup ask

        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def at(self, folder: Path) -> "Project":
        """The same project as it is typed in `folder`: its own copy there, if one is, and everything that it makes.

        A copy is an alembic.ini whose env.py takes this project from `<name>.project`; an application's own Alembic
        project is none.
        """
        return replace(self, home=folder if self._copied_to(folder) else self.home, workplace=folder)

    def head(self) -> str | None:
        """The revision whose file has the latest name, as `newest` finds it."""
        return newest_revision(self.script_folder / "versions")

    def _copied_to(self, folder: Path) -> bool:
        try:
            text = (folder / self.scripts / "env.py").read_text("utf-8")
        except OSError:
            return False
        return f"{self.name}.project" in text and (folder / "alembic.ini").exists()


def newest_revision(versions: Path) -> str | None:
    """The revision whose file has the latest name; None where that file is not named by our pattern.

    Names sort in the order of history (env.py warns where they do not), so this is the head, had without Alembic and
    without opening a file: an application that starts asks for it each time.
    """
    return _newest(versions, versions.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _newest(versions: Path, _changed_at: int) -> str | None:
    names = os.listdir(versions)  # noqa: PTH208  # a Path for each of 1,000 would take longer than the question
    match = REVISION_FILE.fullmatch(max((name for name in names if name.endswith(".py")), default=""))
    return match["revision"] if match else None
