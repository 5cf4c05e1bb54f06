"""The rows that break what an operation would promise: counted, and some of them named, before anything is added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy.engine import Row

from surefoot.errors import RefusedError
from surefoot.online import canonical_ddl
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table, asked_right

SHOWN = 5
"""How many an error names."""

ROWS = sql.SQL("""
select count(*) over () as rows,
       array[{keys}] as key
  from {table}
 where {condition}
 order by {order}
 limit {shown}
""")
GROUPS = sql.SQL("""
select count(*) over () as groups,
       sum(count(*)) over () as rows,
       (array_agg(concat_ws(', ', {keys}) order by {order}))[1:{shown}] as members
  from {table}
 where {condition}
 group by {columns}
having count(*) > 1
 order by min(ctid)
 limit {shown}
""")


@dataclass(frozen=True)
class Broken:
    """How many rows break it, and the keys of the first."""

    rows: int
    sample: str


def rows(steps: Steps, table: Table, condition: sql.Composable, what: str) -> Broken | None:
    """The rows of `table` that `condition` is true for; None where there is none.

    Raises UsageError, naming `what`, where PostgreSQL refuses the condition.
    """
    query = ROWS.format(keys=_keys(table), table=table.rows, condition=condition, order=_order(table), shown=SHOWN)
    with asked_right(what):
        found = steps.repeat(lambda: _all(steps, query))
    if not found:
        return None
    keys = [", ".join(row.key) for row in found]
    return Broken(found[0].rows, f"{_called(table)} {_list(keys, found[0].rows, len(table.key) > 1)}")


def duplicates(steps: Steps, table: Table, index: canonical_ddl.Index) -> Broken | None:
    """The rows of `table` that a unique `index` would take for one another; None where there is none."""
    keys = [sql.SQL(key) for key in index.keys]
    conditions: list[sql.Composable] = [sql.SQL("({}) is not null").format(key) for key in keys if not index.nulls_too]
    if index.predicate:
        conditions.append(sql.SQL("({})").format(sql.SQL(index.predicate)))
    query = GROUPS.format(
        keys=_keys(table),
        table=table.rows,
        condition=sql.SQL(" and ").join(conditions or [sql.SQL("true")]),
        columns=sql.SQL(", ").join(keys),
        order=_order(table),
        shown=SHOWN,
    )
    found = steps.repeat(lambda: _all(steps, query))
    if not found:
        return None
    alike = [" = ".join(f"({key})" if len(table.key) > 1 else key for key in row.members) for row in found]
    return Broken(int(found[0].rows), f"{_called(table)} {_list(alike, found[0].groups, False)}")


def refuse(broken: Broken | None, table: Table, what: str) -> None:
    """Raise RefusedError where rows of `table` are `broken`, which `what` says the promise of."""
    if broken is not None:
        count = "1 row" if broken.rows == 1 else f"{broken.rows} rows"
        raise RefusedError(
            f"{count} of {table.name} would break {what}: {broken.sample}.",
            "Correct these rows, in a revision before this one where other databases may have them, too, "
            "and run the same command again; nothing was changed.",
        )


def passing(table: Table, what: str) -> RefusedError:
    """The error for a row that broke it while it was added, and cannot be found any more."""
    return RefusedError(
        f"A row of {table.name} that came while others worked, and has gone since, broke {what}.",
        "Run the same command again; nothing was changed.",
    )


def _all(steps: Steps, query: sql.Composed) -> Sequence[Row[Any]]:
    result = steps.execute(query)
    assert result is not None  # only offline there is none, and nobody asks there
    return result.all()


def _called(table: Table) -> str:
    names = table.key or ("ctid",)
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _keys(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{}::text").format(part) for part in _parts(table))


def _order(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(_parts(table))


def _parts(table: Table) -> list[sql.Identifier]:
    return [sql.Identifier(table.name, column) for column in table.key or ("ctid",)]


def _list(texts: Sequence[str], total: int, composite: bool) -> str:
    shown = ", ".join(f"({text})" if composite else text for text in texts)
    return shown if total <= len(texts) else f"{shown} and {total - len(texts)} more"
