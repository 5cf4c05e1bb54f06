"""Finds the revision that an operator means by what was typed."""

from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError

from surefoot.errors import UsageError
from surefoot.program import alembic_command
from surefoot.runtime import error_translation


def find_revision(script: ScriptDirectory, target: str) -> Script:
    """Return the revision that `target` means: an id, the beginning of one, or `head`.

    Raises UsageError if there is none, or more than one.
    """
    try:
        revision = script.get_revision(target)
    except CommandError as fault:
        raise error_translation.translate(fault, None) from fault
    if revision is None:
        raise UsageError(f"{target!r} is no revision.", f"{alembic_command()} history lists them.")
    return revision
