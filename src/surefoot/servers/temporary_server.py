"""An embedded server for as long as this process lives; its folder is gone afterwards, that of a killed process later.

Whoever starts one first clears what killed processes left: a server that still runs, and perhaps a copy of every
pupil's record.
"""

import atexit
import importlib
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from surefoot.servers import embedded

PREFIX = "surefoot-scratch-"
LOCK = "lock"
"""Held by the process whose folder it is; the kernel frees the lock of one that was killed."""


@lru_cache(maxsize=4)
def temporary_server(major: int = embedded.NEWEST) -> URL:
    """The URL of database postgres on a server of that major version, or of the newest where the extra lacks it.

    Raises EmbeddedMissing without the extra `embedded`.
    """
    try:
        embedded.programs(major)
    except KeyError:
        major = embedded.NEWEST
    for left in _left():
        embedded.stop(left / "data")
        shutil.rmtree(left, ignore_errors=True)
    return embedded.start(_folder() / "data", major=major)


def _folder() -> Path:
    """A folder that is this process's own from the first moment that others can see it under its name."""
    made = Path(tempfile.mkdtemp(prefix="surefoot-starting-")).resolve()
    made.chmod(0o755)
    lock = _lock(made)
    lock.acquire()
    folder = made.rename(made.with_name(made.name.replace("starting", "scratch")))
    # runs after the wheel has stopped the server, for that registers later
    atexit.register(_remove, folder, lock)
    return folder


def _remove(folder: Path, lock: Any) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _left() -> Iterator[Path]:
    """The folders that nobody holds; each is held while the caller looks at it."""
    for folder in Path(tempfile.gettempdir()).resolve().glob(f"{PREFIX}*"):
        if not (folder / LOCK).exists():
            continue
        lock = _lock(folder)
        try:
            if not lock.acquire(blocking=False):
                lock.lockfile.close()  # the library leaves it open
                continue
        except OSError:  # another user's
            continue
        try:
            yield folder
        finally:
            lock.release()


def _lock(folder: Path) -> Any:
    fasteners = importlib.import_module("fasteners")  # comes with the extra
    return fasteners.InterProcessLock(folder / LOCK)
