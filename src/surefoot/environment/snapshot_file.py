"""The file `snapshot.sql`: a whole database at one released revision, as SQL that PostgreSQL 15 to 18 all read.

It is plain SQL below a few lines of comment, so that git shows what a release changes. Nobody edits it: the sum in its
first lines is that of everything below, and a file with another sum is not used.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
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
    r"(?P<stands_for>(?:-- revision: \S+ [0-9a-f]{64}(?: expand-only)?\n)+)"
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
    expand_only: frozenset[str] = frozenset()
    """Those of the revisions that only add, as they declare and as was proved when the snapshot was written."""

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
    lines = [line.removeprefix("-- revision: ").split(" ") for line in match["stands_for"].splitlines()]
    return Snapshot(
        match["catalogue"],
        {revision: digest for revision, digest, *_ in lines},
        match["script"],
        frozenset(revision for revision, _, *marks in lines if marks),
    )


def usable(folder: Path) -> Snapshot | None:
    """Return the snapshot in a script folder; None where there is none, or only a damaged one."""
    try:
        return read(folder)
    except CheckFailed:
        return None


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write the snapshot into a script folder."""
    listed = "".join(
        f"-- revision: {revision} {digest}{' expand-only' if revision in snapshot.expand_only else ''}\n"
        for revision, digest in snapshot.stands_for.items()
    )
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


def expand_only_files(snapshot: Snapshot, folder: Path) -> dict[str, bytes]:
    """Return the file of each revision of the snapshot that only adds, which the journal keeps."""
    if not snapshot.expand_only:
        return {}
    return {revision: text for revision, text in _files(folder / "versions") if revision in snapshot.expand_only}


def _sums_of_files(versions: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of each revision's file by the revision that the file itself names."""
    return {revision: hashlib.sha256(text).hexdigest() for revision, text in _files(versions)}


def _files(versions: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each revision and its file, by what that says itself. No file is imported.

    A file that names it in another way than Alembic writes it is left out.
    """
    for path in versions.glob("*.py"):
        text = path.read_bytes()
        own = OWN.findall(text)
        if len(own) == 1:
            yield own[0].decode(), text


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _damaged(folder: Path) -> CheckFailed:
    return CheckFailed(
        f"{folder / NAME} is not as it was written.",
        f"Take it from git again, or have it written anew: python -m {program()} check --release.",
    )
