"""The names of the objects that each revision creates and removes, stored in `names.jsonl` with the released revisions.

A name that a pending revision creates has to be free before it runs.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from alembic.script import Script

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Relation

FILE = "names.jsonl"
"""The file in the script folder: one JSON object a line for each revision, with the SHA-256 of its file."""
TABLE_SCOPED = frozenset({"column", "constraint", "trigger"})
"""Kinds whose names are unique within a table; the names of all others are unique within the schema."""
REPLACEABLE = frozenset({"function", "procedure", "index", "constraint", "trigger"})
"""Kinds of which an object with the same definition may exist already: creating it again loses nothing."""


@dataclass(frozen=True, order=True)
class Name:
    """The name of an object that a revision creates. `on` is the table of a table's part, else empty."""

    kind: str
    on: str
    name: str
    digest: str = field(default="", compare=False)
    """A hash of the definition, of the columns of a table, or of the type of a column; empty for other kinds."""

    def __str__(self) -> str:
        if self.kind == "column":
            return f"column {self.on}.{self.name}"
        return f"{self.kind} {self.name}" + (f" of {self.on}" if self.kind in TABLE_SCOPED else "")


@dataclass(frozen=True)
class Names:
    """The names that one revision creates, and those that it removes."""

    made: frozenset[Name]
    removed: frozenset[Name]


def names_in(catalogue: Catalogue) -> Iterator[Name]:
    """Yield the name of every object in the catalogue."""
    for relation in catalogue.relations:
        yield from _of_relation(relation)
    for enum in catalogue.enums:
        yield Name("type", "", enum.name, digest(", ".join(enum.labels)))
    for domain in catalogue.domains:
        yield Name("domain", "", domain.name)
    for sequence in catalogue.sequences:
        yield Name("sequence", "", sequence.name)
    for function in catalogue.functions:
        yield Name(function.kind, "", function.name, digest(function.definition))


def names_of_step(before: Iterable[Name], within: Iterable[Name], after: Iterable[Name]) -> Names:
    """Return what a revision creates and removes, from the names before it, during it and after it.

    A name that exists only while the revision runs is both created and removed. Columns,
    constraints and triggers of a table that the revision creates are not listed.
    """
    old, new = frozenset(before), frozenset(after)
    tables = {name.name for name in old if name.kind.endswith("table")}
    temporary = frozenset(within) - old - new
    made = {name for name in (new - old) | temporary if name.kind not in TABLE_SCOPED or name.on in tables}
    return Names(frozenset(made), (old - new) | temporary)


def names_after(steps: Iterable[Names]) -> frozenset[Name]:
    """Return the names that exist after `steps`, which are in the order of history."""
    existing: set[Name] = set()
    for each in steps:
        existing |= each.made
        existing -= each.removed
    return frozenset(existing)


def write(folder: Path, history: Sequence[Script], steps: Mapping[str, Names]) -> None:
    """Write the names of every revision of `history` to FILE in `folder`."""
    lines = [
        json.dumps({
            "revision": each.revision,
            "file": _file_checksum(each),
            "made": [[*_key(name), name.digest] for name in sorted(steps[each.revision].made)],
            "gone": [_key(name) for name in sorted(steps[each.revision].removed)],
        }, ensure_ascii=False)
        for each in history
    ]  # fmt: skip
    (folder / FILE).write_text("\n".join(lines) + "\n", "utf-8")


def read(folder: Path, revisions: Iterable[Script]) -> dict[str, Names]:
    """Return the names by revision, for those of `revisions` whose files are as they were when FILE was written."""
    stored = _stored(folder / FILE)
    found = {}
    for each in revisions:
        line = stored.get(each.revision)
        if line is not None and line["file"] == _file_checksum(each):
            found[each.revision] = Names(
                frozenset(Name(*name) for name in line["made"]), frozenset(Name(*name) for name in line["gone"])
            )
    return found


def digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_relation(relation: Relation) -> Iterator[Name]:
    columns = sorted(f"{column.name} {column.type}" for column in relation.columns)
    yield Name(relation.kind, "", relation.name, digest(", ".join(columns)))
    yield from (Name("column", relation.name, each.name, digest(each.type)) for each in relation.columns)
    yield from (Name("index", relation.name, each.name, digest(each.definition)) for each in relation.indexes)
    for constraint in relation.constraints:
        yield Name("constraint", relation.name, constraint.name, digest(constraint.definition))
    yield from (Name("trigger", relation.name, each.name, digest(each.definition)) for each in relation.triggers)


def _key(name: Name) -> list[str]:
    return [name.kind, name.on, name.name]


def _file_checksum(script: Script) -> str:
    return hashlib.sha256(Path(script.path).read_bytes()).hexdigest()


def _stored(file: Path) -> dict[str, dict[str, str]]:
    try:
        changed_at = file.stat().st_mtime_ns
    except OSError:
        return {}
    return _parsed(file, changed_at)


@cache
def _parsed(file: Path, _changed_at: int) -> dict[str, dict[str, str]]:
    """Parse the file once for each time at which it was changed."""
    try:
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return {line["revision"]: line for line in lines}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
