"""The file `head.txt`: one line that names the newest revision, so that two people's revisions are a conflict in git.

Two files in a folder never conflict, and Alembic finds two heads only when somebody upgrades. One line that both
changed is found when the second of them merges.
"""

from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.script.write_hooks import register

NAME = "head.txt"
"""The file in the script folder."""
HOOK = "surefoot_head"
"""The type of Alembic's post-write hook that writes it: `head.type = surefoot_head` in alembic.ini."""


def line_of(script: ScriptDirectory) -> str:
    """Return what the file has to say: the head, or the heads in the order of their ids."""
    return " ".join(sorted(script.get_heads())) + "\n"


def write(script: ScriptDirectory) -> None:
    """Write the file anew."""
    (Path(script.dir) / NAME).write_text(line_of(script), "utf-8")


def outdated(script: ScriptDirectory) -> str | None:
    """Return what the file says where that is not what it has to say; None where it is, or where there is no file.

    What git left of a conflict counts as well.
    """
    try:
        said = (Path(script.dir) / NAME).read_text("utf-8")
    except FileNotFoundError:
        return None
    return None if said == line_of(script) else " ".join(said.split()) or "nothing"


@register(HOOK)
def _after_writing(path: str, _: object) -> None:
    write(ScriptDirectory(str(Path(path).parent.parent)))
