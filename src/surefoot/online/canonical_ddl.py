"""Read how PostgreSQL prints a constraint or index that an operation asks for.

It is created on an empty copy of the table, in a transaction that is rolled back. An existing constraint or index can
then be compared with it as text, however the revision's author wrote the definition.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy.engine import Row

from surefoot.catalogue import normalise
from surefoot.online.executor import Statement, Steps
from surefoot.online.target_table import Table, reporting_usage_errors

COPY = sql.SQL("create temporary table {name} (like {name})")
"""The copy has the table's own name, because an expression may mention it; it hides the table for the transaction."""
FUTURE_COPY = sql.SQL("create temporary table {name} as select {columns} from {name} limit 0")

CONSTRAINT = """
select regexp_replace(pg_get_constraintdef(oid, true), ' NOT VALID$', '') as definition
  from pg_constraint
 where conrelid = ('pg_temp.' || quote_ident(:table))::regclass
   and contype <> 'n'
"""
INDEX = """
select replace(pg_get_indexdef(indexrelid, 0, true), format(' ON %s USING ', indrelid::regclass), ' USING ') as shape,
       array(select pg_get_indexdef(indexrelid, place, true) from generate_series(1, indnkeyatts) as place) as keys,
       pg_get_expr(indpred, indrelid, true) as predicate,
       indnullsnotdistinct as nulls_not_distinct
  from pg_index
 where indrelid = ('pg_temp.' || quote_ident(:table))::regclass
"""


@dataclass(frozen=True)
class Index:
    """An index as PostgreSQL prints it."""

    shape: str
    """The definition without the table's name, normalised so that two of them can be compared."""
    keys: tuple[str, ...]
    """The key columns and expressions, as SQL."""
    predicate: str | None
    nulls_not_distinct: bool


def constraint(steps: Steps, table: Table, name: str, body: sql.Composable) -> str:
    """Return the definition that PostgreSQL prints of a constraint with that `body`, such as `check (a > 0)`.

    Raises UsageError where PostgreSQL refuses the constraint.
    """
    add = sql.SQL("alter table pg_temp.{} add constraint {} {}").format(table.identifier, sql.Identifier(name), body)
    return normalise.expression(_read_from_copy(steps, table, name, add, CONSTRAINT).definition)


def index(steps: Steps, table: Table, name: str, create: Statement) -> Index:
    """Return the index that `create`, a CREATE INDEX, makes. Raises UsageError where PostgreSQL refuses it."""
    row = _read_from_copy(steps, table, name, create, INDEX)
    return Index(normalise.expression(row.shape), tuple(row.keys), row.predicate, bool(row.nulls_not_distinct))


def _read_from_copy(steps: Steps, table: Table, name: str, make: Statement, query: str) -> Row[Any]:
    def work() -> Row[Any]:
        with steps.rolled_back():
            copy = COPY if table.future_columns is None else FUTURE_COPY
            steps.execute(copy.format(name=table.identifier, columns=table.future_columns))
            with reporting_usage_errors(f"{name} on {table.name}"):
                steps.execute(make)
            return steps.fetch(query, table=table.name)[0]

    return steps.retry_on_lock(work)
