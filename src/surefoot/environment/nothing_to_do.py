"""Answers `alembic upgrade head` and `alembic current` of a database that is at head, with one query.

It is asked before anything is imported for the command. It says what the command would have said, or nothing at all:
whatever is not plain, down to a connection that goes through a pooler, is left to the command itself.
"""

import logging
from pathlib import Path
from types import ModuleType

from alembic.config import Config

from surefoot import settings
from surefoot.errors import SurefootError
from surefoot.project import Project
from surefoot.runtime import head_check
from surefoot.wording import announcement

log = logging.getLogger("surefoot")
alembic_log = logging.getLogger("alembic.runtime.migration")


def answered(project: Project, alembic: ModuleType) -> bool:
    """Answer the command that loaded env.py, if the database is at head; return whether it was answered.

    `alembic` is `alembic.context`, not configured.
    """
    if not (_is_plain(alembic.config) and _has_usual_folder(project, alembic)):
        return False
    try:
        head = project.single_head()
        chosen = settings.load(project)
        where = list[str]()
        if head is None or not head_check.is_at_head(
            chosen, head.revision, command="migrate", directly=True, announce=where.append
        ):
            return False
    except (SurefootError, OSError):
        return False
    log.info("%s", announcement(where[0], chosen.url_source))
    alembic_log.info("Context impl %s.", "PostgresqlImpl")
    alembic_log.info("Will assume %s DDL.", "transactional")
    if _command(alembic.config) == "upgrade":
        log.info("Nothing to do: the database is at %s.", head.revision)
    else:
        alembic.config.print_stdout(f"{head.revision} (head){' (mergepoint)' if head.merges else ''}")
    return True


def _is_plain(config: Config) -> bool:
    """Return whether the command is one of the two, typed without anything that changes what it works on or says."""
    command, chosen = _command(config), config.cmd_opts
    if chosen is None or command not in {"upgrade", "current"}:
        return False
    if config.attributes or chosen.x or chosen.name != "alembic":
        return False
    if command == "current":
        return not chosen.verbose
    return chosen.revision in {"head", "heads"} and not chosen.sql and not chosen.tag


def _has_usual_folder(project: Project, alembic: ModuleType) -> bool:
    """Return whether Alembic takes its revisions from the files of the project's own folder, and from nowhere else."""
    script = alembic.script
    elsewhere = script.version_locations or script.sourceless or script.recursive_version_locations
    return not elsewhere and Path(script.dir).resolve() == project.script_folder.resolve()


def _command(config: Config) -> str | None:
    chosen = getattr(config.cmd_opts, "cmd", None)
    return chosen[0].__name__ if chosen else None
