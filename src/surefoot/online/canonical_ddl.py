"""How PostgreSQL prints what an operation wants: made on an empty copy of the table, in a transaction rolled back.

What is there can then be compared with it as text, in whatever other form the revision's author wrote it.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy.engine import Row

from surefoot.catalogue import normalise
from surefoot.online.executor import Statement, Steps
from surefoot.online.target_table import Table, asked_right

COPY = sql.SQL("create temporary table {name} (like {name})")
"""Of the table's own name, which an expression may say: for the transaction it hides the real one."""
COMING = sql.SQL("create temporary table {name} as select {columns} from {name} limit 0")

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
       indnullsnotdistinct as nulls_too
  from pg_index
 where indrelid = ('pg_temp.' || quote_ident(:table))::regclass
"""


@dataclass(frozen=True)
class Index:
    """An index as PostgreSQL prints it: `shape` without the table's name, its keys, its predicate."""

    shape: str
    keys: tuple[str, ...]
    predicate: str | None
    nulls_too: bool
    """Whether two NULLs are duplicates to it."""


def constraint(steps: Steps, table: Table, name: str, body: sql.Composable) -> str:
    """The definition of a constraint of that name and `body`. Raises UsageError where PostgreSQL refuses it."""
    add = sql.SQL("alter table pg_temp.{} add constraint {} {}").format(table.identifier, sql.Identifier(name), body)
    return normalise.expression(_made(steps, table, name, add, CONSTRAINT).definition)


def index(steps: Steps, table: Table, name: str, create: Statement) -> Index:
    """The index that `create` makes, called `name`. Raises UsageError where PostgreSQL refuses it."""
    row = _made(steps, table, name, create, INDEX)
    return Index(normalise.expression(row.shape), tuple(row.keys), row.predicate, bool(row.nulls_too))


def _made(steps: Steps, table: Table, name: str, make: Statement, query: str) -> Row[Any]:
    def work() -> Row[Any]:
        steps.execute("begin")
        try:
            copy = COPY if table.coming is None else COMING
            steps.execute(copy.format(name=table.identifier, columns=table.coming))
            with asked_right(f"{name} on {table.name}"):
                steps.execute(make)
            return steps.look(query, table=table.name)[0]
        finally:
            if not steps.connection.invalidated:
                steps.execute("rollback")

    return steps.repeat(work)
