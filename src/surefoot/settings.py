"""Settings from the process environment and `.env`, read once into a frozen dataclass."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from surefoot.errors import UsageError
from surefoot.program import set_project, variable
from surefoot.project import Project

PRIVILEGES = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain"})
"""What a role may be given on a table."""


@dataclass(frozen=True)
class ApplicationRole:
    """The role that the application connects as, and what it gets on the tables that an upgrade makes."""

    name: str
    privileges: tuple[str, ...] = ("select", "insert", "update", "delete")


@dataclass(frozen=True)
class Settings:
    """What a run may be told from outside; every field but `project` has a variable of its name.

    The variable begins with the project's prefix: `lock_timeout` is `OURSCHOOL_LOCK_TIMEOUT` for a project `ourschool`.

    Times are in milliseconds for what PostgreSQL waits, in seconds for what we wait.
    """

    project: Project
    database_url: str | None = field(default=None, repr=False)
    """`DATABASE_URL`: a PostgreSQL URL, `embedded` or `embedded:/path`; None where nobody said."""
    lock_timeout: int = 200
    """`LOCK_TIMEOUT`, ms: how long a statement of a revision may queue for a table before it gives way."""
    lock_deadline: float = 600
    """`LOCK_DEADLINE`, s: how long a revision tries again for a table that others hold."""
    migrator_deadline: float = 600
    """`MIGRATOR_DEADLINE`, s: how long to wait while somebody else migrates this database."""
    statement_timeout: int = 0
    """`STATEMENT_TIMEOUT`, ms; 0 is none: a long revision is not a fault."""
    idle_timeout: int = 600_000
    """`IDLE_TIMEOUT`, ms: a migrator that went silent inside a transaction is ended by the server."""
    backups: Path = Path("backups")
    """`BACKUPS`: the folder that backups are kept in; a relative one is taken from `folder`."""
    application_role: ApplicationRole | None = None
    """`APPLICATION_ROLE`, `name` or `name:select,insert`: who gets rights on what an upgrade makes."""
    development: bool = False
    """`DEVELOPMENT=yes`: this database may be emptied."""

    def __post_init__(self) -> None:
        """Whoever has settings works for their project, and speaks of it by its name."""
        set_project(self.project)

    @property
    def backup_folder(self) -> Path:
        """The folder of the backups, absolute."""
        return (self.project.workplace / self.backups.expanduser()).absolute()


def load(project: Project, *, database_url: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of `project`: the environment, and the `.env` of its workplace.

    `database_url` (an option of the command line) wins over the environment, the environment over `.env`.
    A `.env` is taken as written: `$` and `%` in a password stand for themselves.
    Raises UsageError for a number that is none, and for privileges that there are not.
    """
    process = os.environ if environ is None else environ
    set_project(project)
    file = dotenv_values(project.workplace / ".env", interpolate=False, encoding="utf-8")
    known = {name: value for name, value in file.items() if value is not None} | dict(process)
    return Settings(
        project=project,
        database_url=(database_url or known.get("DATABASE_URL", "")).strip() or None,
        # 0 would be "for ever" to PostgreSQL: the one value that stalls everybody
        lock_timeout=int(_number(known, variable("LOCK_TIMEOUT"), Settings.lock_timeout, least=1)),
        lock_deadline=_number(known, variable("LOCK_DEADLINE"), Settings.lock_deadline),
        migrator_deadline=_number(known, variable("MIGRATOR_DEADLINE"), Settings.migrator_deadline),
        statement_timeout=int(_number(known, variable("STATEMENT_TIMEOUT"), Settings.statement_timeout)),
        idle_timeout=int(_number(known, variable("IDLE_TIMEOUT"), Settings.idle_timeout)),
        application_role=_role(known.get(variable("APPLICATION_ROLE"), "").strip()),
        development=known.get(variable("DEVELOPMENT"), "").strip().lower() in {"yes", "true", "1"},
        backups=Path(known.get(variable("BACKUPS"), "").strip() or Settings.backups),
    )


def _number(known: Mapping[str, str], name: str, default: float, *, least: int = 0) -> float:
    text = known.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not least <= number < 2**31:
        raise UsageError(
            f"{name} is {text!r}, which is not a number from {least} up.", f"Set {name} to a number, or unset it."
        )
    return number


def _role(text: str) -> ApplicationRole | None:
    """`name`, or `name:select,insert`; a name with a colon in it needs its privileges behind the last one."""
    name, colon, listed = text.rpartition(":")
    if not colon:
        return ApplicationRole(text) if text else None
    privileges = tuple(each.strip().lower() for each in listed.split(","))
    if not name.strip() or not PRIVILEGES.issuperset(privileges):
        raise UsageError(
            f"{variable('APPLICATION_ROLE')} is {text!r}, which is not a role and privileges on tables.",
            "Write the role alone, or with what it may do: app:select,insert,update,delete.",
        )
    return ApplicationRole(name.strip(), privileges)
