"""Proves by some rows of a table that a restore can load them, where they call the database's own functions.

A restore runs with an empty search_path and loads one table after the other: a CHECK, a generated column, a domain or
an index whose function looks for a table or for another function without a schema, or reads another table, may refuse
rows that have been good for years. The schema alone does not show it.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.errors import FailedError
from surefoot.operate.backup.schema_build import ENVIRONMENT_FAULTS, error_message
from surefoot.program import program

SAMPLE = 100
NOT_FOUND = frozenset({"42883", "42P01", "42704", "42703", "3F000"})
"""The SQLSTATEs of a function, relation, object, column or schema that is not found."""
NO_PATH = "select set_config('search_path', '', true)"
# With each table that calls functions when a row is loaded, and each index that does: what they are, and what to load
# or to compute.
CALLERS = """
    with recursive
    called (class, id, part, function) as (
        select classid, objid, objsubid, refobjid
          from pg_depend
         where refclassid = 'pg_proc'::regclass and refobjid >= 16384
        union
        select classid, objid, objsubid, oprcode
          from pg_depend
          join pg_operator on pg_operator.oid = refobjid
         where refclassid = 'pg_operator'::regclass and refobjid >= 16384
    ),
    typed (id, function) as (
        select contypid, function
          from called
          join pg_constraint on class = 'pg_constraint'::regclass and pg_constraint.oid = id
         where contypid <> 0
        union
        select pg_type.oid, function
          from typed
          join pg_type
            on typed.id in (typelem, typbasetype)
            or exists (select from pg_range where rngtypid = pg_type.oid and rngsubtype = typed.id)
            or exists (select from pg_attribute where attrelid = typrelid and atttypid = typed.id and attnum > 0)
    ),
    loaded (relation, function) as (
        select conrelid, function
          from called
          join pg_constraint on class = 'pg_constraint'::regclass and pg_constraint.oid = id
         where conrelid <> 0
        union
        select attrelid, function
          from called
          left join pg_attrdef on class = 'pg_attrdef'::regclass and pg_attrdef.oid = id
          join pg_attribute
            on attrelid = adrelid and attnum = adnum or class = 'pg_class'::regclass and attrelid = id and attnum = part
         where attgenerated = 's'
        union
        select attrelid, function
          from typed
          join pg_attribute on atttypid = typed.id and attnum > 0 and not attisdropped
    )
    select format('rows of %s', relation::regclass) as what,
           relation::regclass::text as relation,
           array_agg(distinct function::regprocedure::text) as functions,
           (select array_agg(attname::text order by attnum) from pg_attribute
             where attrelid = relation and attnum > 0 and not attisdropped and attgenerated = '') as columns,
           null::text[] as expressions
      from loaded
      join pg_class on pg_class.oid = relation and relkind = 'r'
     where not exists (select from pg_depend
                        where classid = 'pg_class'::regclass and objid = relation and deptype = 'e')
     group by relation
    union all
    select format('index %s', indexrelid::regclass), indrelid::regclass::text,
           array_agg(distinct function::regprocedure::text), null,
           array_remove(array(select pg_get_indexdef(indexrelid, nth, false) from generate_series(1, indnkeyatts) as nth
                               where indkey[nth - 1] = 0)
                        || pg_get_expr(indpred, indrelid), null)
      from called
      join pg_index on class = 'pg_class'::regclass and indexrelid = id
      join pg_class on pg_class.oid = indrelid and relkind = 'r'
     group by indexrelid, indrelid, indnkeyatts, indkey, indpred
     order by what
"""


class Unloadable(FailedError):
    """The error for rows that no restore can load."""


@dataclass(frozen=True)
class Caller:
    """A table, or an index of it, that calls `functions`; a table has `columns` to load, an index `expressions`."""

    what: str
    relation: str
    functions: list[str]
    columns: list[str] | None
    expressions: list[str] | None


@dataclass(frozen=True)
class RowProof:
    """What to load, of the `source` whose snapshot was dumped."""

    source: Connection

    def doubts(self, scratch: psycopg.Connection) -> list[str]:
        """Load rows into the tables of `scratch`, which has no indexes, keys and triggers yet, and take them out again.

        Returns why the dump is not proven, in words. Raises Unloadable where a restore fails for good, and
        psycopg.Error for what does not mean the dump.
        """
        driver = driver_of(self.source)
        found = []
        with driver.transaction(force_rollback=True):
            driver.execute(NO_PATH)
            with driver.cursor(row_factory=class_row(Caller)) as cursor:
                callers = cursor.execute(CALLERS).fetchall()
            for each in callers:
                try:
                    if each.columns:
                        _load(driver, scratch, each.relation, each.columns)
                    elif each.expressions:
                        _compute(driver, each.relation, each.expressions)
                except psycopg.Error as fault:
                    state = fault.sqlstate
                    if state is None or state.startswith(ENVIRONMENT_FAULTS):
                        raise
                    if state in NOT_FOUND:
                        raise _unloadable(each.what, each.functions, fault) from fault
                    if each.columns:
                        found.append(f"{each.what} are refused where other tables are empty ({error_message(fault)})")
        return found


def _load(driver: psycopg.Connection, scratch: psycopg.Connection, relation: str, columns: Sequence[str]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    table = sql.SQL(relation)  # quoted by regclass
    query = sql.SQL("copy (select {} from only {} limit {}) to stdout").format(names, table, sql.Literal(SAMPLE))
    with driver.transaction(), driver.cursor().copy(query) as rows:
        text = b"".join(rows)
    with scratch.transaction(force_rollback=True):
        scratch.execute(NO_PATH)
        with scratch.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(table, names)) as copy:
            copy.write(text)


def _compute(driver: psycopg.Connection, relation: str, expressions: Sequence[str]) -> None:
    values = ", ".join(f"({each}) as value_{nth}" for nth, each in enumerate(expressions))
    counts = ", ".join(f"count(value_{nth})" for nth in range(len(expressions)))
    query = f"select {counts} from (select {values} from only {relation} limit {SAMPLE}) as computed"  # noqa: S608  # PostgreSQL's own text
    with driver.transaction():
        driver.execute(query.encode())


def _unloadable(what: str, functions: Sequence[str], fault: psycopg.Error) -> Unloadable:
    mend = shlex.quote(f"alter function {functions[0]} set search_path from current")
    return Unloadable(
        f"No database can be made from this dump, which does not count as a backup: {what}: {error_message(fault)}. A "
        f"restore has no search_path, and {' or '.join(functions)} looks for that without a schema.",
        "Its files were removed; the database was not changed. Say where the function looks, and run the same command "
        f"again: {program()} psql -c {mend}",
    )
