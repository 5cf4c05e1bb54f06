"""Caches catalogues of revisions in the user's cache folder, under the checksum of everything they depend on."""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from alembic.script import Script

import surefoot
from surefoot import user_cache
from surefoot.catalogue.packaged import checksums

SOURCES = ("environment", "runtime", "online", "catalogue")
"""The parts of this package that a catalogue depends on: the operations, and the reading of a catalogue."""


class CatalogueCache:
    """The cached catalogues of `history` (oldest revision first), one gzip file each, readable by the user alone.

    A truncated or changed file counts as missing: gzip has a checksum. Where the folder cannot be written, as in some
    containers, nothing is cached. `program` is the project's name, and names the folder.
    """

    def __init__(self, history: Sequence[Script], program: str) -> None:
        self._folder = user_cache.folder() / program
        self._names = checksums(history, _sources())

    def read(self, revision: str) -> str | None:
        """Return the catalogue as JSON text; None where there is no intact file."""
        contents = user_cache.read(self._file(revision))
        try:
            return gzip.decompress(contents or b"").decode() or None  # an empty file is valid gzip
        except (OSError, EOFError, zlib.error, UnicodeDecodeError):
            return None

    def write(self, revision: str, text: str) -> None:
        """Store `text`. The file appears complete, even where two processes write it at once."""
        user_cache.write(self._file(revision), gzip.compress(text.encode(), 1))

    def _file(self, revision: str) -> Path:
        return self._folder / f"{self._names[revision]}.json.gz"


@cache
def _sources() -> bytes:
    digest = hashlib.sha256()
    package = Path(surefoot.__file__).parent
    for path in sorted(path for part in SOURCES for path in (package / part).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
