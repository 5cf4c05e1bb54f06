"""What the file of a revision says that the journal keeps: its id, what it follows, its title. It is read, not run."""

import ast
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import Any

LARGEST = 1 << 22
"""Bytes of a file that is believed to be a revision."""
DATA = re.compile(r"^Data: +(.*?)(?=\n[A-Z][\w ]*: |\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
"""What a docstring says of the rows."""


@dataclass(frozen=True)
class KeptRevision:
    """A revision that was run upwards, from the journal. Its source is what ran: the sum was compared."""

    revision: str
    parents: tuple[str, ...]
    title: str
    data: str
    """What its docstring says of the rows; empty where it does not."""
    source: bytes
    sha256: str
    expand_only: bool
    """Whether it only adds: its file says so, and the run that made it has proved it."""
    takes_away: str | None
    """What the proof found, where it says so and takes something away."""
    recorded: str
    """When, by which role and by which version of the program it was run."""

    @property
    def named(self) -> str:
        """Return its id and title."""
        return f'{self.revision} ("{self.title}")'


def read_source(row: Any) -> KeptRevision | str:
    """Return the revision of a row of the journal; a clause where its file is not what ran, or is not understood.

    Nothing of the file is run.
    """
    differs = f"the file of {row.revision} that the journal keeps is not the one that was run: somebody changed it."
    try:
        unpacked = zlib.decompressobj()
        source = unpacked.decompress(bytes(row.file), LARGEST)
        module = ast.parse(source) if unpacked.eof else None
    except (zlib.error, SyntaxError, ValueError):
        return differs
    if module is None or hashlib.sha256(source).hexdigest() != row.file_sha256:
        return differs
    values = _assigned(module)
    if values.get("revision") != row.revision:
        return differs
    parents = values.get("down_revision")
    if values.get("depends_on") or not parents or not isinstance(parents, str | tuple | list):
        return f"{row.revision} begins a line of its own or depends on another one, which is not understood here."
    title, _, rest = (ast.get_docstring(module) or "").partition("\n\n")
    data = DATA.search(rest)
    return KeptRevision(
        row.revision,
        (parents,) if isinstance(parents, str) else tuple(map(str, parents)),
        " ".join(title.split()),
        " ".join(data[1].split()) if data else "",
        source,
        row.file_sha256,
        bool(row.expand_only),
        row.takes_away,
        f"{row.started_at:%Y-%m-%d %H:%M} by {row.database_user}, version {row.package_version or 'unknown'}",
    )


def _assigned(module: ast.Module) -> dict[str, Any]:
    """Return the constants that a file assigns to its variables, without running it."""
    found: dict[str, Any] = {}
    for node in module.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    found.pop(target.id, None)
    return found
