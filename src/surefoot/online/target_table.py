"""Find the table that an online operation works on and check names, before anything is changed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Row

from surefoot.errors import RefusedError, UsageError
from surefoot.online.executor import Steps
from surefoot.online.identifiers import LONGEST_NAME
from surefoot.online.retired_registry import SCHEMA
from surefoot.runtime import error_translation, swallowing_rules

RELATION_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
    "i": "index",
    "I": "partitioned index",
}
NOT_THE_REVISIONS = frozenset({"42501", "25006"})
"""SQLSTATEs of a missing right and of a read-only server, which `database.explain` reports."""

TABLE = """
select c.oid,
       c.relkind,
       (
           select json_object_agg(a.attnum, a.attname order by a.attnum)
             from pg_attribute a
            where a.attrelid = c.oid
              and a.attnum > 0
              and not a.attisdropped
       ) as columns,
       (select i.indkey::int2[] from pg_index i where i.indrelid = c.oid and i.indisprimary) as key,
       c.relispartition as partition,
       exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) as inherits
  from pg_class c
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relname = :name
"""
"""`columns` is a JSON object of names by attnum, `key` an array of attnums. Python joins them: the server would need
longer to plan that join than to run it."""
RETIRED_TABLE = TABLE.replace("quote_ident(current_schema())", f"'{SCHEMA}'")
PARTITIONED = (
    "%s is a partitioned table; online operations work on plain tables.",
    "Name the table that holds the rows: a partitioned table is changed partition by partition. Nothing was changed.",
)
PARTITION = (
    "%s is a partition: it may be filled, indexed and given rules, but nothing of it is retired, restored or given "
    "another type.",
    "Detach it in a revision before this one, or change its partitioned table with plain operations. Nothing was "
    "changed.",
)
INHERITS = (
    "%s has inheritance: rows of one of its tables are rows of another, too, and an operation would take or miss them.",
    "End that in a revision before this one: alter table ... no inherit ...; or write plain statements that say ONLY. "
    "Nothing was changed.",
)
"""Each is the message and the remedy of a refusal, of `refuse_inheritance` and of `REFUSE_INHERITANCE`."""
ANY_SHARES_ROWS = "select exists (select from pg_inherits) or exists (select from pg_partitioned_table)"
"""Whether `refuse_inheritance` can refuse any table of this database at all."""
KIND = """
select c.relname::text as name,
       c.relkind,
       c.relispartition as partition,
       exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) as inherits
  from pg_class c
 where c.oid = cast(:table as regclass)
"""
REFUSE_INHERITANCE = sql.SQL("""
    if exists (select from pg_inherits where target in (inhrelid, inhparent))
       or (select relkind from pg_class where oid = target) = 'p' then
        raise exception using errcode = {refused},
            message = (select format(case when relkind = 'p' then {partitioned} when relispartition then {partition}
                                     else {inherits} end, quote_literal(relname))
                         from pg_class where oid = target),
            hint = (select case when relkind = 'p' then {of_partitioned} when relispartition then {of_partition}
                    else {of_inherits} end
                      from pg_class where oid = target);
    end if;
""").format(
    refused="OS003",
    partitioned=PARTITIONED[0],
    partition=PARTITION[0],
    inherits=INHERITS[0],
    of_partitioned=PARTITIONED[1],
    of_partition=PARTITION[1],
    of_inherits=INHERITS[1],
)
"""`refuse_inheritance` as PL/pgSQL, with partition=False: for a printed block that declares the table as `target`."""


@dataclass(frozen=True)
class Table:
    """An ordinary table (relkind r) or a partition, in the first schema of search_path."""

    name: str
    oid: int
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of the primary key in its order; empty where there is none."""
    future_columns: sql.Composable | None = None
    """A select list of the columns as operations that run before will leave them; None means as they are now.

    The precheck sets it to check an operation against rows that an earlier operation of the revision will change.
    """
    stands_as: sql.Identifier | None = None
    """Where its rows are until an operation that runs before restores it; None where it is there."""

    @property
    def identifier(self) -> sql.Identifier:
        """The name, quoted."""
        return sql.Identifier(self.name)

    @property
    def row_source(self) -> sql.Composable:
        """What a query selects from to read the rows: the table, or a subquery with the `future_columns`."""
        plain = self.future_columns is None and self.stands_as is None
        return self.identifier if plain else self.row_source_as(self.identifier)

    def row_source_as(self, name: sql.Identifier) -> sql.Composed:
        """Return `row_source` under the alias `name`."""
        there = self.stands_as or self.identifier
        if self.future_columns is None:
            return sql.SQL("{} as {}").format(there, name)
        rows = there if self.stands_as is None else sql.SQL("{} as {}").format(there, self.identifier)
        return sql.SQL("(select ctid, {} from {}) as {}").format(self.future_columns, rows, name)

    def require_columns(self, columns: Iterable[str]) -> None:
        """Raise UsageError for a column that the table does not have."""
        for column in columns:
            if column not in self.columns:
                raise UsageError(
                    f"Table {self.name} has no column {column!r}; it has {', '.join(self.columns)}.",
                    "Correct the name in the revision; nothing was changed.",
                )


def find(steps: Steps, name: str, *, partition: bool = True, writes: bool = False) -> Table:
    """Return the table called `name`.

    Raises UsageError where there is none or the name is that of a view or another relation, and RefusedError as
    `refuse_inheritance` does; with `writes`, for an operation that writes rows, also where a rule does something else.
    """
    rows = steps.fetch(TABLE, name=name)
    if not rows:
        raise UsageError(
            f"There is no table {name!r} in schema {steps.fetch('select current_schema()')[0][0]}.",
            "Correct the name in the revision, or create the table in an earlier one; nothing was changed.",
        )
    row = rows[0]
    _refuse_other_relations(row, name)
    _refuse(row, name, partition=partition)
    if writes:
        refuse_rules(steps, row.oid)
    return _table(row, name)


def find_retired(steps: Steps, name: str, stands_as: str) -> Table:
    """Return the table `name` that is retired as `stands_as`: what reads its rows may be asked of it already."""
    (row,) = steps.fetch(RETIRED_TABLE, name=stands_as)
    return replace(_table(row, name), stands_as=sql.Identifier(SCHEMA, stands_as))


def _table(row: Row[Any], name: str) -> Table:
    columns = {int(number): column for number, column in (row.columns or {}).items()}
    return Table(name, row.oid, tuple(columns.values()), tuple(columns[number] for number in row.key or ()))


def _refuse_other_relations(row: Row[Any], name: str) -> None:
    if row.relkind not in "rp":
        raise UsageError(
            f"{name!r} is a {RELATION_KINDS.get(row.relkind, 'relation')}; online operations work on plain tables.",
            "Name the table that holds the rows; nothing was changed.",
        )


def refuse_rules(steps: Steps, table: int) -> None:
    """Raise RefusedError for a table, by oid, with a rule that does something else instead of what is written."""
    swallowing_rules.refuse_on(rule for rule in steps.fetch(swallowing_rules.RULES) if rule.oid == table)


def refuse_inheritance(steps: Steps, table: sql.Identifier | int, *, partition: bool = True) -> None:
    """Raise RefusedError for a table, by quoted name or oid, that is partitioned or has inheritance (parent or child).

    With `partition=False` a partition is refused too: its columns are those of the partitioned table.
    """
    for row in steps.fetch(KIND, table=table if isinstance(table, int) else table.as_string()):
        _refuse(row, row.name, partition=partition)


def _refuse(row: Row[Any], name: str, *, partition: bool) -> None:
    if row.relkind == "p":
        sentence, remedy = PARTITIONED
    elif row.partition and not partition:
        sentence, remedy = PARTITION
    elif row.inherits and not row.partition:
        sentence, remedy = INHERITS
    else:
        return
    raise RefusedError(sentence % repr(name), remedy)


def valid_name(name: str, schema: str | None = None) -> str:
    """Return `name`. Raise UsageError where it is empty or longer than 63 bytes, and where a `schema` is given.

    Online operations work in the first schema of search_path.
    """
    if schema is not None:
        raise UsageError(
            f"Online operations know no schema, and {name!r} was given schema={schema!r}.",
            "Leave schema= out: the tables of the first schema in search_path are meant.",
        )
    if not name or len(name.encode()) > LONGEST_NAME:
        raise UsageError(
            f"{name!r} has {len(name.encode())} bytes; a name in PostgreSQL has 1 to {LONGEST_NAME}.",
            "Choose a shorter name in the revision; nothing was changed.",
        )
    return name


def refuse_parameters(clause: object) -> None:
    """Raise UsageError for a `sa.text` with a bound parameter: DDL would silently have NULL in its place."""
    names = list(clause.compile().params) if isinstance(clause, sa.TextClause) else []
    if names:
        raise UsageError(
            f"{str(clause)!r} has a parameter, :{names[0]}, which nothing gives a value.",
            "Write \\: for a colon that is meant, or pass the SQL as a plain string where one is taken.",
        )


def name_taken(name: str, existing: str, requested: str) -> UsageError:
    """Return the error for a name that another object has. `existing` and `requested` describe the two objects."""
    return UsageError(
        f"The name {name!r} is taken: there is {existing}, wanted is {requested}.",
        "Drop or rename what is there in a revision before this one, or choose another name; nothing was changed.",
    )


@contextmanager
def reporting_usage_errors(what: str) -> Iterator[None]:
    """Turn PostgreSQL's refusal of `what` (a missing function, a wrong type …) into UsageError.

    These are the SQLSTATE classes 42, 0A, 2B and 22, and 55000. Any other error passes.
    """
    try:
        yield
    except sa.exc.DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None) or ""
        if state in NOT_THE_REVISIONS or not (state[:2] in {"42", "0A", "2B", "22"} or state == "55000"):
            raise
        raise UsageError(
            f"PostgreSQL does not take {what}: {error_translation.primary_message(fault)}.",
            "Correct it in the revision; nothing was changed.",
        ) from fault
