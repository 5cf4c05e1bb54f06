"""Compares the project's revisions with those of a database: what is applied, what is pending and what it would do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from surefoot.operate.rehearse.saved_reports import RehearsalDuration
from surefoot.runtime.error_translation import COMMITS_IN_PARTS

HEADING = re.compile(r"^(Why|Locks|Data|Way back): +(.*?)(?=\n(?:[A-Z][\w ]*: )|\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class PendingRevision:
    """A revision that is still to be applied, described by the headings of its own docstring."""

    revision: str
    message: str
    why: str | None
    locks: str | None
    online: bool
    """Whether it runs as online operations in short transactions instead of in one transaction."""
    took: float | None
    """The median duration of its earlier upgrades here, in seconds; None without one."""
    rehearsed: RehearsalDuration | None
    """How long it took in the last rehearsal; None without one."""


@dataclass(frozen=True)
class RevisionList:
    """The project's revisions as a database sees them; `unknown` are heads of the database that no file has."""

    heads: tuple[str, ...]
    applied: frozenset[str]
    pending: tuple[Script, ...]
    unknown: tuple[str, ...]
    messages: Mapping[str, str]
    """The message of each revision, oldest first."""


def list_revisions(script: ScriptDirectory, history: Iterable[Script], at: tuple[str, ...]) -> RevisionList:
    """Sort `history`, oldest revision first, by what a database at the heads `at` has applied."""
    revisions = list(history)
    known = {each.revision for each in revisions}
    applied_heads = tuple(one for one in at if one in known)
    # one head at a time: Alembic refuses a head together with its ancestor, which a wrong row can name
    applied = frozenset(
        each.revision for head in applied_heads for each in script.iterate_revisions(head, "base", inclusive=True)
    )
    return RevisionList(
        tuple(script.get_heads()),
        applied,
        tuple(each for each in revisions if each.revision not in applied),
        tuple(one for one in at if one not in known),
        {each.revision: each.doc or "" for each in revisions},
    )


def describe_pending(
    script: Script, median_seconds: Mapping[str, float], rehearsed: Mapping[str, RehearsalDuration]
) -> PendingRevision:
    """Describe `script` before it is applied.

    `median_seconds` and `rehearsed` map revisions to earlier durations: from the journal, and from rehearsals.
    """
    headings = {name: " ".join(text.split()) for name, text in HEADING.findall(script.longdoc or "")}
    source = Path(script.path).read_text("utf-8")
    return PendingRevision(
        script.revision,
        script.doc or "",
        headings.get("Why"),
        headings.get("Locks"),
        bool(COMMITS_IN_PARTS.search(source)),
        median_seconds.get(script.revision),
        rehearsed.get(script.revision),
    )
