"""The rights of the folders above an embedded server that was started as root, which runs as a user of its own.

The wheel makes every folder above the data and above its programs readable for everybody, a home folder too. That user
needs to pass through them alone: while the server runs a private folder may be passed and not listed (0711 in place of
0700), and when the last one in it has ended the folder is as it was.
"""

import json
import logging
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("surefoot")

PASSING = stat.S_IXGRP | stat.S_IXOTH
EVERYBODY = PASSING | stat.S_IRGRP | stat.S_IROTH
"""What the wheel gives, to a folder that lacks any of it."""


def private_above(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the folders above `paths` that not everybody may read and pass, with their rights; as root, else none."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    folders = {folder for path in paths for folder in path.resolve().parents}
    rights = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in sorted(folders) if folder.exists()}
    return {folder: mode for folder, mode in rights.items() if mode & EVERYBODY != EVERYBODY}


def narrow(before: Mapping[Path, int], record: Path) -> None:
    """Take back what the wheel gave more than needed, and write down in `record` how each folder was.

    `record` is a file beside the cluster, where only root may write. It outlives a process that is killed.
    """
    known = _read(record)
    recorded = {Path(name): mode for name, mode in known.items() if Path(name).exists()}
    for folder, mode in {**before, **recorded}.items():
        if stat.S_IMODE(folder.stat().st_mode) == mode | EVERYBODY:
            folder.chmod(mode | PASSING)
            if str(folder) not in known and mode | PASSING != mode:
                known[str(folder)] = mode
                log.warning(
                    "The server's user has to pass through %s: others may pass it too (%s), and not list it, until the "
                    "server ends.", folder, f"{mode | PASSING:o}",
                )  # fmt: skip
    if known:
        record.write_text(json.dumps(known))


def restore(record: Path, used: Iterable[Path]) -> None:
    """Give the folders of `record` the rights that they had, unless a server has something of `used` inside.

    A folder whose rights somebody else has changed since is left alone.
    """
    known, left = _read(record), dict[str, int]()
    for name, mode in known.items():
        folder = Path(name)
        if any(path.is_relative_to(folder) for path in used):
            left[name] = mode
        elif folder.exists() and stat.S_IMODE(folder.stat().st_mode) == mode | PASSING:
            folder.chmod(mode)
    if left:
        record.write_text(json.dumps(left))
    else:
        record.unlink(missing_ok=True)


def _read(record: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        return {str(name): int(mode) for name, mode in json.loads(record.read_text()).items()}
    return {}
