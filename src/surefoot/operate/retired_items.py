"""Everything that is set aside in a database: what operations wrote down, and what revisions keep by themselves."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.online import retired_registry
from surefoot.online.retire import retired_at_base
from surefoot.online.retired_registry import RetiredItem
from surefoot.operate import set_aside_schema

SCHEMAS = (retired_registry.SCHEMA, set_aside_schema.SCHEMA)
"""Where it stands: what migrations set aside, and what `adopt --repair` did in former versions."""

# What no row of retired.things speaks for. A sequence or index goes with its table, a partition with the whole, the
# type of a table with it; what an extension brought is its own.
UNSPOKEN = sa.text("""
    with thing (class, id, kind, space, name, shown, holds) as (
        select 'pg_class'::regclass, c.oid,
               case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                            when 'f' then 'foreign table' when 'c' then 'type' else 'table' end,
               relnamespace, relname, null::text, relkind in ('r', 'p', 'm')
          from pg_class c
         where relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
           and not relispartition
        union all
        select 'pg_type'::regclass, oid, case typtype when 'd' then 'domain' else 'type' end, typnamespace, typname,
               null, false
          from pg_type
         where typtype in ('e', 'd', 'r')
        union all
        select 'pg_proc'::regclass, oid, 'routine', pronamespace, proname, oid::regprocedure::text, false
          from pg_proc
    )
    select kind, nspname::text as space, thing.name::text as name, coalesce(shown, format('%I.%I', nspname, thing.name))
               as quoted, holds
      from thing
      join pg_namespace on pg_namespace.oid = space
     where nspname = any (:schemas)
       and not exists (select from pg_depend
                        where classid = class and objid = id
                          and (deptype = 'e' or kind = 'sequence' and deptype <> 'n'))
     order by nspname, kind, thing.name
""")
JOURNAL = sa.text("""
    select revision, max(started_at) as at
      from migration_journal
     where outcome = 'done'
       and direction in ('upgrade', 'downgrade')
     group by revision
""")
REVISION = re.compile(r"_([0-9a-f]{12})(?=_|$)")
"""As the released revisions are called, and Alembic calls new ones."""


@dataclass(frozen=True)
class KeptItem:
    """One thing that waits for somebody to want it back, or to delete it."""

    kind: str
    name: str
    """What it was: a table, or column of a table; of what a revision kept by itself, what it is called now."""
    readable: str | None
    """The relation that shows its rows, quoted."""
    quoted: str
    """What to drop: relation, type or routine; of a column its table."""
    revision: str | None
    at: dt.datetime | None
    rows: int | None
    """None where they could not be counted; 0 also for what has none, as a type."""
    thing: RetiredItem | None
    awaited: bool = False
    """Whether its revision has not run here yet, and will need it."""

    @property
    def holds_rows(self) -> bool:
        """Whether there is anything in it that somebody could miss."""
        return self.rows != 0

    @property
    def for_good(self) -> bool:
        """Whether no upgrade brings it back: the people that its rows belong to were deleted by the way to base."""
        return self.thing is not None and self.thing.revision.endswith(retired_at_base.BEFORE_BASE)

    @property
    def made_again(self) -> bool:
        """Whether a downgrade past its revision makes it again, empty, when it is deleted."""
        thing = self.thing
        return thing is not None and thing.what in {"column", "table"} and thing.direction == "upgrade"

    @property
    def of_others(self) -> bool:
        """Whether no revision ever knew it: somebody made it, and it was set aside for what needs its name."""
        if self.thing is not None:
            return self.thing.direction == retired_registry.DISPLACED
        return self.quoted.startswith(f"{set_aside_schema.SCHEMA}.")

    def __str__(self) -> str:
        about = "about " if self.kind == "column" else ""
        rows = "" if not self.rows else f", {about}{self.rows} row{'' if self.rows == 1 else 's'}"
        when = "at a time that is not known" if self.at is None else f"on {self.at:%Y-%m-%d}"
        if self.thing is None and self.of_others:
            return f"{self.kind} {self.name}{rows}, set aside by adopt, nobody knows when"
        if self.awaited:
            return f"{self.kind} {self.name}{rows}, kept for {self.revision}, which has not run here yet"
        verb = "set aside" if self.thing else "kept"
        return f"{self.kind} {self.name}{rows}, {verb} {when} {self._by_whom()}"

    def _by_whom(self) -> str:
        if self.revision is None:
            return "of unknown origin"
        if self.of_others:
            return f"for {self.revision}"
        down = self.thing is not None and self.thing.direction == "downgrade"
        by = f"by the downgrade of {self.revision}" if down else f"by {self.revision}"
        return f"{by}, on the way to base" if self.for_good else by


def found(connection: Connection) -> list[KeptItem]:
    """All of it, oldest first; what nobody knows the age of comes last."""
    spoken = retired_registry.all_items(connection)
    known = {(retired_registry.SCHEMA, "things")}
    known |= {(retired_registry.SCHEMA, name) for thing in spoken for name in (thing.stands_as, thing.readable_as)}
    objects = {(retired_registry.SCHEMA, thing.stands_as) for thing in spoken if thing.what == "object"}
    there = [_thing(connection, thing) for thing in spoken]
    rows = [
        row
        for row in connection.execute(UNSPOKEN, {"schemas": list(SCHEMAS)}).all()
        if (row.space, row.name) not in (objects if row.kind in {"type", "domain", "routine"} else known)
    ]
    journal = _journal(connection) if rows else {}
    for row in rows:
        revision = _revision(row.name, journal)
        count = _count(connection, row.quoted) if row.holds else 0
        at = journal.get(revision or "")
        shown = row.quoted if row.holds else None
        awaited = bool(journal) and revision is not None and at is None
        there.append(KeptItem(row.kind, row.quoted, shown, row.quoted, revision, at, count, None, awaited))
    return sorted(there, key=lambda each: (each.at is None, each.at))


def _thing(connection: Connection, thing: RetiredItem) -> KeptItem:
    name = f"{thing.table}.{thing.column}" if thing.column else thing.table
    revision = thing.revision.removesuffix(retired_at_base.BEFORE_BASE)
    readable = _quoted(connection, retired_registry.SCHEMA, thing.readable_as)
    if thing.what == "object":
        kind, arguments = str(thing.definitions["kind"]), str(thing.definitions["arguments"])
        holds = kind in {"materialized view", "foreign table"}
        rows = _count(connection, readable) if holds else 0
        shown = readable if holds or kind == "view" else None
        return KeptItem(kind, name, shown, readable + arguments, revision, thing.retired_at, rows, thing)
    quoted = readable if thing.what != "column" else _quoted(connection, thing.schema, thing.table)
    # of a column nobody wrote to since, no row had a value where there was no row
    rows = thing.rows if thing.what == "column" else _count(connection, readable)
    return KeptItem(thing.what, name, readable, quoted, revision, thing.retired_at, rows, thing)


def _count(connection: Connection, quoted: str) -> int | None:
    try:
        with connection.begin_nested():
            return int(execute_verbatim(connection, f"select count(*) from {quoted}").scalar_one())  # noqa: S608  # by format()
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) in {"42P01", "42501"}:
            return None
        raise


def _journal(connection: Connection) -> Mapping[str, dt.datetime]:
    if connection.execute(sa.text("select to_regclass('migration_journal')")).scalar_one() is None:
        return {}
    return {row.revision: row.at for row in connection.execute(JOURNAL)}


def _revision(name: str, journal: Mapping[str, dt.datetime]) -> str | None:
    """The revision that the name carries."""
    named = [each for each in journal if re.search(rf"_{re.escape(each)}(?=_|$)", name)]
    if named:
        return max(named, key=len)
    found = REVISION.search(name)
    return found[1] if found else None


def _quoted(connection: Connection, schema: str, name: str) -> str:
    query = sa.text("select format('%I.%I', cast(:schema as text), cast(:name as text))")
    return str(connection.execute(query, {"schema": schema, "name": name}).scalar_one())
