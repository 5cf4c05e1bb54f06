"""Whether the names that revisions will make are free: what has one already, and is not ours, is a stranger."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.catalogue import revision_names
from surefoot.catalogue.revision_names import TABLE_SCOPED, Name, Names
from surefoot.errors import RefusedError
from surefoot.program import program
from surefoot.runtime.migration_plan import Step
from surefoot.runtime.name_owners import OwnObjects
from surefoot.runtime.stranger_rows import row_amount
from surefoot.runtime.taken_names import TakenRow, find_taken

log = logging.getLogger("surefoot")

KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table",
    "S": "sequence", "i": "index", "I": "partitioned index", "c": "composite type",
    "e": "type", "d": "domain", "b": "type", "n": "range type", "multi": "multirange type",
}  # fmt: skip
ROWS = frozenset("rpmf")


@dataclass(frozen=True)
class NameConflict:
    """Something that has a name which a revision will make: `kind` is what it is, `wanted` what it stands in for."""

    kind: str
    on: str
    name: str
    amount: str
    """Its rows or values, as words; empty for what has none."""
    revision: str
    wanted: Name
    owned: bool = False
    """Whether it goes with a table or column: an index, or the sequence of a column."""

    def __str__(self) -> str:
        what = f"column {self.on}.{self.name}" if self.kind == "column" else f"{self.kind} {self.name}"
        where = f" of {self.on}" if self.on and self.kind != "column" else ""
        row_amount = f", {self.amount}" if self.amount else ""
        article = "an" if self.wanted.kind[0] in "aeiou" else "a"
        return f"{what}{where}{row_amount}: {self.revision} makes {article} {self.wanted.kind} of that name"


def folder(script: ScriptDirectory) -> Path:
    """Where the names of the released revisions are."""
    return Path(script.dir)


def find(
    connection: Connection,
    script: ScriptDirectory,
    heads: Collection[str],
    pending: Sequence[Script],
    known: Mapping[str, Names] | None = None,
) -> list[NameConflict]:
    """What has a name that one of `pending` will make, in a database that stands at `heads`; only reads.

    `known` are the names of revisions; those that come with the files where it is None. What the revision itself made
    in a run that was cut off is no stranger, nor a function, index, constraint or trigger that says the same,
    nor an INVALID index of the same table.
    """
    behind = list(script.iterate_revisions(tuple(heads), "base", inclusive=True))[::-1] if heads else []
    if known is None:
        known = revision_names.read(folder(script), [*behind, *pending])
    ours = revision_names.names_after(known[each.revision] for each in behind if each.revision in known)
    wanted = _wanted(pending, known, ours)
    found = list(find_taken(connection, wanted))
    if not found:
        return []
    judge = OwnObjects(connection)
    # what goes with a table, its sequence or index, is whose the table is
    wholes = {row.oid for row, _, _ in found if row.part == "relation"}
    found = [(row, revision, name) for row, revision, name in found if not judge.made_by(row, revision, name)]
    return sorted(
        (_stranger(connection, row, revision, name) for row, revision, name in found if row.whole not in wholes),
        key=lambda one: (one.kind not in {"table", "view"}, one.on, one.name),
    )


def refuse_run(
    connection: Connection, script: ScriptDirectory, heads: tuple[str, ...], steps: Sequence[Step], *, forced: bool
) -> None:
    """Refuse where a stranger has a name that the steps will make, or that what comes after a stamp will.

    A stamp that is `forced` only says so.
    """
    stamped = [revision for step in steps if step.info.is_stamp for revision in step.info.destination_revision_ids]
    if stamped:
        behind = {each.revision for each in script.iterate_revisions(tuple(stamped), "base", inclusive=True)}
        pending = [each for each in script.walk_revisions() if each.revision not in behind][::-1]
        found = find(connection, script, stamped, pending)
    else:
        pending = [step.revision for step in steps if isinstance(step, RevisionStep) and step.is_upgrade]
        found = find(connection, script, heads, pending)
    if found and stamped and forced:
        lines = "".join(f"\n  {each}" for each in found)
        log.warning("Stamped all the same (-x force=yes), although later revisions will refuse to run:%s", lines)
        return
    refuse(found, stamped or heads)


def refuse(strangers: Sequence[NameConflict], heads: Collection[str]) -> None:
    """Raise RefusedError that names each stranger and the way out; nothing where there is none."""
    if not strangers:
        return
    lines = "".join(f"\n  {each}" for each in strangers)
    adopt = f"python -m {program()} adopt {' '.join(sorted(heads))}".rstrip()
    only = "" if len(strangers) == 1 else "s"
    verb = "has a name" if len(strangers) == 1 else "have names"
    raise RefusedError(
        f"{len(strangers)} thing{only} of somebody else's {verb} that later revisions make, and would be taken for "
        f"theirs or stop them half-way:{lines}",
        "Nothing was changed. Rename or remove what is not needed, or have it set aside with all that is in it: "
        f"{adopt} --repair repair.sql --decided; read repair.sql, back up, then python -m {program()} psql -f "
        "repair.sql. The way down past the revision that makes the name brings back what is set aside.",
    )


def _wanted(pending: Sequence[Script], known: Mapping[str, Names], ours: frozenset[Name]) -> dict[Name, str]:
    """Each name that will be made, and which revision makes it first, without those that are there as ours."""
    wanted: dict[Name, str] = {}
    tables = {name.name for name in ours if name.kind.endswith("table")}
    for each in pending:
        for name in known[each.revision].made if each.revision in known else ():
            if name not in ours and (name.kind not in TABLE_SCOPED or name.on in tables):
                wanted.setdefault(name, each.revision)
    return wanted


def _stranger(connection: Connection, row: TakenRow, revision: str, name: Name) -> NameConflict:
    held = ""
    if row.part == "column":
        held = row_amount(connection, row.on, row.name)
    elif row.part == "relation" and row.kind in ROWS:
        held = row_amount(connection, row.name)
    return NameConflict(KINDS.get(row.kind, row.kind), row.on, row.name, held, revision, name, row.whole is not None)
