"""The project whose models and revisions the engine works on. It is created once and passed down from there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.revision_heads import Head, heads_of

if TYPE_CHECKING:
    from sqlalchemy import MetaData

WORKED_IN = (".env", ".postgres", "backups", "rehearsals")
"""What a folder has in which commands were run."""


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
    user_folder: Path | None = None
    """For an installed package: the workplace of whoever stands in a folder where nothing of it is; see `at`."""
    scripts: str = "alembic"
    """The script folder, which contains env.py, relative to `home`."""
    naming_convention: Mapping[str, str] | None = None
    """That of the MetaData, for revisions, so that they need not import the models; None where it has to be asked."""
    load_companions: Callable[[], Mapping[str, Companion]] = dict
    """Imports the companions of released revisions, by revision. Called only where revisions run."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Revisions of another project that adopted databases come from, and what each is, to name it in messages."""
    guide: Mapping[str, str] = field(default_factory=dict)
    """The documentation page of each chapter that messages of the engine refer to; none is named without one."""
    revisions_page: str = ""
    """The documentation page with a table of all revisions, which `check` reads; empty where there is none."""

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

        Of an installed package `folder` is the workplace where it has something of it, WORKED_IN, and `user_folder` is
        it from everywhere else: backups do not lie about wherever somebody stood. A copy is a folder with an
        alembic.ini whose env.py imports `<name>.project`. The Alembic project of an application that merely uses this
        one is not a copy.
        """
        if self._copied_to(folder):
            return replace(self, home=folder, workplace=folder, user_folder=None)
        return replace(self, workplace=self.workplace_in(folder))

    def workplace_in(self, folder: Path) -> Path:
        """Return the workplace of commands in `folder`, which has no copy of the project."""
        worked_in = self.user_folder is None or any((folder / name).exists() for name in WORKED_IN)
        return folder if worked_in or self.user_folder is None else self.user_folder

    def head(self) -> str | None:
        """Return the one head of the revisions' files; None where there are several, or only Alembic can tell.

        Raises OSError where the project has no folder of revisions.
        """
        found = self.single_head()
        return found.revision if found is not None else None

    def single_head(self) -> Head | None:
        """Return the same, with whether it merges others. Raises the same."""
        heads = heads_of(self.script_folder / "versions", self.name)
        return heads[0] if heads is not None and len(heads) == 1 else None

    def _copied_to(self, folder: Path) -> bool:
        try:
            text = (folder / self.scripts / "env.py").read_text("utf-8")
        except OSError:
            return False
        return f"{self.name}.project" in text and (folder / "alembic.ini").exists()
