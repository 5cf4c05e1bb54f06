"""The revisions of a database that no file here has, as its journal keeps them, and whether they only add.

An application one version back meets them. Nothing of a kept file runs here: what it says is read from its source.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError
from surefoot.program import program
from surefoot.runtime.journal import BEGUN, CUT_OFF, DONE, KEPT, STOPPED
from surefoot.runtime.kept_source import KeptRevision, read_source
from surefoot.wording import counted

SHOWN = 5
"""How many revisions a message names."""
READABLE = sa.text("""
    select has_table_privilege(oid, 'select')
       and (select count(*) from pg_attribute where attrelid = oid and attname = any (:kept)) = :all
      from pg_class
     where oid = to_regclass('migration_journal')
""")
# A failed try that changed nothing says nothing of where the database stands.
LAST_ROWS = sa.text("""
    select last.revision, last.direction, last.outcome, last.id = kept.id as is_last,
           kept.id, kept.started_at, kept.database_user, kept.package_version, kept.file_sha256, kept.file,
           kept.expand_only, kept.takes_away
      from (
           select distinct on (revision) revision, direction, outcome, id
             from migration_journal
            where revision <> all (:known)
              and direction in ('upgrade', 'downgrade', 'stamp')
              and (outcome <> 'failed' or starts_with(note, :cut_off) or starts_with(note, :stopped))
            order by revision, id desc
           ) as last
      left join lateral (
           select *
             from migration_journal
            where revision = last.revision
              and direction = 'upgrade'
              and outcome = 'done'
            order by id desc
            limit 1
           ) as kept on true
""")
"""The last row of each revision that has no file, and the row of its last upgrade."""


@dataclass(frozen=True)
class Newer:
    """The revisions by which a database at `heads` is newer than the files here, whose heads are `own`."""

    heads: tuple[str, ...]
    own: tuple[str, ...]
    met: frozenset[str]
    """The revisions with files here on which the newer ones build, and the heads that have a file."""
    revisions: tuple[KeptRevision, ...]
    """In the order in which they ran."""
    fault: str | None
    """Why nothing can be concluded from them, as a sentence; None where it can."""
    is_half_back: bool = False
    """Whether that is because a downgrade of one of them was begun and has not ended: the same command continues it."""

    @cached_property
    def usable(self) -> bool:
        """Whether this version can work with the database: it has all of this one, and what is newer only adds."""
        return self.fault is None and set(self.own) <= self.met and all(each.expand_only for each in self.revisions)

    @property
    def sentence(self) -> str:
        """Return what it is, where it is usable."""
        count = len(self.revisions)
        only, were = ("only adds", "it was") if count == 1 else ("only add", "they were")
        return (
            f"The database is newer than this version, at {_and(self.heads)}: {counted(count, 'revision')} after "
            f"{_and(self.own)} ({self._listed}) {only}, as declared and as proved when {were} run, so this version "
            "can work with it."
        )

    def refusal(self) -> RefusedError:
        """Return the error by which an application must not start, or by which a command cannot do its work."""
        stands = f"The database is at {_and(self.heads)}, newer than {_and(self.own)}, the newest revision here"
        install = f"Install the version of {program()} that has {_and(self.heads)}"
        if self.fault is not None:
            return RefusedError(
                f"{stands}, and {self.fault}", f"{install}.{f' {self._back}' if self.is_half_back else ''}"
            )
        if not set(self.own) <= self.met:
            return RefusedError(
                f"{stands}, and it lacks that one: the newer revisions ({self._listed}) build on {_and(self.met)}.",
                f"Install a version of {program()} that has both lines and merges them.",
            )
        narrowing = next((each for each in self.revisions if not each.expand_only), None)
        if narrowing is None:
            return RefusedError(
                f"{stands}: this version can work with it, for {self._listed} only add, but this command needs "
                "their files.",
                f"{install}. {self._back}",
            )
        return RefusedError(
            f"{stands}, and this version cannot work with it: {narrowing.named} {_why(narrowing)}",
            f"{install}. {self._back}",
        )

    @property
    def _listed(self) -> str:
        names = [each.revision for each in self.revisions]
        return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

    @property
    def _back(self) -> str:
        return (
            f"Or go back with the files that the journal keeps: python -m {program()} rollback "
            f"{' or '.join(sorted(self.own))} --with-kept-files, which says what it costs and makes a backup first."
        )


def read(connection: Connection, script: ScriptDirectory, heads: Iterable[str]) -> Newer | None:
    """Return how a database at `heads` is newer than the files of `script`, by its journal.

    None where each of them has a file, and where the journal does not tell: it is of an earlier version, cannot be read
    by this role, or has no file of a revision on the way, as one that came by a snapshot or by a stamp. It costs
    nothing where each head has a file, and two small queries elsewhere. Raises what Alembic raises for its files.
    """
    heads = tuple(heads)
    if not heads:
        return None
    known = {each.revision for each in script.walk_revisions()}
    if known.issuperset(heads):
        return None
    kept = {"kept": list(KEPT), "all": len(KEPT)}
    if not connection.execute(READABLE, kept).scalar():
        return None
    given = {"known": sorted(known), "cut_off": CUT_OFF, "stopped": STOPPED}
    return _chain({row.revision: row for row in connection.execute(LAST_ROWS, given)}, known, script, heads)


def _chain(
    rows: dict[str, Any], known: Collection[str], script: ScriptDirectory, heads: tuple[str, ...]
) -> Newer | None:
    found: dict[str, KeptRevision] = {}
    met, rest, fault = set[str](), list(heads), None
    while rest:
        revision = rest.pop()
        if revision in found:
            continue
        if revision in known:
            met.add(revision)
            continue
        row = rows.get(revision)
        if row is None or row.file is None or not (row.is_last or _is_half_back(row)):
            return None
        read_file = read_source(row)
        if isinstance(read_file, str):
            fault = read_file
            break
        found[revision] = read_file
        rest += read_file.parents
    begun = next((each for each in rows.values() if each.outcome != DONE), None)
    is_half_back = begun is not None and fault is None and begun.revision in found
    if begun is not None and fault is None:
        words = "is running or was cut off" if begun.outcome == BEGUN else "stopped half-way"
        what = "a downgrade" if begun.direction == "downgrade" else "an upgrade"
        fault = f"{what} of {begun.revision} {words}: nobody knows what is there now."
    in_order = sorted(found.values(), key=lambda each: rows[each.revision].id)
    return Newer(heads, tuple(script.get_heads()), frozenset(met), tuple(in_order), fault, is_half_back)


def _is_half_back(row: Any) -> bool:
    return bool(row.direction == "downgrade" and row.outcome != DONE)


def _why(revision: KeptRevision) -> str:
    if revision.takes_away:
        return f"takes away what older code may need: {revision.takes_away}."
    data = f"; of the data it says: {revision.data.rstrip('.')}" if revision.data else ""
    return f"does not declare that it only adds{data}."


def _and(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
