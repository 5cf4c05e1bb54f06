"""Count and sample the rows that would violate a constraint or unique index, before it is added."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import canonical_ddl
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table, reporting_usage_errors

SHOWN = 5
"""How many rows or groups of rows an error message shows."""

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
class Violations:
    """How many rows violate the constraint, and the primary keys (or ctids) of the first ones as text."""

    rows: int
    sample: str


def find(steps: Steps, table: Table, condition: sql.Composable, what: str) -> Violations | None:
    """Return the rows of `table` for which the SQL `condition` is true; None where there are none.

    Raises UsageError that names `what` where PostgreSQL refuses the condition.
    """
    query = ROWS.format(
        keys=_key(table, "{}::text"), table=table.row_source, condition=condition, order=_key(table), shown=SHOWN
    )
    with reporting_usage_errors(what):
        rows = steps.retry_on_lock(lambda: steps.fetch(query))
    if not rows:
        return None
    keys = [", ".join(row.key) for row in rows]
    return Violations(rows[0].rows, f"{_key_names(table)} {_list(keys, rows[0].rows, len(table.key) > 1)}")


def find_duplicates(steps: Steps, table: Table, index: canonical_ddl.Index) -> Violations | None:
    """Return the rows of `table` that violate the unique `index`; None where there are none."""
    keys = [sql.SQL(key) for key in index.keys]
    conditions: list[sql.Composable] = [
        sql.SQL("({}) is not null").format(key) for key in keys if not index.nulls_not_distinct
    ]
    if index.predicate:
        conditions.append(sql.SQL("({})").format(sql.SQL(index.predicate)))
    query = GROUPS.format(
        keys=_key(table, "{}::text"),
        table=table.row_source,
        condition=sql.SQL(" and ").join(conditions or [sql.SQL("true")]),
        columns=sql.SQL(", ").join(keys),
        order=_key(table),
        shown=SHOWN,
    )
    rows = steps.retry_on_lock(lambda: steps.fetch(query))
    if not rows:
        return None
    alike = [" = ".join(f"({key})" if len(table.key) > 1 else key for key in row.members) for row in rows]
    return Violations(int(rows[0].rows), f"{_key_names(table)} {_list(alike, rows[0].groups, False)}")


def refuse(violations: Violations | None, table: Table, what: str) -> None:
    """Raise RefusedError where there are violations; `what` names the constraint or index."""
    if violations is not None:
        count = "1 row" if violations.rows == 1 else f"{violations.rows} rows"
        raise RefusedError(
            f"{count} of {table.name} would break {what}: {violations.sample}.",
            "Correct these rows, in a revision before this one where other databases may have them, too, "
            "and run the same command again; nothing was changed.",
        )


def vanished_violation(table: Table, what: str) -> RefusedError:
    """Return the error for a row that violated the constraint `what` during its validation and has gone since."""
    return RefusedError(
        f"A row of {table.name} that came while others worked, and has gone since, broke {what}.",
        "Run the same command again; nothing was changed.",
    )


def _key(table: Table, template: str = "{}") -> sql.Composed:
    """Return the columns of the primary key, or ctid where there is none, each in the `template`."""
    columns = (sql.Identifier(table.name, column) for column in table.key or ("ctid",))
    return sql.SQL(", ").join(sql.SQL(template).format(column) for column in columns)


def _key_names(table: Table) -> str:
    names = table.key or ("ctid",)
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _list(texts: Sequence[str], total: int, composite: bool) -> str:
    shown = ", ".join(f"({text})" if composite else text for text in texts)
    return shown if total <= len(texts) else f"{shown} and {total - len(texts)} more"
