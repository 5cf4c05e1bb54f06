"""An embedded server that lives as long as this process, in a temporary folder that is removed with it.

A killed process leaves its folder, perhaps with a server that still runs and a copy of real data. The next process that
starts a temporary server stops that server and removes the folder.
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
"""The file that the process of the folder keeps locked. The kernel releases the lock of a killed process."""


@lru_cache(maxsize=4)
def temporary_server(major: int = embedded.NEWEST) -> URL:
    """Start a server once for this process and return the URL of its database postgres.

    The server has major version `major`, or the newest that the extra `embedded` contains. Raises EmbeddedMissing
    without that extra, FailedError where the server does not start.
    """
    try:
        embedded.programs(major)
    except KeyError:
        major = embedded.NEWEST
    for abandoned in _abandoned_folders():
        embedded.stop(abandoned / "data")
        shutil.rmtree(abandoned, ignore_errors=True)
    return embedded.start(_make_folder() / "data", major=major)


def _make_folder() -> Path:
    """Make a folder and lock it, and only then give it the name by which other processes look for folders."""
    made = Path(tempfile.mkdtemp(prefix="surefoot-starting-")).resolve()
    made.chmod(0o755)
    lock = _lock(made)
    lock.acquire()
    folder = made.rename(made.with_name(made.name.replace("starting", "scratch")))
    # exit handlers run in reverse order: the wheel registers later, so its server has stopped by then
    atexit.register(_remove, folder, lock)
    return folder


def _remove(folder: Path, lock: Any) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _abandoned_folders() -> Iterator[Path]:
    """Yield the folders that no process has locked. Each is locked while the caller works on it."""
    for folder in Path(tempfile.gettempdir()).resolve().glob(f"{PREFIX}*"):
        if not (folder / LOCK).exists():
            continue
        lock = _lock(folder)
        try:
            if not lock.acquire(blocking=False):
                lock.lockfile.close()  # fasteners leaves the file open
                continue
        except OSError:  # the folder belongs to another user
            continue
        try:
            yield folder
        finally:
            lock.release()


def _lock(folder: Path) -> Any:
    fasteners = importlib.import_module("fasteners")  # comes with the extra
    return fasteners.InterProcessLock(folder / LOCK)
