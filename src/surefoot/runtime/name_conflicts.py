"""Finds objects that have a name which a pending revision creates, and that no revision created: strangers."""

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
from surefoot.runtime.row_amounts import row_amount
from surefoot.runtime.taken_names import TakenRow, find_taken, places

log = logging.getLogger("surefoot")

KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table",
    "S": "sequence", "i": "index", "I": "partitioned index", "c": "composite type",
    "e": "type", "d": "domain", "b": "type", "n": "range type", "multi": "multirange type",
}  # fmt: skip
ROWS = frozenset("rpmf")


@dataclass(frozen=True)
class NameConflict:
    """A stranger: an object with a name that a revision will create.

    `kind` is the kind of the object, `wanted` the name as the revision creates it, `on` the table of a table's part.
    """

    kind: str
    on: str
    name: str
    amount: str
    """The number of its rows or values as text; empty for other kinds."""
    revision: str
    wanted: Name
    owned: bool = False
    """Whether it belongs to a table: an index, or the sequence of a column."""

    def __str__(self) -> str:
        what = f"column {self.on}.{self.name}" if self.kind == "column" else f"{self.kind} {self.name}"
        where = f" of {self.on}" if self.on and self.kind != "column" else ""
        row_amount = f", {self.amount}" if self.amount else ""
        article = "an" if self.wanted.kind[0] in "aeiou" else "a"
        return f"{what}{where}{row_amount}: {self.revision} makes {article} {self.wanted.kind} of that name"


def folder(script: ScriptDirectory) -> Path:
    """Return the script folder, which has the file of the names."""
    return Path(script.dir)


def find(
    connection: Connection,
    script: ScriptDirectory,
    heads: Collection[str],
    pending: Sequence[Script],
    known: Mapping[str, Names] | None = None,
) -> list[NameConflict]:
    """Return the objects that have a name which one of `pending` will create, in a database at `heads`.

    `known` are the names by revision; where it is None they are read from `names.jsonl`. An object that the revision
    itself created before it was cut off is not returned, nor a function, index, constraint or trigger with the same
    definition, nor an INVALID index of the same table.
    """
    applied = list(script.iterate_revisions(tuple(heads), "base", inclusive=True))[::-1] if heads else []
    if known is None:
        known = revision_names.read(folder(script), [*applied, *pending])
    existing = revision_names.names_after(known[each.revision] for each in applied if each.revision in known)
    wanted = _names_to_create(pending, known, existing)
    found = list(find_taken(connection, wanted))
    if not found:
        return []
    own = OwnObjects(connection)
    # an index or owned sequence belongs with its table, and is not listed beside it
    wholes = {row.oid for row, _, _ in found if row.part == "relation"}
    found = [(row, revision, name) for row, revision, name in found if not own.made_by(row, revision, name)]
    return sorted(
        (_conflict(connection, row, revision, name) for row, revision, name in found if row.whole not in wholes),
        key=lambda one: (one.kind not in {"table", "view"}, one.on, one.name),
    )


def refuse_run(
    connection: Connection, script: ScriptDirectory, heads: tuple[str, ...], steps: Sequence[Step], *, forced: bool
) -> None:
    """Refuse a run where a stranger has a name that its steps will create.

    For a stamp that means the revisions after it, and a `forced` one only logs a warning. Raises RefusedError.
    """
    stamped = [revision for step in steps if step.info.is_stamp for revision in step.info.destination_revision_ids]
    if stamped:
        applied = {each.revision for each in script.iterate_revisions(tuple(stamped), "base", inclusive=True)}
        pending = [each for each in script.walk_revisions() if each.revision not in applied][::-1]
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
    """Raise RefusedError, which names each stranger and the remedy, where there are any."""
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


def _names_to_create(
    pending: Sequence[Script], known: Mapping[str, Names], existing: frozenset[Name]
) -> dict[Name, str]:
    """Return each name that will be created, with the revision that creates it first."""
    wanted: dict[Name, str] = {}
    tables = {name.name for name in existing if name.kind.endswith("table")}
    # a name that passes to another object: the view by which a renamed table has its old one, the index of that table
    passed_on = {place for name in existing if name.kind not in TABLE_SCOPED for place in places(name)}
    for each in pending:
        for name in known[each.revision].made if each.revision in known else ():
            if name.kind in TABLE_SCOPED:
                is_wanted = name not in existing and name.on in tables
            else:
                is_wanted = passed_on.isdisjoint(places(name))
            if is_wanted:
                wanted.setdefault(name, each.revision)
    return wanted


def _conflict(connection: Connection, row: TakenRow, revision: str, name: Name) -> NameConflict:
    amount = ""
    if row.part == "column":
        amount = row_amount(connection, row.on, row.name)
    elif row.part == "relation" and row.kind in ROWS:
        amount = row_amount(connection, row.name)
    return NameConflict(KINDS.get(row.kind, row.kind), row.on, row.name, amount, revision, name, row.whole is not None)
