"""The file `snapshot.sql`: a whole database at one released revision, as SQL that PostgreSQL 15 to 18 all read.

It is plain SQL below a few lines of comment, so that git shows what a release changes. Nobody edits it: the sum in its
first lines is that of everything below, and a file with another sum is not used.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from surefoot.errors import CheckFailed
from surefoot.program import program
from surefoot.revision_heads import OWN

NAME = "snapshot.sql"
"""The file in the script folder."""
TITLE = """\
-- An empty database becomes this one at once, instead of by every revision in turn. Written by `check --release`, never
-- by hand: below the next line begins what the sum is taken of, and a file with another sum is not used.
"""
HEADER = re.compile(
    rf"{re.escape(TITLE)}-- sum: (?P<sum>[0-9a-f]{{64}})\n"
    r"(?P<body>-- catalogue: (?P<catalogue>[0-9a-f]{64})\n"
    r"(?P<stands_for>(?:-- revision: \S+ [0-9a-f]{64}\n)+)"
    r"(?P<script>\n.*))",
    re.DOTALL,
)


@dataclass(frozen=True)
class Snapshot:
    """What the file says."""

    catalogue: str
    """The fingerprint (SHA-256, hex) of the catalogue that the script makes."""
    stands_for: Mapping[str, str]
    """The revisions that it stands for, in the order in which they ran, each with the SHA-256 of its file."""
    script: str
    """The statements, schema-qualified, for a database in which nothing is."""

    @property
    def revision(self) -> str:
        """Return the revision at which the database is then."""
        return list(self.stands_for)[-1]


def read(folder: Path) -> Snapshot | None:
    """Return the snapshot in a script folder; None where there is none.

    Raises CheckFailed for a file that is damaged, edited or of another form.
    """
    try:
        text = (folder / NAME).read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise _damaged(folder) from fault
    match = HEADER.fullmatch(text)
    if match is None or _sum(match["body"]) != match["sum"]:
        raise _damaged(folder)
    lines = match["stands_for"].splitlines()
    stands_for = dict(line.removeprefix("-- revision: ").split(" ") for line in lines)
    return Snapshot(match["catalogue"], stands_for, match["script"])


def usable(folder: Path) -> Snapshot | None:
    """Return the snapshot in a script folder; None where there is none, or only a damaged one."""
    try:
        return read(folder)
    except CheckFailed:
        return None


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write the snapshot into a script folder."""
    listed = "".join(f"-- revision: {revision} {digest}\n" for revision, digest in snapshot.stands_for.items())
    body = f"-- catalogue: {snapshot.catalogue}\n{listed}{snapshot.script}"
    (folder / NAME).write_text(f"{TITLE}-- sum: {_sum(body)}\n{body}", "utf-8", newline="\n")


def outdated(snapshot: Snapshot, folder: Path) -> str | None:
    """Say for which revision the script folder has another file than the snapshot stands for; None where for none."""
    present = _sums_of_files(folder / "versions")
    for revision, digest in snapshot.stands_for.items():
        if present.get(revision) != digest:
            changed = "has no file any more" if revision not in present else "has another file now"
            return f"{NAME} stands for {revision}, which {changed}"
    return None


def _sums_of_files(versions: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of each revision's file by the revision that the file itself names.

    A file that names it in another way than Alembic writes it is left out. No file is imported.
    """
    sums = {}
    for path in versions.glob("*.py"):
        text = path.read_bytes()
        own = OWN.findall(text)
        if len(own) == 1:
            sums[own[0].decode()] = hashlib.sha256(text).hexdigest()
    return sums


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _damaged(folder: Path) -> CheckFailed:
    return CheckFailed(
        f"{folder / NAME} is not as it was written.",
        f"Take it from git again, or have it written anew: python -m {program()} check --release.",
    )
