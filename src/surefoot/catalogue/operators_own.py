"""What of a database is its operator's, not its revision's: settings of storage, owners, publications and the like.

They are never a deviation, and a revision does not change them; `status` names them.
"""

import dataclasses

import sqlalchemy as sa

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Relation
from surefoot.database import execute_verbatim

FILLFACTOR = "fillfactor="
STORAGE = ("autovacuum_", "toast.", "toast_", "vacuum_", "log_autovacuum_", "parallel_workers")
"""The beginnings of the storage parameters of tables, which change how rows are kept and nothing that they mean."""

# Each query returns one row for each thing, in words. Objects of extensions are those of whoever chose the extension.
OWN = """
with relation as (
    select c.*
      from pg_class c
     where c.relnamespace = quote_ident(current_schema())::regnamespace
       and c.relkind in ('r', 'p', 'v', 'm', 'S')
       and not exists (
           select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
       )
),
owner as (
    select relowner as oid
      from relation
     where relkind in ('r', 'p')
     group by relowner
     order by count(*) desc, relowner
     limit 1
)
select 'owners' as kind,
       string_agg(relname, ', ' order by relname collate "C") || ' of ' || relowner::regrole as what
  from relation
 where relowner <> (select oid from owner)
 group by relowner
union all
select 'storage parameters', relname || ': ' || array_to_string(reloptions, ', ')
  from relation
 where reloptions is not null
   and relkind <> 'v'
union all
select 'storage of columns', relname || '.' || attname || ': ' || concat_ws(', ',
           case when attstorage <> typstorage then
               case attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end
           end,
           case attcompression when 'p' then 'pglz' when 'l' then 'lz4' end)
  from relation c
  join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
  join pg_type t on t.oid = atttypid
 where relkind in ('r', 'p')
   and (attstorage <> typstorage or attcompression <> '')
union all
select 'statistics targets', relname || '.' || attname || ': ' || attstattarget
  from relation c
  join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
 where relkind in ('r', 'p', 'm')
   and attstattarget >= 0
union all
select 'publications', quote_ident(pubname) || case when puballtables then ' for all tables' else '' end
  from pg_publication
union all
select 'casts', format('%s as %s', castsource::regtype, casttarget::regtype)
  from pg_cast k
 where k.oid >= 16384
   and not exists (
       select from pg_depend where classid = 'pg_cast'::regclass and objid = k.oid and deptype = 'e'
   )
union all
select 'event triggers', quote_ident(evtname) || ' on ' || evtevent
          || case evtenabled when 'D' then ' (disabled)' else '' end
  from pg_event_trigger e
 where not exists (
       select from pg_depend where classid = 'pg_event_trigger'::regclass and objid = e.oid and deptype = 'e'
   )
 order by 1, 2
"""
"""Returns the columns kind and what. Objects with an oid below 16384 came with the server."""


def left_out(expected: Catalogue, found: Catalogue) -> Catalogue:
    """Return `found` without the storage parameters that it has and `expected` does not.

    A fillfactor stays, because this is for authors, who take one out of the models as they put it in.
    """
    known = {relation.name: relation for relation in expected.relations}
    relations = (without_own_storage(known.get(each.name, each), each, STORAGE) for each in found.relations)
    return dataclasses.replace(found, relations=tuple(relations))


def without_own_storage(expected: Relation, found: Relation, own: tuple[str, ...] = (*STORAGE, FILLFACTOR)) -> Relation:
    """Return `found` without the storage parameters of `own` that it has and `expected` does not."""
    known = {option.partition("=")[0] for option in expected.options}
    kept = [
        option
        for option in found.options
        if option.partition("=")[0] in known or found.kind == "view" or not option.startswith(own)
    ]
    return found if len(kept) == len(found.options) else dataclasses.replace(found, options=tuple(kept))


def read(connection: sa.Connection) -> dict[str, list[str]]:
    """Return what the operator has of each kind, each in words. Raises sqlalchemy.exc.DBAPIError."""
    kinds: dict[str, list[str]] = {}
    for row in execute_verbatim(connection, OWN):
        kinds.setdefault(row.kind, []).append(row.what)
    return kinds
