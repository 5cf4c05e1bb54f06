"""The file `catalogues.xz`: the catalogues of released revisions, so that no command has to build them.

A released revision never changes, and neither does the catalogue that it makes.
"""

import hashlib
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path

from alembic.script import Script

NAME = "catalogues.xz"
"""The file in the script folder.

Each entry is the checksum of the files up to a revision, a space and its catalogue.
"""
SEPARATOR = "\0"
"""Separates the entries. JSON text never contains it."""


def read(folder: Path, history: Sequence[Script]) -> dict[str, str]:
    """Return the stored catalogues as JSON text, by revision.

    `history` lists all revisions, oldest first. A revision whose own file or an earlier one was edited since is left
    out. A file that is missing or damaged counts as empty.
    """
    try:
        entries = lzma.decompress((folder / NAME).read_bytes()).decode().split(SEPARATOR)
    except (OSError, lzma.LZMAError, UnicodeDecodeError):
        return {}
    stored = dict(entry.split(" ", 1) for entry in entries)
    return {revision: stored[checksum] for revision, checksum in checksums(history).items() if checksum in stored}


def write(folder: Path, history: Sequence[Script], texts: Mapping[str, str]) -> None:
    """Write the catalogue of every revision of `history` (oldest first) from `texts`, JSON by revision."""
    entries = [f"{checksum} {texts[revision]}" for revision, checksum in checksums(history).items()]
    (folder / NAME).write_bytes(lzma.compress(SEPARATOR.join(entries).encode()))


def checksums(history: Sequence[Script], before: bytes = b"") -> dict[str, str]:
    """Return for each revision the SHA-256 (hex) of `before` and of all revision files up to its own, oldest first."""
    so_far = hashlib.sha256(before)
    found = {}
    for script in history:
        so_far.update(Path(script.path).read_bytes())
        found[script.revision] = so_far.hexdigest()
    return found
