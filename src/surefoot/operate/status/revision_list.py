"""The revisions of the files beside those of the database: what is applied, what is pending and what it would do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from surefoot.operate.rehearse.saved_reports import Rehearsed
from surefoot.runtime.error_translation import COMMITS_IN_PARTS

HEADING = re.compile(r"^(Why|Locks|Data|Way back): +(.*?)(?=\n(?:[A-Z][\w ]*: )|\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Pending:
    """A revision that is still to be applied, in its author's words."""

    revision: str
    message: str
    why: str | None
    locks: str | None
    online: bool
    """Whether it works in steps that stop nobody, outside one transaction."""
    took: float | None
    """Seconds, the median of the times that the journal has of it."""
    rehearsed: Rehearsed | None
    """How long it took in the last rehearsal."""


@dataclass(frozen=True)
class Line:
    """The files' history as the database sees it; `unknown` are heads of the database that no file has."""

    heads: tuple[str, ...]
    applied: frozenset[str]
    pending: tuple[Script, ...]
    unknown: tuple[str, ...]
    messages: Mapping[str, str]
    """What each revision is about, the oldest first."""


def line(script: ScriptDirectory, history: Iterable[Script], at: tuple[str, ...]) -> Line:
    """Sort `history`, the oldest revision first, by what a database that is `at` those heads has already."""
    revisions = list(history)
    known = {each.revision for each in revisions}
    found = tuple(one for one in at if one in known)
    applied = frozenset(each.revision for each in script.iterate_revisions(found, "base", inclusive=True) if found)
    return Line(
        tuple(script.get_heads()),
        applied,
        tuple(each for each in revisions if each.revision not in applied),
        tuple(one for one in at if one not in known),
        {each.revision: each.doc or "" for each in revisions},
    )


def pending(script: Script, took: Mapping[str, float], rehearsed: Mapping[str, Rehearsed]) -> Pending:
    """What is to be known of `script` before it is applied."""
    said = {name: " ".join(text.split()) for name, text in HEADING.findall(script.longdoc or "")}
    source = Path(script.path).read_text("utf-8")
    return Pending(
        script.revision,
        script.doc or "",
        said.get("Why"),
        said.get("Locks"),
        bool(COMMITS_IN_PARTS.search(source)),
        took.get(script.revision),
        rehearsed.get(script.revision),
    )
