"""What hangs on a stranger, and so is set aside for the same revision: they come back together, tied as they were."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Thing = tuple[str, str]
"""The table of a column and its name; of anything else "" and its name, that of a function with its arguments."""

# One hangs on the other where it would not be what it is without: what reads it, points to it or inherits from it. What
# is only tied, as a table is to the type of a column, or to the function of its trigger, can do without its name.
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
       and one.relnamespace = current_schema()::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, '{}', true
      from pg_inherits
      join pg_class as one on one.oid = inhrelid
      join pg_class as other on other.oid = inhparent
     where one.relnamespace = current_schema()::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, array_remove(array_agg(attname::text), null), true
      from pg_rewrite
      join pg_class as one on one.oid = ev_class and one.relkind in ('v', 'm')
      join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
       and refclassid = 'pg_class'::regclass
      join pg_class as other on other.oid = refobjid and other.oid <> one.oid
      left join pg_attribute on attrelid = refobjid and attnum = refobjsubid and attnum > 0
     where one.relnamespace = current_schema()::regnamespace
     group by one.relname, other.relname
    union all
    select one.relname::text, array[made.attname::text], one.relname::text, array[base.attname::text], true
      from pg_attrdef
      join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid
       and refclassid = 'pg_class'::regclass and refobjid = adrelid and refobjsubid not in (0, adnum)
      join pg_class as one on one.oid = adrelid
      join pg_attribute as made on made.attrelid = adrelid and made.attnum = adnum
      join pg_attribute as base on base.attrelid = adrelid and base.attnum = refobjsubid
     where one.relnamespace = current_schema()::regnamespace
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
     where pronamespace = current_schema()::regnamespace
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
       and one.relnamespace = current_schema()::regnamespace
    union all
    select one.relname::text, array[attname::text], typname::text, '{}', false
      from pg_attribute
      join pg_class as one on one.oid = attrelid
      join pg_type on atttypid in (pg_type.oid, typarray)
     where one.relnamespace = current_schema()::regnamespace
       and typnamespace = current_schema()::regnamespace
       and attnum > 0
       and not attisdropped
""")


def revisions(
    connection: Connection,
    makers: Mapping[Thing, str],
    ours: Collection[Thing],
    order: Sequence[str],
    *,
    all_goes: bool,
) -> Mapping[Thing, str]:
    """For which revision each is set aside: `makers` for the strangers, and theirs for what hangs on them.

    `ours` are the tables and columns that stay; `order` has the revisions, oldest first: of several it is the oldest,
    for the way down comes to that last, when all the others are back. Where `all_goes` that is not ours, what strangers
    themselves hang on or are tied to comes back with them, too.
    """
    found = dict(makers)
    ties: list[tuple[Thing, Thing]] = []
    for row in connection.execute(LINKS):
        if row.hangs or all_goes:
            ties += [(other, one) for one, other in _ends(row, ours)]
    ties += [tie[::-1] for tie in ties] if all_goes else []
    changed = True
    while changed:
        changed = False
        for one, other in ties:
            here, there = found.get(one), found.get(other)
            if here is None or other in makers:
                continue
            if there is None or order.index(here) < order.index(there):
                found[other] = here
                changed = True
    return found


def _ends(
    row: sa.Row[tuple[str, list[str], str, list[str], bool]], ours: Collection[Thing]
) -> Iterator[tuple[Thing, Thing]]:
    def end(table: str, columns: list[str]) -> list[Thing]:
        if ("", table) not in ours:
            return [("", table)]
        return [(table, name) for name in columns if (table, name) not in ours]

    return product(end(row.one, row.one_columns), end(row.other, row.other_columns))
