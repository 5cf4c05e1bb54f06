"""The committed list of released revisions, with the SHA-256 of their files, which never change again."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from alembic.script import ScriptDirectory

from surefoot.settings import Settings

HEADER = """\
# Revisions that are out, and the SHA-256 of their files. A file that is listed never changes again: correct
# it by a new revision. `check --release` adds what is new, once everything else of the check holds.
"""


def path(settings: Settings) -> Path:
    """Return the path of the list, in Alembic's script folder."""
    return settings.project.script_folder / "released.txt"


def listed(settings: Settings) -> dict[str, str]:
    """Return the listed SHA-256 by revision; empty where there is no list."""
    file = path(settings)
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return dict(line.split() for line in lines if line.strip() and not line.startswith("#"))


def sums(script: ScriptDirectory) -> dict[str, str]:
    """Return the SHA-256 of each revision's file as it is now, oldest first."""
    return {
        each.revision: hashlib.sha256(Path(each.path).read_bytes()).hexdigest()
        for each in reversed(list(script.walk_revisions("base", "heads")))
    }


def problems(settings: Settings, script: ScriptDirectory) -> Iterator[str]:
    """Yield a sentence for each revision whose file was changed or removed after its release."""
    present = sums(script)
    for revision, digest in listed(settings).items():
        if revision not in present:
            yield f"{revision} was released and is gone: databases have it in alembic_version. Put its file back."
        elif present[revision] != digest:
            yield f"{revision} was released and its file changed since. Put it back, and correct it by a new revision."


def add(settings: Settings, script: ScriptDirectory) -> list[str]:
    """Add the revisions that are not listed yet, and return them."""
    known, present = listed(settings), sums(script)
    new = [revision for revision in present if revision not in known]
    lines = [f"{revision} {digest}" for revision, digest in (known | {name: present[name] for name in new}).items()]
    path(settings).write_text(HEADER + "\n".join(lines) + "\n", "utf-8")
    return new
