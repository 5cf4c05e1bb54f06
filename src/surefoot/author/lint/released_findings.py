"""The committed list of what rules find in revisions that were released before there was the rule, with the reasons."""

from surefoot.author import releases
from surefoot.settings import Settings

NAME = "acknowledged.txt"
"""The file in the script folder; a line has a revision, a rule, and why the finding does no harm there."""


def acknowledged(settings: Settings) -> frozenset[tuple[str, str]]:
    """Return the listed pairs of revision and rule; lines without a reason, or not of a released revision, say nothing.

    A revision that is not released takes a comment beside the statement.
    """
    file = settings.project.script_folder / NAME
    if not file.exists():
        return frozenset()
    released = releases.listed(settings)
    parts = [line.split(maxsplit=2) for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    return frozenset((each[0], each[1]) for each in parts if len(each) == 3 and each[0] in released)
