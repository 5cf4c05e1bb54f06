"""Catalogues of released revisions that come with their files: nobody has to build what can never change again."""

import hashlib
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path

from alembic.script import Script

NAME = "catalogues.xz"
"""Beside the folder of the revisions: for each the checksum of all files up to it, and its catalogue."""
END = "\0"
"""Of each; no JSON has one."""


def read(folder: Path, history: Sequence[Script]) -> dict[str, str]:
    """The catalogues, as text, of the revisions of `history` (oldest first) that are as they were when released."""
    try:
        entries = lzma.decompress((folder / NAME).read_bytes()).decode().split(END)
    except (OSError, lzma.LZMAError, UnicodeDecodeError):
        return {}
    held = dict(entry.split(" ", 1) for entry in entries)
    return {revision: held[name] for revision, name in checksums(history).items() if name in held}


def write(folder: Path, history: Sequence[Script], texts: Mapping[str, str]) -> None:
    """Write the catalogue of every revision of `history`."""
    entries = [f"{name} {texts[revision]}" for revision, name in checksums(history).items()]
    (folder / NAME).write_bytes(lzma.compress(END.join(entries).encode()))


def checksums(history: Sequence[Script], before: bytes = b"") -> dict[str, str]:
    """For each revision the checksum of `before` and of all files up to its own; `history` has the oldest first."""
    so_far = hashlib.sha256(before)
    names = {}
    for script in history:
        so_far.update(Path(script.path).read_bytes())
        names[script.revision] = so_far.hexdigest()
    return names
