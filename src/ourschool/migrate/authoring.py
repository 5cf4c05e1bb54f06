"""What `revision`, `merge` and `check` are held to: a fitting id, a telling message, no empty file, no blind spot."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext

from ourschool.errors import CheckFailed
from ourschool.migrate import comparison, refusals
from ourschool.schema.deviations import Difference

log = logging.getLogger("ourschool.migrate")

Hook = Callable[[MigrationContext, Any, list[MigrationScript]], None]


def needs_no_database(config: Config) -> bool:
    """Whether the typed command writes a file without comparing anything: `merge`, or `revision` by itself."""
    command = _command(config)
    return command == "merge" or (command == "revision" and not _autogenerates(config))


def fitting_id(config: Config) -> None:
    """Refuse an id that `alembic_version` could not hold, before a file has it."""
    chosen = getattr(config.cmd_opts, "rev_id", None)
    refusals.too_long([chosen] if chosen else [])


def process(config: Config) -> Hook:
    """Alembic's `process_revision_directives`: look at what is about to be written."""

    def look(context: MigrationContext, _: Any, directives: list[MigrationScript]) -> None:
        script = directives[0]
        refusals.too_long([script.rev_id] if script.rev_id else [])
        command = _command(config)
        if command != "check":
            _question(script.message)
        if context.as_sql or not config.attributes.get("autogenerate", _autogenerates(config)):
            return
        assert context.connection is not None
        difference = comparison.from_models(context.connection, context.opts["target_metadata"])
        if command == "check":
            _report(difference)
        elif script.upgrade_ops is not None and script.upgrade_ops.is_empty():
            directives.clear()
            _explain_nothing(difference)

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
            'python -m alembic revision --autogenerate -m "..." writes what Alembic can see of it; '
            "the rest is written by hand. MIGRATIONS.md, 'No changes detected', has the causes.",
        )


def _explain_nothing(difference: Difference) -> None:
    if difference:
        log.warning(
            "%s\nAlembic compares none of this, so no file was written: write it by hand into "
            'python -m alembic revision -m "...".',
            _listed("Models and database differ", difference.deviations),
        )
    else:
        log.info("Models and database agree: no file was written.")


def _listed(headline: str, things: Iterable[object]) -> str:
    lines = [str(thing) for thing in things]
    return f"{headline} ({len(lines)}):" + "".join(f"\n  {line}" for line in lines)


def _autogenerates(config: Config) -> bool:
    return _command(config) == "check" or bool(getattr(config.cmd_opts, "autogenerate", False))


def _command(config: Config) -> str | None:
    """The typed command; None where a program called Alembic's functions."""
    chosen = getattr(config.cmd_opts, "cmd", None)
    return chosen[0].__name__ if chosen else None
