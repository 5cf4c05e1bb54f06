"""Checks of the commands `revision`, `merge` and `check`: the id, the message, and differences from the models."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from surefoot.autogenerate import model_differences
from surefoot.autogenerate.directives import Changes
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.narrowing import narrowings
from surefoot.environment import head_line, revision_form  # noqa: F401  # register the hooks that alembic.ini names
from surefoot.errors import CheckFailed
from surefoot.program import alembic_command, guide
from surefoot.runtime import preconditions

log = logging.getLogger("surefoot")

Hook = Callable[[MigrationContext, Any, list[MigrationScript]], None]


def needs_no_database(config: Config) -> bool:
    """Return whether the command needs files alone: `merge`, `revision` without `--autogenerate`, most of `history`."""
    command, chosen = _command(config), config.cmd_opts
    if chosen is not None and command == "history":
        return not chosen.indicate_current and "current" not in (chosen.rev_range or "").split(":")
    return command == "merge" or (command == "revision" and not _autogenerates(config))


def refuse_long_ids(script: ScriptDirectory) -> None:
    """Refuse to print SQL for a revision id that alembic_version cannot hold: psql would fail half-way."""
    preconditions.refuse_long_ids(revision.revision for revision in script.walk_revisions())


def check_before_writing(config: Config, script: ScriptDirectory) -> None:
    """Load all revisions and refuse what cannot be written: a second head, an id that alembic_version cannot hold.

    Alembic would only find out after env.py has ended, when the error can no longer be translated.
    """
    # Alembic would log "Generating static SQL", which is not true
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
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
    """Return Alembic's `process_revision_directives`, which inspects what is about to be written.

    For `check` it raises CheckFailed where the database differs from the models. A revision without changes is not
    written.
    """

    def inspect(context: MigrationContext, _: Any, directives: list[MigrationScript]) -> None:
        script = directives[0]
        preconditions.refuse_long_ids([script.rev_id] if script.rev_id else [])
        command = _command(config) or _called(context)
        if command != "check":
            _question(script.message)
        arguments = getattr(context.opts.get("revision_context"), "command_args", {})
        if context.as_sql or not arguments.get("autogenerate"):
            return
        compared = model_differences.compared(context)
        if command == "check":
            _refuse_differences(compared.difference)
            return
        for name in compared.old_names:
            log.info("Alive: %s. In a revision of its own %s ends it, and %s is the downgrade of that.", name, name.end,
                     name.resume)  # fmt: skip
        if script.upgrade_ops is not None and script.upgrade_ops.is_empty():
            directives.clear()
            log.info("Models and database agree: no file was written.")
        else:
            _log_changes(compared.difference)
            config.attributes["docstring"] = _docstring(script)
            # the models grant nothing to anybody
            config.attributes["expand_only"] = not narrowings(replace(compared.database, grants=()), compared.expected)

    return inspect


def _question(message: str | None) -> None:
    if len((message or "").split()) < 2:
        log.warning(
            "Is %r enough? The message names the file and is all that history shows in a year: "
            "say what changes and where, as in 'add avatar_url to users'.", message or "",
        )  # fmt: skip


def _refuse_differences(difference: Difference) -> None:
    if difference:
        raise CheckFailed(
            _listed("The database is not what the models say", difference.deviations),
            f'{alembic_command()} revision --autogenerate -m "..." writes what makes up for it; '
            f"what it cannot write it marks.{guide('No changes detected', ', has the causes')}",
        )


def _log_changes(difference: Difference) -> None:
    """Log what the revision changes, and warn of what it drops, so that nobody misses an index months later."""
    for deviation in difference.lacking:
        log.info("Written: %s", deviation)
    for deviation in difference.beyond:
        log.warning("Not in the models, so upgrade() takes it away: %s", deviation)


def _docstring(script: MigrationScript) -> dict[str, str] | None:
    """Return what script.py.mako writes for Locks, Data and Way back."""
    operations = script.upgrade_ops.ops if script.upgrade_ops is not None else []
    return next((each.docstring for each in operations if isinstance(each, Changes)), None)


def _listed(headline: str, items: Iterable[object]) -> str:
    lines = [str(item) for item in items]
    return f"{headline} ({len(lines)}):" + "".join(f"\n  {line}" for line in lines)


def _autogenerates(config: Config) -> bool:
    return _command(config) == "check" or bool(getattr(config.cmd_opts, "autogenerate", False))


def _called(context: MigrationContext) -> str:
    """Return the name of Alembic's function that runs, where a program called it: its steps are a function inside."""
    return str(getattr(context.opts.get("fn"), "__qualname__", "")).partition(".")[0]


def _command(config: Config) -> str | None:
    """Return the command that was typed, or that a program named in `config.attributes["command"]`; else None."""
    chosen = getattr(config.cmd_opts, "cmd", None)
    named: str | None = config.attributes.get("command")
    return chosen[0].__name__ if chosen else named
