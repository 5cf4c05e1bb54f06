"""Find rows that prevent a restore: count and sample them, with the query that shows all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from surefoot.online.executor import Steps

SHOWN = 5
"""How many rows an error message shows."""

KEY = """
    select coalesce(
               (select string_agg(quote_ident(attname), ', ' order by array_position(conkey, attnum))
                  from pg_constraint
                  join pg_attribute on attrelid = conrelid and attnum = any (conkey)
                 where conrelid = to_regclass(:table)
                   and contype = 'p'),
               'ctid') as key
"""
MATCHING = sql.SQL("""
    select count(*) as many, count(*) as groups, (array_agg(concat_ws(', ', {key})))[1:{shown}] as sample
      from {table} as checked
     where {where}
""")
DUPLICATES = sql.SQL("""
    select coalesce(sum(many), 0)::bigint as many, count(*) as groups, (array_agg(one))[1:{shown}] as sample
      from (select count(*) as many, concat_ws(', ', {values}) as one
              from {table}
             where {where}
             group by {values}
            having count(*) > 1) as twice
""")


@dataclass(frozen=True)
class BlockingRows:
    """Rows that prevent a restore. As text: their number and a sample by `key`.

    `more` is whether there are more than the sample has, `query` the SQL that shows all.
    """

    rows: int
    key: str
    sample: tuple[str, ...]
    more: bool
    query: str

    def __str__(self) -> str:
        shown = "; ".join(self.sample) + ("; …" if self.more else "")
        return f"{self.rows} row{'' if self.rows == 1 else 's'} ({self.key} {shown})"


def find(steps: Steps, table: str, where: sql.Composable) -> BlockingRows | None:
    """Return the rows of `table` (quoted) for which `where` is true, where it is called `checked`; or None."""
    key = str(steps.fetch(KEY, table=table)[0].key)
    relation = sql.SQL(table)
    query = MATCHING.format(key=sql.SQL(key), table=relation, where=where, shown=SHOWN)
    show = sql.SQL("select * from {} as checked where {}").format(relation, where)
    return _read(steps, query, key, show)


def find_duplicates(steps: Steps, table: str, index: Mapping[str, Any]) -> BlockingRows | None:
    """Return the rows of `table` (quoted) that violate a unique index of `RetiredItem.definitions`; or None."""
    keys = [sql.SQL(f"({key})") for key in index["keys"]]
    conditions: list[sql.Composable] = (
        [] if index["nulls_too"] else [sql.SQL("{} is not null").format(key) for key in keys]
    )
    if index["predicate"]:
        conditions.append(sql.SQL(index["predicate"]))
    parts = {
        "values": sql.SQL(", ").join(keys),
        "table": sql.SQL(table),
        "where": sql.SQL(" and ").join(conditions or [sql.SQL("true")]),
    }
    show = sql.SQL("select {values}, count(*) from {table} where {where} group by {values} having count(*) > 1")
    values = ", ".join(index["keys"])
    return _read(steps, DUPLICATES.format(**parts, shown=SHOWN), values, show.format(**parts))


def _read(steps: Steps, query: sql.Composed, key: str, show: sql.Composed) -> BlockingRows | None:
    row = steps.retry_on_lock(lambda: steps.fetch(query))[0]
    sample = tuple(row.sample or ())
    return BlockingRows(row.many, key, sample, row.groups > len(sample), show.as_string()) if row.many else None
