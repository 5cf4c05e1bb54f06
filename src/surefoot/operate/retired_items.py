"""Lists everything that is retired in a database: the registry's items, and objects that revisions keep without it."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.online import retired_registry
from surefoot.online.retire import retired_at_base
from surefoot.online.retired_registry import RetiredItem
from surefoot.operate import set_aside_schema
from surefoot.program import program
from surefoot.runtime import shared_retired
from surefoot.wording import counted

SCHEMAS = (retired_registry.SCHEMA, set_aside_schema.SCHEMA)
"""The schemas of retired objects: that of migrations, and that of `adopt --repair` in earlier versions."""

# Objects without a row in retired.things. Left out are those that are dropped with another one: sequences and indexes
# of tables, partitions, row types, and members of extensions.
UNREGISTERED = sa.text("""
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
BYTES = sa.text("""
    select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
      from pg_class
     where relkind in ('r', 'm')
       and relnamespace in (select oid from pg_namespace where nspname = any (:schemas))
""")
LAST_RUNS = sa.text("""
    select revision, max(started_at) as at
      from migration_journal
     where outcome = 'done'
       and direction in ('upgrade', 'downgrade')
     group by revision
""")
REVISION_IN_NAME = re.compile(r"_([0-9a-f]{12})(?=_|$)")
"""The id of a revision within a name, in the form of the released revisions and of Alembic's new ones."""


@dataclass(frozen=True)
class KeptItem:
    """One retired item: a downgrade may bring it back, or a purge may delete it."""

    kind: str
    name: str
    """Its original name, of a column with its table. An object that is not in the registry has its present name
    here."""
    relation: str | None
    """The quoted relation that shows its rows; None if it has no rows to show."""
    identifier: str
    """The quoted relation, type or routine to drop; of a column its table."""
    revision: str | None
    """The revision that retired it, or whose id its name carries; None if unknown."""
    at: dt.datetime | None
    rows: int | None
    """None if they could not be counted; 0 also for an item without rows, such as a type."""
    registered: RetiredItem | None
    """Its row in the registry; None if it is not in there."""
    still_needed: bool = False
    """Whether it was kept for a revision that has not run here yet."""

    @property
    def holds_rows(self) -> bool:
        """Return whether it has rows that somebody could miss, or may have: rows that could not be counted are rows."""
        return self.rows != 0

    @property
    def irrecoverable(self) -> bool:
        """Return whether no upgrade restores it: a downgrade to base deleted the rows that its own belong to."""
        return self.registered is not None and self.registered.revision.endswith(retired_at_base.BEFORE_BASE)

    @property
    def recreatable(self) -> bool:
        """Return whether a downgrade past its revision creates it again, empty, after it was purged."""
        item = self.registered
        return item is not None and item.what in {"column", "table"} and item.direction == "upgrade"

    @property
    def unexpected(self) -> bool:
        """Return whether no revision made it: it was set aside because a revision needs its name."""
        if self.registered is not None:
            return self.registered.direction == retired_registry.DISPLACED
        return self.identifier.startswith(f"{set_aside_schema.SCHEMA}.")

    @property
    def advice(self) -> str:
        """Return what may be done with it, as a sentence."""
        if self.still_needed:
            return f"Leave it: {self.revision} needs it."
        if self.irrecoverable:
            no = "No upgrade brings it back, for the way to base deleted what it belongs to"
            return f"{no}; {program()} purge deletes it."
        return f"It may stay; {program()} purge deletes what nobody will want back."

    def __str__(self) -> str:
        about = "about " if self.kind == "column" else ""
        rows = "" if not self.rows else f", {about}{counted(self.rows, 'row')}"
        when = "at a time that is not known" if self.at is None else f"on {self.at:%Y-%m-%d}"
        if self.registered is None and self.unexpected:
            return f"{self.kind} {self.name}{rows}, set aside by adopt, nobody knows when"
        if self.still_needed:
            return f"{self.kind} {self.name}{rows}, kept for {self.revision}, which has not run here yet"
        verb = "set aside" if self.registered else "kept"
        return f"{self.kind} {self.name}{rows}, {verb} {when} {self._by_whom()}"

    def _by_whom(self) -> str:
        if self.revision is None:
            return "of unknown origin"
        if self.unexpected:
            return f"for {self.revision}"
        down = self.registered is not None and self.registered.direction == "downgrade"
        by = f"by the downgrade of {self.revision}" if down else f"by {self.revision}"
        return f"{by}, on the way to base" if self.irrecoverable else by


def read(connection: Connection) -> list[KeptItem]:
    """Return all retired items, oldest first; those of unknown age come last. Another schema's are not ours."""
    if shared_retired.other_owner(connection) is not None:
        return []
    items = retired_registry.all_items(connection)
    relations = {(retired_registry.SCHEMA, "things")}
    relations |= {(retired_registry.SCHEMA, name) for item in items for name in (item.stands_as, item.readable_as)}
    objects = {(retired_registry.SCHEMA, item.stands_as) for item in items if item.what == "object"}
    kept = [_kept_item(connection, item) for item in items]
    rows = [
        row
        for row in connection.execute(UNREGISTERED, {"schemas": list(SCHEMAS)}).all()
        if (row.space, row.name) not in (objects if row.kind in {"type", "domain", "routine"} else relations)
    ]
    journal = _journal(connection) if rows else {}
    for row in rows:
        revision = _revision(row.name, journal)
        count = _count(connection, row.quoted) if row.holds else 0
        at = journal.get(revision or "")
        relation = row.quoted if row.holds else None
        still_needed = bool(journal) and revision is not None and at is None
        kept.append(KeptItem(row.kind, row.quoted, relation, row.quoted, revision, at, count, None, still_needed))
    return sorted(kept, key=lambda each: (each.at is None, each.at))


def stored_bytes(connection: Connection) -> int:
    """Return the bytes of the tables that hold only what is retired. Retired columns are a part of theirs."""
    if shared_retired.other_owner(connection) is not None:
        return 0
    return int(connection.execute(BYTES, {"schemas": list(SCHEMAS)}).scalar_one())


def _kept_item(connection: Connection, item: RetiredItem) -> KeptItem:
    name = f"{item.table}.{item.column}" if item.column else item.table
    revision = item.revision.removesuffix(retired_at_base.BEFORE_BASE)
    readable = _quoted(connection, retired_registry.SCHEMA, item.readable_as)
    if item.what == "object":
        kind, arguments = str(item.definitions["kind"]), str(item.definitions["arguments"])
        holds = kind in {"materialized view", "foreign table"}
        rows = _count(connection, readable) if holds else 0
        relation = readable if holds or kind == "view" else None
        return KeptItem(kind, name, relation, readable + arguments, revision, item.retired_at, rows, item)
    quoted = readable if item.what != "column" else _quoted(connection, item.schema, item.table)
    # nobody wrote to a retired column since, so the count of its retirement holds
    rows = item.rows if item.what == "column" else _count(connection, readable)
    return KeptItem(item.what, name, readable, quoted, revision, item.retired_at, rows, item)


def _count(connection: Connection, quoted: str) -> int | None:
    try:
        with connection.begin_nested():
            return int(execute_verbatim(connection, f"select count(*) from {quoted}").scalar_one())  # noqa: S608  # by format()
    except sa.exc.DBAPIError as fault:
        if isinstance(fault.orig, errors.UndefinedTable | errors.InsufficientPrivilege):
            return None
        raise


def _journal(connection: Connection) -> Mapping[str, dt.datetime]:
    if connection.execute(sa.text("select to_regclass('migration_journal')")).scalar_one() is None:
        return {}
    return {row.revision: row.at for row in connection.execute(LAST_RUNS)}


def _revision(name: str, journal: Mapping[str, dt.datetime]) -> str | None:
    """Return the revision whose id is part of the name: one of the journal, else whatever has the form of an id."""
    revisions = [each for each in journal if re.search(rf"_{re.escape(each)}(?=_|$)", name)]
    if revisions:
        return max(revisions, key=len)
    match = REVISION_IN_NAME.search(name)
    return match[1] if match else None


def _quoted(connection: Connection, schema: str, name: str) -> str:
    query = sa.text("select format('%I.%I', cast(:schema as text), cast(:name as text))")
    return str(connection.execute(query, {"schema": schema, "name": name}).scalar_one())
