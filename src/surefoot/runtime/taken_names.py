"""Finds the objects of a database that have names which revisions will create."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.revision_names import TABLE_SCOPED, Name

# Looks in the schema in which unqualified names are created. PostgreSQL renames array types by itself, so they are no
# obstacle. `whole` is the oid of the table that an index or an owned sequence belongs to.
TAKEN = sa.text("""
    with home as materialized (
        select oid from pg_namespace where nspname = current_schema()
    )
    select 'relation' as part, '' as on, relname::text as name, relkind::text as kind, pg_class.oid::bigint as oid,
           coalesce(indrelid, refobjid)::bigint as whole,
           case when not indisvalid then (select relname::text from pg_class where oid = indrelid) end as unfinished_on
      from home
      join pg_class on relnamespace = home.oid and relname = any(cast(:relations as name[]))
      left join pg_index on indexrelid = pg_class.oid
      left join pg_depend on classid = 'pg_class'::regclass and objid = pg_class.oid and relkind = 'S'
       and refclassid = 'pg_class'::regclass and refobjsubid > 0 and deptype in ('a', 'i')
     union all
    select 'type', '', typname::text,
           case typtype when 'm' then 'multi' when 'r' then 'n' else typtype::text end, null, null, null
      from home
      join pg_type on typnamespace = home.oid and typname = any(cast(:types as name[]))
     where typrelid = 0
       and not exists (select from pg_type as element where element.typarray = pg_type.oid)
     union all
    select 'function', '', quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')',
           case prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window function'
                        else 'function' end, null, null, null
      from home
      join pg_proc on pronamespace = home.oid
       and quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')' = any(:functions)
     union all
    select 'column', relname::text, attname::text, 'column', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:column_tables as name[]), cast(:columns as name[])) as target (of, name) on true
      join pg_class on relnamespace = home.oid and relname = target.of
      join pg_attribute on attrelid = pg_class.oid and attname = target.name and attnum > 0 and not attisdropped
     union all
    select 'constraint', relname::text, conname::text, 'constraint', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:constraint_tables as name[]), cast(:constraints as name[])) as target (of, name) on true
      join pg_class on relnamespace = home.oid and relname = target.of
      join pg_constraint on conrelid = pg_class.oid and conname = target.name
     union all
    select 'trigger', relname::text, tgname::text, 'trigger', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:trigger_tables as name[]), cast(:triggers as name[])) as target (of, name) on true
      join pg_class on relnamespace = home.oid and relname = target.of
      join pg_trigger on tgrelid = pg_class.oid and tgname = target.name and not tgisinternal
""")

TakenRow = sa.Row[Any]
"""A row of TAKEN."""


def find_taken(connection: Connection, names: Mapping[Name, str]) -> Iterator[tuple[TakenRow, str, Name]]:
    """Yield the object that has one of `names`, the revision that will create the name, and the name.

    `names` maps each name to its revision. Each name is yielded once.
    """
    by_place = {place: (revision, name) for name, revision in names.items() for place in places(name)}
    parameters: dict[str, list[str]] = {}
    for part in ("relation", "type", "function", "column", "constraint", "trigger"):
        pairs = sorted({(on, name) for place, on, name in by_place if place == part})
        parameters[f"{part}s"] = [name for _, name in pairs]
        if part in TABLE_SCOPED:
            parameters[f"{part}_tables"] = [on for on, _ in pairs]
    reported: set[Name] = set()
    for row in connection.execute(TAKEN, parameters).all():
        revision, name = by_place[row.part, row.on, row.name]
        if name not in reported:
            reported.add(name)
            yield row, revision, name


def places(name: Name) -> Iterable[tuple[str, str, str]]:
    """Return where the name must be free: a table also occupies a name among types."""
    match name.kind:
        case "column" | "constraint" | "trigger":
            return [(name.kind, name.on, name.name)]
        case "function" | "procedure" | "aggregate" | "window function":
            return [("function", "", name.name)]
        case "index" | "sequence":
            return [("relation", "", name.name)]
        case _:
            return [("relation", "", name.name), ("type", "", name.name)]
