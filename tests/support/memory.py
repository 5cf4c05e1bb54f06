"""A place in memory for what the tests write, where there is room: a database is made there in a tenth of the time.

PostgreSQL writes 300 files for each database. Without fsync they still have to reach the disk some day, and that of a
small machine is busy with them for most of the time that the tests take.
"""

import os
import shutil
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # Linux's own; below it are only folders of tempfile's
NEEDED = 8 * 1024**3
"""Bytes: four workers with three servers each, and what their tests leave until the end."""


def use_for_temporary_files() -> None:
    """Let this process, and those that it starts, have their temporary files in memory; TMPDIR says otherwise."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = str(SHARED_MEMORY)
        tempfile.tempdir = None  # it may have been asked for before


def _has_room() -> bool:
    if not os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return False
    available = [
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    ]
    # what is written there is taken from the memory that the servers themselves need
    return min(shutil.disk_usage(SHARED_MEMORY).free, sum(available) - NEEDED // 2) >= NEEDED
