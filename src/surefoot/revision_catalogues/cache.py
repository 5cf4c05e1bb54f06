"""Catalogues of revisions kept in the user's cache folder, under the checksum of all that they were built from."""

import gzip
import hashlib
import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from alembic.script import Script

import surefoot
from surefoot.catalogue.packaged import checksums

SOURCES = ("environment", "runtime", "online", "catalogue")
"""The parts of this package that a catalogue depends on: what the operations do, and how a database is looked at."""


class CatalogueCache:
    """The kept catalogues of `history`, the oldest revision first: one file each, compressed, only the user's own.

    A file that was cut off or changed is no file: gzip's checksum tells. A folder that cannot be written to, as in a
    container, is none: the catalogue is built each time.
    """

    def __init__(self, history: Sequence[Script], program: str) -> None:
        self._folder = folder() / program
        self._names = checksums(history, _sources())

    def read(self, revision: str) -> str | None:
        """The kept text; None where there is none that is whole."""
        try:
            return gzip.decompress(self._file(revision).read_bytes()).decode() or None  # an empty file is whole to gzip
        except (OSError, EOFError, zlib.error, UnicodeDecodeError):
            return None

    def write(self, revision: str, text: str) -> None:
        """Keep `text`; two processes that write at once each leave a whole file."""
        file = self._file(revision)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as raw:
                raw.write(gzip.compress(text.encode(), 1))
            Path(raw.name).replace(file)
        except OSError:
            return

    def _file(self, revision: str) -> Path:
        return self._folder / f"{self._names[revision]}.json.gz"


def folder() -> Path:
    """Where this user's programs keep what they can make anew."""
    given = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(given) if given else Path.home() / ".cache"


@cache
def _sources() -> bytes:
    digest = hashlib.sha256()
    for path in _files(Path(surefoot.__file__).parent):
        digest.update(path.read_bytes())
    return digest.digest()


def _files(package: Path) -> Iterable[Path]:
    return sorted(path for part in SOURCES for path in (package / part).rglob("*.py"))
