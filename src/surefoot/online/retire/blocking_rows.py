"""Rows that stand in the way of something: counted, some named, with the query that shows them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from surefoot.online.executor import Steps

SHOWN = 5
"""How many rows an error names."""

KEY = """
    select coalesce(
               (select string_agg(quote_ident(attname), ', ' order by array_position(conkey, attnum))
                  from pg_constraint
                  join pg_attribute on attrelid = conrelid and attnum = any (conkey)
                 where conrelid = to_regclass(:table)
                   and contype = 'p'),
               'ctid') as key
"""
BROKEN = sql.SQL("""
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
class Found:
    """How many rows, a few of them by `key`, and the query that shows all."""

    rows: int
    key: str
    sample: tuple[str, ...]
    more: bool
    query: str

    def __str__(self) -> str:
        shown = "; ".join(self.sample) + ("; …" if self.more else "")
        return f"{self.rows} row{'' if self.rows == 1 else 's'} ({self.key} {shown})"


def broken(steps: Steps, table: str, where: sql.Composable) -> Found | None:
    """The rows of `table`, called `checked` in the condition `where`, that it is true for; None where there is none."""
    key = str(steps.look(KEY, table=table)[0].key)
    relation = sql.SQL(table)
    query = BROKEN.format(key=sql.SQL(key), table=relation, where=where, shown=SHOWN)
    show = sql.SQL("select * from {} as checked where {}").format(relation, where)
    return _found(steps, query, key, show)


def duplicates(steps: Steps, table: str, index: Mapping[str, Any]) -> Found | None:
    """The rows of `table` that the unique `index` would take for one another; None where there is none."""
    keys = [sql.SQL(f"({key})") for key in index["keys"]]
    wanted: list[sql.Composable] = [] if index["nulls_too"] else [sql.SQL("{} is not null").format(key) for key in keys]
    if index["predicate"]:
        wanted.append(sql.SQL(index["predicate"]))
    parts = {
        "values": sql.SQL(", ").join(keys),
        "table": sql.SQL(table),
        "where": sql.SQL(" and ").join(wanted or [sql.SQL("true")]),
    }
    show = sql.SQL("select {values}, count(*) from {table} where {where} group by {values} having count(*) > 1")
    values = ", ".join(index["keys"])
    return _found(steps, DUPLICATES.format(**parts, shown=SHOWN), values, show.format(**parts))


def _found(steps: Steps, query: sql.Composed, key: str, show: sql.Composed) -> Found | None:
    result = steps.repeat(lambda: steps.execute(query))
    assert result is not None  # only offline there is none, and nobody asks there
    row = result.one()
    sample = tuple(row.sample or ())
    return Found(row.many, key, sample, row.groups > len(sample), show.as_string()) if row.many else None
