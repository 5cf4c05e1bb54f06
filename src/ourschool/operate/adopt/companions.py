"""What hangs on a stranger, and so is set aside for the same revision: they come back together, tied as they were."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Thing = tuple[str, str]
"""The table of a column and its name; of anything else "" and its name."""

LINKS = sa.text("""
    select one.relname::text as one, array(select attname::text from pg_attribute
                                            where attrelid = conrelid and attnum = any (conkey)) as one_columns,
           other.relname::text as other, array(select attname::text from pg_attribute
                                                where attrelid = confrelid and attnum = any (confkey)) as other_columns
      from pg_constraint
      join pg_class as one on one.oid = conrelid
      join pg_class as other on other.oid = confrelid
     where contype = 'f'
       and one.relnamespace = current_schema()::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, '{}'
      from pg_inherits
      join pg_class as one on one.oid = inhrelid
      join pg_class as other on other.oid = inhparent
     where one.relnamespace = current_schema()::regnamespace
    union all
    select one.relname::text, '{}', other.relname::text, array_remove(array_agg(attname::text), null)
      from pg_rewrite
      join pg_class as one on one.oid = ev_class and one.relkind in ('v', 'm')
      join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
       and refclassid = 'pg_class'::regclass
      join pg_class as other on other.oid = refobjid and other.oid <> one.oid
      left join pg_attribute on attrelid = refobjid and attnum = refobjsubid and attnum > 0
     where one.relnamespace = current_schema()::regnamespace
     group by one.relname, other.relname
""")


def revisions(
    connection: Connection, makers: Mapping[Thing, str], ours: Collection[str], order: Sequence[str]
) -> Mapping[Thing, str]:
    """For which revision each is set aside: `makers` for the strangers, and theirs for what hangs on them.

    `ours` are the tables that stay; `order` has the revisions, oldest first: of several it is the oldest, for the way
    down comes to that last, when all the others are back.
    """
    found = dict(makers)
    ties = [tie for row in connection.execute(LINKS) for tie in _ties(row, makers, ours)]
    changed = True
    while changed:
        changed = False
        for one, other in (*ties, *(tie[::-1] for tie in ties)):
            here, there = found.get(one), found.get(other)
            if here is None or other in makers:
                continue
            if there is None or order.index(here) < order.index(there):
                found[other] = here
                changed = True
    return found


def _ties(
    row: sa.Row[tuple[str, list[str], str, list[str]]], makers: Mapping[Thing, str], ours: Collection[str]
) -> Iterator[tuple[Thing, Thing]]:
    def end(table: str, columns: list[str]) -> list[Thing]:
        strange = [(table, name) for name in columns if (table, name) in makers]
        return strange or ([] if table in ours else [("", table)])

    return product(end(row.one, row.one_columns), end(row.other, row.other_columns))
