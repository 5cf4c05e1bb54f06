"""Files in the user's cache folder, which the user alone may write: what is there was written by the same user."""

import os
import sys
from pathlib import Path

OTHERS_MAY_WRITE = 0o022


def folder() -> Path:
    """Return the user's cache folder. Raises RuntimeError for a user without a home, such as a number in a container.

    It need not exist.
    """
    given = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(given) if given else Path.home() / ".cache"


def read(file: Path) -> bytes | None:
    """Return the contents of a cached file; None where there is none, or where another user could have written it."""
    try:
        with file.open("rb") as opened:
            state = os.fstat(opened.fileno())
            if hasattr(os, "geteuid") and (state.st_uid != os.geteuid() or state.st_mode & OTHERS_MAY_WRITE):
                return None
            return opened.read()
    except OSError:
        return None


def write(file: Path, contents: bytes) -> None:
    """Store a file, readable by the user alone; where the folder cannot be written, as in some containers, nothing.

    The file appears complete, even where two processes write it at once.
    """
    from tempfile import NamedTemporaryFile  # noqa: PLC0415  # a command that only reads must not wait for it

    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, delete=False) as incomplete:
            incomplete.write(contents)
        Path(incomplete.name).replace(file)
    except OSError:
        return
