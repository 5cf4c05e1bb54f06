"""The settings of a command, read once from the process environment and `.env` into a frozen dataclass."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surefoot import budgets
from surefoot.budgets import Budget
from surefoot.errors import UsageError
from surefoot.program import set_debug, set_project, variable
from surefoot.project import Project

URL_SCHEME = re.compile(r"postgres(ql)?(\+psycopg(_async)?)?://")
"""How a database URL begins, in any of its spellings; libpq knows it without the driver."""
PRIVILEGES = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain"})
"""The privileges on tables that GRANT knows."""


@dataclass(frozen=True)
class ApplicationRole:
    """The role that the application connects as, and the privileges it gets on tables that an upgrade creates."""

    name: str
    privileges: tuple[str, ...] = ("select", "insert", "update", "delete")


@dataclass(frozen=True)
class Settings:
    """The settings of a command. Every field except `project` has an environment variable of its name.

    The variable begins with the project's prefix: `lock_timeout` is `OURSCHOOL_LOCK_TIMEOUT` for a project `ourschool`.
    `DATABASE_URL` has no prefix. Timeouts of the server are in milliseconds, deadlines of a command in seconds.
    """

    project: Project
    database_url: str | None = field(default=None, repr=False)
    """`DATABASE_URL`: a PostgreSQL URL, `embedded` or `embedded:/path`; None where it is not set."""
    url_source: str = ""
    """Where `database_url` comes from, in words: `.env`, the environment or the option."""
    lock_timeout: int = 200
    """`LOCK_TIMEOUT`, ms: how long a statement of a revision may wait for a lock before it is cancelled and retried."""
    lock_deadline: float = 600
    """`LOCK_DEADLINE`, s: how long a revision retries while other sessions hold the lock."""
    migrator_deadline: float = 600
    """`MIGRATOR_DEADLINE`, s: how long to wait while another process migrates this database."""
    statement_timeout: int = 0
    """`STATEMENT_TIMEOUT`, ms; 0 is no timeout, because a revision may rightly take long."""
    idle_timeout: int = 600_000
    """`IDLE_TIMEOUT`, ms: how long a session that migrates may say nothing before the server ends it; 0 is for ever."""
    answer_timeout: float = 60
    """`ANSWER_TIMEOUT`, s: how long nothing may come back over a connection before it is given up."""
    backups: Path = Path("backups")
    """`BACKUPS`: the folder of the backups; a relative path starts at the project's `workplace`."""
    application_role: ApplicationRole | None = None
    """`APPLICATION_ROLE`, `name` or `name:select,insert`: the role that gets privileges on what an upgrade creates."""
    subscribers_changed: bool = False
    """`SUBSCRIBERS_CHANGED=yes`: subscribers have what the revisions change, or take it by themselves."""
    budget: Budget = field(default_factory=Budget)
    """`BUDGET`, `readers=1 writers=5`: what a rehearsal lets an upgrade cost; see `surefoot.budgets`."""
    debug: bool = False
    """`DEBUG=yes`: an error shows the statement that failed and all that the server said of it."""
    development: bool = False
    """`DEVELOPMENT=yes`: a command of the project may empty this database."""

    def __post_init__(self) -> None:
        """Use the names of the project in messages from now on."""
        set_project(self.project)
        set_debug(debug=self.debug)

    @property
    def backup_folder(self) -> Path:
        """Return the absolute path of the folder of the backups."""
        return (self.project.workplace / self.backups.expanduser()).absolute()


def load(project: Project, *, database_url: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of `project` from the environment and from the `.env` in its workplace.

    `database_url`, an option of the command line, takes precedence over the environment, and that over `.env`.
    `environ` replaces os.environ. Values in `.env` are literal: `$` and `%` in a password are not expanded. Raises
    UsageError for a value that is not a number in range, and for an unknown privilege.
    """
    process = os.environ if environ is None else environ
    set_project(project)
    known = _variables_of_file(project.workplace / ".env") | dict(process)
    return Settings(
        project=project,
        database_url=(database_url or known.get("DATABASE_URL", "")).strip() or None,
        url_source=_url_source(project, database_url, process),
        # at least 1, because 0 means no timeout to PostgreSQL: everybody would queue behind a waiting statement
        lock_timeout=int(_number(known, variable("LOCK_TIMEOUT"), Settings.lock_timeout, least=1)),
        lock_deadline=_number(known, variable("LOCK_DEADLINE"), Settings.lock_deadline),
        migrator_deadline=_number(known, variable("MIGRATOR_DEADLINE"), Settings.migrator_deadline),
        statement_timeout=int(_number(known, variable("STATEMENT_TIMEOUT"), Settings.statement_timeout)),
        idle_timeout=int(_number(known, variable("IDLE_TIMEOUT"), Settings.idle_timeout)),
        answer_timeout=_number(known, variable("ANSWER_TIMEOUT"), Settings.answer_timeout, least=1),
        application_role=_role(known.get(variable("APPLICATION_ROLE"), "").strip()),
        budget=budgets.read(known.get(variable("BUDGET"), ""), variable("BUDGET")),
        subscribers_changed=_yes(known, variable("SUBSCRIBERS_CHANGED")),
        debug=_yes(known, variable("DEBUG")),
        development=_yes(known, variable("DEVELOPMENT")),
        backups=Path(known.get(variable("BACKUPS"), "").strip() or Settings.backups),
    )


def _url_source(project: Project, option: str | None, process: Mapping[str, str]) -> str:
    if option:
        return "--database-url"
    if "DATABASE_URL" in process:
        return "the environment"
    return ".env" if project.workplace == Path.cwd() else str(project.workplace / ".env")


def _variables_of_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415  # a server has its variables from elsewhere, and waits for `ensure`

    read = dotenv_values(path, interpolate=False, encoding="utf-8")
    return {name: value for name, value in read.items() if value is not None}


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


def _yes(known: Mapping[str, str], name: str) -> bool:
    return known.get(name, "").strip().lower() in {"yes", "true", "1"}


def _role(text: str) -> ApplicationRole | None:
    """Parse `name` or `name:select,insert`. A name that contains a colon has to be followed by its privileges."""
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
