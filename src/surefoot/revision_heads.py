"""The heads of a folder of revisions by the words of its files, and a note of the head that saves reading them again.

The note is in the user's cache folder. It has name, size, times and inode of every file as they were when the files
were read, and is believed only where all of them are the same today: with 2,000 revisions one file is opened.
"""

import os
import re
import time
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from surefoot import user_cache

OWN = re.compile(rb"^revision\b[^=\n]*=\s*[\"']([^\"'\\\n]+)[\"']", re.MULTILINE)
BEFORE = re.compile(rb"^down_revision\b[^=\n]*=\s*(None\b|[\"'][^\"'\\\n]+[\"']|[(\[][^)\]\\]*[)\]])", re.MULTILINE)
QUOTED = re.compile(rb"[\"']([^\"']+)[\"']")
"""In the source of a revision file: its id, what it follows (one id, several, or none), and each id in that."""
SETTLED = 2_000_000_000
"""Nanoseconds after a file's last change from which another change gives it another time, on any file system."""


class Head(NamedTuple):
    """A revision that no other follows."""

    revision: str
    merges: bool
    """Whether it follows several."""


def heads_of(versions: Path, program: str = "") -> tuple[Head, ...] | None:
    """Return the heads of the revisions in `versions`, sorted; None where only Alembic can tell.

    This is what the files themselves say, `revision` and `down_revision`, read from their source without importing
    them and without Alembic, because an application calls it each time it starts. With the name of a `program` a single
    head is noted in its part of the user's cache folder. Raises OSError where there is no such folder.
    """
    return _heads(versions, versions.stat().st_mtime_ns, program)


@lru_cache(maxsize=4)
def _heads(versions: Path, _changed_at: int, program: str) -> tuple[Head, ...] | None:
    files = {
        entry.name: entry.stat()
        for entry in os.scandir(versions)
        if entry.name.endswith(".py") and not entry.name.startswith(("__init__", ".#"))
    }
    note = _note_of(versions, program)
    listing = _listing(versions, files)
    noted = _noted(note, listing) if note is not None else None
    if noted is not None:
        return (noted,)
    heads = _read(versions, sorted(files))
    changed_at = max((max(state.st_mtime_ns, state.st_ctime_ns) for state in files.values()), default=0)
    if note is not None and heads is not None and len(heads) == 1 and time.time_ns() - changed_at > SETTLED:
        contents = f"{heads[0].revision}\n{heads[0].merges}\n".encode() + listing
        user_cache.write(note, b"%08x\n" % zlib.crc32(contents) + contents)
    return heads


def _read(versions: Path, names: Sequence[str]) -> tuple[Head, ...] | None:
    revisions, followed = dict[str, bool](), set[str]()
    for name in names:
        with open(f"{versions}/{name}", "rb") as file:  # noqa: PTH123  # a Path for each of 1,000 files would be slow
            text = file.read()
        own, before = OWN.findall(text), BEFORE.findall(text)
        if len(own) != 1 or len(before) != 1:  # an assignment of another form, or a second one in a text
            return None
        parents = [each.decode() for each in QUOTED.findall(before[0])]
        revisions[own[0].decode()] = len(parents) > 1
        followed.update(parents)
    if not followed.issubset(revisions) or len(revisions) != len(names):
        return None
    return tuple(Head(revision, revisions[revision]) for revision in sorted(set(revisions) - followed))


def _note_of(versions: Path, program: str) -> Path | None:
    try:
        place = f"{zlib.crc32(os.fsencode(versions.absolute())):08x}"  # the note itself says of which folder it is
        return user_cache.folder() / program / f"head-{place}.txt" if program else None
    except RuntimeError:
        return None


def _listing(versions: Path, files: dict[str, os.stat_result]) -> bytes:
    """Return all that the head depends on: how the files are read, and of each file what changes when it changes."""
    lines = [f"{versions.absolute()!r} {OWN.pattern!r} {BEFORE.pattern!r} {QUOTED.pattern!r}"]
    for name in sorted(files):
        state = files[name]
        lines.append(f"{name!r} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}")
    return "\n".join(lines).encode()


def _noted(note: Path, listing: bytes) -> Head | None:
    """Return the head that the note has; None where it is damaged, another folder's, or older than one of the files."""
    checksum, _, contents = (user_cache.read(note) or b"").partition(b"\n")
    revision, merges, noted = (*contents.split(b"\n", 2), b"", b"")[:3]
    if noted != listing or checksum != b"%08x" % zlib.crc32(contents):
        return None
    return Head(revision.decode(), merges == b"True")
