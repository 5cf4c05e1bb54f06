"""Names that each revision makes and removes, kept with the released revisions: what has to be free before they run."""

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
"""Beside the folder of the revisions: a line for each, under the SHA-256 of its file."""
TABLE_SCOPED = frozenset({"column", "constraint", "trigger"})
"""Kinds whose names are those of one table; all others are the schema's."""
REPLACEABLE = frozenset({"function", "procedure", "index", "constraint", "trigger"})
"""Kinds of which one that says the same may stand there already: nothing is lost where it is made again."""


@dataclass(frozen=True, order=True)
class Name:
    """The name of something that a revision makes; `on` is the table of what hangs on one, else empty."""

    kind: str
    on: str
    name: str
    digest: str = field(default="", compare=False)
    """Of its definition; of the columns of a table; of the type of a column."""

    def __str__(self) -> str:
        if self.kind == "column":
            return f"column {self.on}.{self.name}"
        return f"{self.kind} {self.name}" + (f" of {self.on}" if self.kind in TABLE_SCOPED else "")


@dataclass(frozen=True)
class Names:
    """What one revision makes that was not there before it, and what is not there any more after it."""

    made: frozenset[Name]
    removed: frozenset[Name]


def names_in(catalogue: Catalogue) -> Iterator[Name]:
    """Every name in the catalogue."""
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
    """What a revision makes and removes, from the names before it, those seen while it ran, and those after it."""
    there, now = frozenset(before), frozenset(after)
    tables = {name.name for name in there if name.kind.endswith("table")}
    passing = frozenset(within) - there - now
    made = {name for name in (now - there) | passing if name.kind not in TABLE_SCOPED or name.on in tables}
    return Names(frozenset(made), (there - now) | passing)


def names_after(steps: Iterable[Names]) -> frozenset[Name]:
    """The names that are there after `steps`, oldest first."""
    there: set[Name] = set()
    for each in steps:
        there |= each.made
        there -= each.removed
    return frozenset(there)


def write(folder: Path, history: Sequence[Script], steps: Mapping[str, Names]) -> None:
    """Write the names of every revision of `history`."""
    lines = [
        json.dumps({
            "revision": each.revision,
            "file": _sum(each),
            "made": [[*_key(name), name.digest] for name in sorted(steps[each.revision].made)],
            "gone": [_key(name) for name in sorted(steps[each.revision].removed)],
        }, ensure_ascii=False)
        for each in history
    ]  # fmt: skip
    (folder / FILE).write_text("\n".join(lines) + "\n", "utf-8")


def read(folder: Path, revisions: Iterable[Script]) -> dict[str, Names]:
    """The names of those of `revisions` whose files are as they were when they were released."""
    held = _held(folder / FILE)
    found = {}
    for each in revisions:
        line = held.get(each.revision)
        if line is not None and line["file"] == _sum(each):
            found[each.revision] = Names(
                frozenset(Name(*name) for name in line["made"]), frozenset(Name(*name) for name in line["gone"])
            )
    return found


def digest(text: str) -> str:
    """A short mark of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_relation(relation: Relation) -> Iterator[Name]:
    columns = sorted(f"{column.name} {column.type}" for column in relation.columns)
    yield Name(relation.kind, "", relation.name, digest(", ".join(columns)))
    yield from (Name("column", relation.name, each.name, digest(each.type)) for each in relation.columns)
    yield from (Name("index", relation.name, each.name, digest(each.definition)) for each in relation.indexes)
    for constraint in relation.constraints:
        says = constraint.definition.removesuffix(" NOT VALID")
        yield Name("constraint", relation.name, constraint.name, digest(says))
    yield from (Name("trigger", relation.name, each.name, digest(each.definition)) for each in relation.triggers)


def _key(name: Name) -> list[str]:
    return [name.kind, name.on, name.name]


def _sum(script: Script) -> str:
    return hashlib.sha256(Path(script.path).read_bytes()).hexdigest()


def _held(file: Path) -> dict[str, dict[str, str]]:
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return {}
    return _parsed(file, changed)


@cache
def _parsed(file: Path, changed: int) -> dict[str, dict[str, str]]:
    del changed  # the file as it was at that time
    try:
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return {line["revision"]: line for line in lines}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
