"""What `revision`, `merge` and `check` are held to: a fitting id, a telling message, no empty file, no blind spot."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from surefoot.autogenerate import model_differences
from surefoot.autogenerate.directives import Changes
from surefoot.catalogue.differences import Difference
from surefoot.errors import CheckFailed
from surefoot.program import guide
from surefoot.project import newest_revision
from surefoot.runtime import preconditions

log = logging.getLogger("surefoot")

Hook = Callable[[MigrationContext, Any, list[MigrationScript]], None]


def needs_no_database(config: Config) -> bool:
    """Whether the typed command looks at files alone: `merge`, `revision` by itself, `history` without a current."""
    command, chosen = _command(config), config.cmd_opts
    if chosen is not None and command == "history":
        return not chosen.indicate_current and "current" not in (chosen.rev_range or "").split(":")
    return command == "merge" or (command == "revision" and not _autogenerates(config))


def refuse_long_ids(script: ScriptDirectory) -> None:
    """Refuse to print SQL for an id that `alembic_version` cannot hold: psql would find out when it is applied."""
    preconditions.refuse_long_ids(revision.revision for revision in script.walk_revisions())


def warn_of_unordered_names(script: ScriptDirectory) -> None:
    """Warn where the head's file is not the last by name: `ensure_current` takes the last one for the head."""
    heads, last = script.get_heads(), newest_revision(Path(script.versions))
    if last is not None and len(heads) == 1 and heads[0] != last:
        log.warning(
            "The file of %s, the head, has an earlier time in its name than that of %s. Rename it to a later one: "
            "applications that start would take %s for the head.", heads[0], last, last,
        )  # fmt: skip


def check_before_writing(config: Config, script: ScriptDirectory) -> None:
    """Read all revisions and refuse what could not be written: two heads, an id that `alembic_version` cannot hold.

    Alembic would find out after env.py has ended, when nobody can put it in words any more.
    """
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # no "Generating static SQL": none is
    command, chosen = _command(config), config.cmd_opts
    script.get_heads()
    if chosen is None or command not in {"revision", "merge"}:
        return
    preconditions.refuse_long_ids([chosen.rev_id] if chosen.rev_id else [])
    if command == "revision":
        script.get_revisions(chosen.head or "head")
    else:
        script.get_revisions(chosen.revisions)
        _question(chosen.message)


def directives_hook(config: Config) -> Hook:
    """Alembic's `process_revision_directives`: look at what is about to be written."""

    def look(context: MigrationContext, _: Any, directives: list[MigrationScript]) -> None:
        script = directives[0]
        preconditions.refuse_long_ids([script.rev_id] if script.rev_id else [])
        command = _command(config)
        if command != "check":
            _question(script.message)
        if context.as_sql or not config.attributes.get("autogenerate", _autogenerates(config)):
            return
        if command == "check":
            _report(model_differences.of(context).difference)
        elif script.upgrade_ops is not None and script.upgrade_ops.is_empty():
            directives.clear()
            log.info("Models and database agree: no file was written.")
        else:
            _tell(model_differences.of(context).difference)
            config.attributes["docstring"] = _docstring(script)

    return look


def _question(message: str | None) -> None:
    if len((message or "").split()) < 2:
        log.warning(
            "Is %r enough? The message names the file and is all that history shows in a year: "
            "say what changes and where, as in 'add avatar_url to users'.", message or "",
        )  # fmt: skip


def _report(difference: Difference) -> None:
    if difference:
        raise CheckFailed(
            _listed("The database is not what the models say", difference.deviations),
            'python -m alembic revision --autogenerate -m "..." writes what makes up for it; '
            f"what it cannot write it marks.{guide('No changes detected', ', has the causes')}",
        )


def _tell(difference: Difference) -> None:
    """What the revision is about; what it takes away above all: nobody should find an index gone months later."""
    for deviation in difference.lacking:
        log.info("Written: %s", deviation)
    for deviation in difference.beyond:
        log.warning("Not in the models, so upgrade() takes it away: %s", deviation)


def _docstring(script: MigrationScript) -> dict[str, str] | None:
    """What script.py.mako fills in of Locks, Data and Way back."""
    found = script.upgrade_ops.ops if script.upgrade_ops is not None else []
    return next((each.docstring for each in found if isinstance(each, Changes)), None)


def _listed(headline: str, things: Iterable[object]) -> str:
    lines = [str(thing) for thing in things]
    return f"{headline} ({len(lines)}):" + "".join(f"\n  {line}" for line in lines)


def _autogenerates(config: Config) -> bool:
    return _command(config) == "check" or bool(getattr(config.cmd_opts, "autogenerate", False))


def _command(config: Config) -> str | None:
    """The typed command; where a program called Alembic's functions, what it says of itself, or None."""
    chosen = getattr(config.cmd_opts, "cmd", None)
    said: str | None = config.attributes.get("command")
    return chosen[0].__name__ if chosen else said
