"""Finds a revision that was begun and not finished, by the journal or else by what its operations leave behind."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.program import alembic_command, program
from surefoot.runtime import migrator_lock, unbuilt_indexes
from surefoot.runtime.error_translation import COMMITS_IN_PARTS
from surefoot.runtime.journal import CUT_OFF, STOPPED, TOWARDS

OURS = re.compile(r"^(Usage|Refused|Failed|Attention)Error: ")
"""The beginning of an error of this package in the journal."""
TABLES_EXIST = sa.text("""
    select to_regclass('migration_journal') is not null as journal,
           (select has_schema_privilege(oid, 'usage') and to_regclass('retired.things') is not null
              from pg_namespace
             where nspname = 'retired') as things
""")
JOURNALLED = sa.text("""
    select revision,
           direction,
           error,
           substring(note from cast(:towards as text)) as towards,
           coalesce(starts_with(note, :stopped), false) as stopped
      from migration_journal as begun
     where direction in ('upgrade', 'downgrade')
       and (outcome = 'begun'
            or outcome = 'failed' and (starts_with(note, :cut_off) or starts_with(note, :stopped)))
       and not exists (
           select from migration_journal as later
            where later.revision = begun.revision
              and later.outcome = 'done'
              and later.id > begun.id)
     order by id desc
""")
LEFTOVERS = sa.text("""
    select attname::text as name, relname::text as "on"
      from pg_attribute
      join pg_class on pg_class.oid = attrelid
     where relnamespace = quote_ident(current_schema())::regnamespace
       and starts_with(attname, '__changing_')
       and not attisdropped
     union all
    select proname::text, null
      from pg_proc
     where pronamespace = quote_ident(current_schema())::regnamespace
       and starts_with(proname, '__changing_')
     union all
    select conname::text, conrelid::regclass::text
      from pg_constraint
     where connamespace = quote_ident(current_schema())::regnamespace
       and (starts_with(conname, '__changing_') or starts_with(conname, 'ourschool_'))
     union all
    select relname::text, null
      from pg_index
      join pg_class on pg_class.oid = indexrelid
     where relnamespace = quote_ident(current_schema())::regnamespace
       and not indisvalid
       and relkind = 'i'
""")
COMING_BACK = sa.text("""
    select revision, direction
      from retired.things
     where coming_back
       and (schema_name in (current_schema(), 'retired')
            or to_regclass(format('%I.alembic_version', schema_name)) is null)
     order by id desc
     limit 1
""")


@dataclass(frozen=True)
class CutOff:
    """An unfinished revision: its direction, what stopped it, and the command that continues it."""

    revision: str
    title: str
    direction: str
    target: str
    """The target of that command."""
    error: str | None = None
    """What has to be corrected first; None where the same command continues as it is."""
    running: str | None = None
    """The session that is running it at this moment; None where none is."""

    @property
    def happened(self) -> str:
        """Return the first sentence: what happened."""
        what = (
            f'{"An upgrade to" if self.direction == "upgrade" else "A downgrade of"} {self.revision} ("{self.title}")'
        )
        if self.running:
            return f"{what} is running now: {self.running}."
        if self.error:
            return f"{what} stopped half-way: {self.error.rstrip('.')}."
        return f"{what} was cut off."

    @property
    def message(self) -> str:
        """Return what happened, and whether anything has to be corrected."""
        if self.running:
            return self.happened
        return f"{self.happened} {'What it had done is kept.' if self.error else 'Nothing is wrong: run it again.'}"

    @property
    def remedy(self) -> str:
        """Return what to do now."""
        if self.running:
            return f"Wait for it to end; python -m {program()} status shows it."
        return f"Correct what it names, then run it again: {self.command}" if self.error else self.command

    @property
    def command(self) -> str:
        """Return the command that continues it."""
        return f"{alembic_command()} {self.direction} {self.target}"

    @property
    def sentence(self) -> str:
        """Return the message and the remedy in one line."""
        if self.running or self.error:
            return f"{self.message} {self.remedy}"
        return f"{self.message.removesuffix('.')}: {self.command}"

    def as_json(self) -> dict[str, str | None]:
        """Return it as a JSON object."""
        return {
            "revision": self.revision, "direction": self.direction, "error": self.error, "running": self.running,
            "message": self.message, "remedy": self.remedy,
        }  # fmt: skip


def find(
    connection: Connection, script: ScriptDirectory, heads: Iterable[str], *, alone: bool = False
) -> CutOff | None:
    """Return the revision that was begun and not finished in the database at `heads`; None where there is none.

    `alone` says that the caller holds the migrator lock, so that no other session can be running it. It takes four
    small queries at most. Where a revision left no object with a recognisable name, only the journal knows of it.
    """
    chain = Chain(script, tuple(heads))

    def running() -> str | None:
        return None if alone else _running(connection)

    tables = connection.execute(TABLES_EXIST).one()
    rows = (
        connection.execute(JOURNALLED, {"cut_off": CUT_OFF, "stopped": STOPPED, "towards": f"{TOWARDS}(\\S+)$"})
        if tables.journal
        else ()
    )
    for row in rows:
        if chain.can_be_unfinished(row.revision, row.direction):
            error = row.error if row.stopped else None
            return chain.cut_off(row.revision, row.direction, error=error, running=running(), towards=row.towards)
    if tables.things:
        for row in connection.execute(COMING_BACK):
            direction = "downgrade" if row.direction == "upgrade" else "upgrade"
            if chain.can_be_unfinished(row.revision, direction):
                return chain.cut_off(row.revision, direction, running=running())
    leftovers = connection.execute(LEFTOVERS).all()
    queued = unbuilt_indexes.names(connection) if leftovers else frozenset()
    for row in leftovers:
        if row.on is None and row.name in queued:  # the worker's, not a revision's
            continue
        found = chain.revision_of_leftover(row.name, row.on)
        if found is not None:
            return chain.cut_off(*found, running=running())
    return None


def _running(connection: Connection) -> str | None:
    return migrator_lock.holder(connection) or migrator_lock.holder(connection, migrator_lock.WORKER)


class Chain:
    """The revisions that have files, divided into applied and pending ones for a database at `heads`."""

    def __init__(self, script: ScriptDirectory, heads: tuple[str, ...]) -> None:
        self._script = script
        self._heads = heads

    @cached_property
    def _known(self) -> dict[str, Script]:
        return {each.revision: each for each in self._script.walk_revisions("base", "heads")}

    @cached_property
    def _applied(self) -> frozenset[str]:
        heads = (head for head in self._heads if head in self._known)
        return frozenset(
            each.revision for head in heads for each in self._script.iterate_revisions(head, "base", inclusive=True)
        )

    def can_be_unfinished(self, revision: str, direction: str) -> bool:
        """Return whether the revision can be unfinished: pending for an upgrade, applied for a downgrade."""
        return revision in self._known and (revision in self._applied) == (direction == "downgrade")

    def unfinished_candidates(self) -> Iterator[tuple[Script, str]]:
        """Yield the revisions that commit in parts and can be half done: the next ones up, and the heads down."""
        for each in self._known.values():
            below = each.down_revision
            parents = below if isinstance(below, (tuple, list)) else (below,) if below else ()
            if each.revision not in self._applied and self._applied.issuperset(parents):
                yield from [(each, "upgrade")] if _in_parts(each) else []
        for head in self._heads:
            if head in self._known and _in_parts(self._known[head]):
                yield self._known[head], "downgrade"

    def revision_of_leftover(self, name: str, on: str | None) -> tuple[str, str] | None:
        """Return the revision and direction that left an object: its name has the id, or the file has its name.

        `on` is the table of a constraint or column.
        """
        for script, direction in self.unfinished_candidates():
            text = Path(script.path).read_text("utf-8")
            if name.startswith("__changing_"):
                named = name.startswith(f"__changing_{script.revision}_")
            elif name.startswith("ourschool_"):
                table = (on or "").strip('"')
                column = name.removeprefix(f"ourschool_{table}_").removesuffix("_not_null")
                named = table in text and column in text and "not_null" in text
            else:
                named = name in text
            if named:
                return script.revision, direction
        return None

    def cut_off(
        self,
        revision: str,
        direction: str,
        *,
        error: str | None = None,
        running: str | None = None,
        towards: str | None = None,
    ) -> CutOff:
        """Return the unfinished revision; an upgrade is continued `towards` its target, or to head if that is None."""
        script = self._known[revision]
        below = script.down_revision
        if direction == "upgrade" and towards is not None:
            target = towards if self.can_be_unfinished(towards, direction) else revision
        elif direction == "upgrade":
            target = "head" if len(self._script.get_heads()) == 1 else "heads"
        else:
            target = (below if isinstance(below, str) else below[0]) if below else "base"
        reason = " ".join(OURS.sub("", (error or "").partition("\n")[0]).split())
        return CutOff(revision, script.doc or "", direction, target, reason or None, running)


def _in_parts(script: Script) -> bool:
    return bool(COMMITS_IN_PARTS.search(Path(script.path).read_text("utf-8")))
