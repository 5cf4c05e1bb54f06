"""Finds what depends on objects whose names are needed, so that they are retired, and restored, together."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

import sqlalchemy as sa
from sqlalchemy.engine import Connection

ObjectKey = tuple[str, str]
"""The table and the name of a column; "" and the name of anything else, of a function with its arguments."""

# `hangs` is true where one depends on the other: it reads, references or inherits from it. It is false where a table
# uses a type or a trigger function, which can get another name.
LINKS = sa.text("""
    select one.relname::text as one, array(select attname::text from pg_attribute
                                            where attrelid = conrelid and attnum = any (conkey)) as one_columns,
           other.relname::text as other, array(select attname::text from pg_attribute
                                                where attrelid = confrelid and attnum = any (confkey)) as other_columns,
           true as hangs
      from pg_constraint
      join pg_class as one on one.oid = conrelid
      join pg_class as other on other.oid = confrelid
     where contype = 'f'
       and one.relnamespace = quote_ident(current_schema())::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, '{}', true
      from pg_inherits
      join pg_class as one on one.oid = inhrelid
      join pg_class as other on other.oid = inhparent
     where one.relnamespace = quote_ident(current_schema())::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, array_remove(array_agg(attname::text), null), true
      from pg_rewrite
      join pg_class as one on one.oid = ev_class and one.relkind in ('v', 'm')
      join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
       and refclassid = 'pg_class'::regclass
      join pg_class as other on other.oid = refobjid and other.oid <> one.oid
      left join pg_attribute on attrelid = refobjid and attnum = refobjsubid and attnum > 0
     where one.relnamespace = quote_ident(current_schema())::regnamespace
     group by one.relname, other.relname
    union all
    select one.relname::text, array[made.attname::text], one.relname::text, array[base.attname::text], true
      from pg_attrdef
      join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid
       and refclassid = 'pg_class'::regclass and refobjid = adrelid and refobjsubid not in (0, adnum)
      join pg_class as one on one.oid = adrelid
      join pg_attribute as made on made.attrelid = adrelid and made.attnum = adnum
      join pg_attribute as base on base.attrelid = adrelid and base.attnum = refobjsubid
     where one.relnamespace = quote_ident(current_schema())::regnamespace
    union all
    select quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')', '{}', other.relname::text,
           array_remove(array_agg(attname::text), null), true
      from pg_proc
      join pg_depend on classid = 'pg_proc'::regclass and objid = pg_proc.oid
      left join pg_type as rows on refclassid = 'pg_type'::regclass and refobjid in (rows.oid, rows.typarray)
       and rows.typrelid <> 0
      join pg_class as other
        on other.oid = case refclassid when 'pg_class'::regclass then refobjid else rows.typrelid end
      left join pg_attribute on refclassid = 'pg_class'::regclass and attrelid = refobjid and attnum = refobjsubid
       and attnum > 0
     where pronamespace = quote_ident(current_schema())::regnamespace
     group by proname, proargtypes, other.relname
    union all
    select one.relname::text, array(select attname::text from pg_depend
                                      join pg_attribute on attrelid = refobjid and attnum = refobjsubid
                                     where classid = 'pg_trigger'::regclass and objid = pg_trigger.oid
                                       and refclassid = 'pg_class'::regclass and refobjid = tgrelid
                                       and refobjsubid > 0),
           quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')', '{}', false
      from pg_trigger
      join pg_class as one on one.oid = tgrelid
      join pg_proc on pg_proc.oid = tgfoid
     where not tgisinternal
       and one.relnamespace = quote_ident(current_schema())::regnamespace
    union all
    select one.relname::text, array[attname::text], typname::text, '{}', false
      from pg_attribute
      join pg_class as one on one.oid = attrelid
      join pg_type on atttypid in (pg_type.oid, typarray)
     where one.relnamespace = quote_ident(current_schema())::regnamespace
       and typnamespace = quote_ident(current_schema())::regnamespace
       and attnum > 0
       and not attisdropped
""")


def retire_revisions(
    connection: Connection,
    conflicts: Mapping[ObjectKey, str],
    expected: Collection[ObjectKey],
    revisions_in_order: Sequence[str],
    *,
    retire_all: bool,
) -> Mapping[ObjectKey, str]:
    """Return the revision for which each object is retired: `conflicts` and everything that depends on them.

    `conflicts` maps the objects whose names are needed to the revisions that need them. `expected` are the tables and
    columns that stay. Of several revisions in `revisions_in_order`, oldest first, an object gets the oldest: its
    downgrade runs last, when all the others are restored. With `retire_all` every unexpected object is retired, so what
    the conflicts themselves depend on or use gets their revision as well.
    """
    retire_for = dict(conflicts)
    ties: list[tuple[ObjectKey, ObjectKey]] = []
    for row in connection.execute(LINKS):
        if row.hangs or retire_all:
            ties += [(other, one) for one, other in _ends(row, expected)]
    ties += [tie[::-1] for tie in ties] if retire_all else []
    changed = True
    while changed:
        changed = False
        for one, other in ties:
            revision, present = retire_for.get(one), retire_for.get(other)
            if revision is None or other in conflicts:
                continue
            if present is None or revisions_in_order.index(revision) < revisions_in_order.index(present):
                retire_for[other] = revision
                changed = True
    return retire_for


def _ends(
    row: sa.Row[tuple[str, list[str], str, list[str], bool]], expected: Collection[ObjectKey]
) -> Iterator[tuple[ObjectKey, ObjectKey]]:
    def end(table: str, columns: list[str]) -> list[ObjectKey]:
        if ("", table) not in expected:
            return [("", table)]
        return [(table, name) for name in columns if (table, name) not in expected]

    return product(end(row.one, row.one_columns), end(row.other, row.other_columns))
