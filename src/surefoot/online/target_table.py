"""The table an online operation works on, and whether a name is free: looked at before anything is touched."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Row

from surefoot.errors import RefusedError, UsageError
from surefoot.online.executor import Steps
from surefoot.runtime import error_translation

LONGEST_NAME = 63
"""Bytes of an identifier: PostgreSQL cuts a longer one off, and nothing of that name is ever found again."""
KINDS = {
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
NOT_OURS = frozenset({"42501", "25006"})
"""Faults of the role or the server, which `database.explain` has better words for."""

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
 where c.relnamespace = current_schema()::regnamespace
   and c.relname = :name
"""
"""`columns` is names by number, `key` numbers: joined here, for the server would plan for longer than it works."""
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
    "End that in a revision before this one: alter table … no inherit …; or write plain statements that say ONLY. "
    "Nothing was changed.",
)
"""Why a table is refused, and what to do; said by `alone` and, where SQL is only printed, by `ALONE`."""
ANY_SHARES_ROWS = "select exists (select from pg_inherits) or exists (select from pg_partitioned_table)"
"""Whether `alone` can refuse any table of this database at all."""
KIND = """
select c.relname::text as name,
       c.relkind,
       c.relispartition as partition,
       exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) as inherits
  from pg_class c
 where c.oid = cast(:table as regclass)
"""
ALONE = sql.SQL("""
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
"""For a block whose table is `target`: what `alone` does."""


@dataclass(frozen=True)
class Table:
    """A plain table of the schema that unqualified names mean."""

    name: str
    oid: int
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of its primary key; none where it has none."""
    coming: sql.Composable | None = None
    """Its columns as they will be, as a select list, where those are asked for; see `asking`."""

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.name)

    @property
    def rows(self) -> sql.Composable:
        """What its rows are read from, under its name."""
        return self.identifier if self.coming is None else self.rows_as(self.identifier)

    def rows_as(self, name: sql.Identifier) -> sql.Composed:
        """The same under another name."""
        if self.coming is None:
            return sql.SQL("{} as {}").format(self.identifier, name)
        return sql.SQL("(select ctid, {} from {}) as {}").format(self.coming, self.identifier, name)

    def needs(self, columns: Iterable[str]) -> None:
        """Raise UsageError for a column that it does not have."""
        for column in columns:
            if column not in self.columns:
                raise UsageError(
                    f"Table {self.name} has no column {column!r}; it has {', '.join(self.columns)}.",
                    "Correct the name in the revision; nothing was changed.",
                )


def find(steps: Steps, name: str, *, partition: bool = True) -> Table:
    """The table called `name`; see `alone`. Raises UsageError where there is none or it is something else."""
    rows = steps.look(TABLE, name=name)
    if not rows:
        raise UsageError(
            f"There is no table {name!r} in schema {steps.look('select current_schema()')[0][0]}.",
            "Correct the name in the revision, or create the table in an earlier one; nothing was changed.",
        )
    row = rows[0]
    if row.relkind not in "rp":
        raise UsageError(
            f"{name!r} is a {KINDS.get(row.relkind, 'relation')}; online operations work on plain tables.",
            "Name the table that holds the rows; nothing was changed.",
        )
    _refuse(row, name, partition=partition)
    columns = {int(number): column for number, column in (row.columns or {}).items()}
    return Table(name, row.oid, tuple(columns.values()), tuple(columns[number] for number in row.key or ()))


def alone(steps: Steps, table: sql.Identifier | int, *, partition: bool = True) -> None:
    """Refuse a table, by name or oid, whose rows are not its own alone, before anything is done to it.

    A partitioned table and one with inheritance, parent or child, always; a partition where `partition` says that it
    will not do: its columns are the whole's. Raises RefusedError.
    """
    for row in steps.look(KIND, table=table if isinstance(table, int) else table.as_string()):
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


def plainly(name: str, schema: str | None = None) -> str:
    """`name`, where it is one that a new thing can have. Raises UsageError for a longer one, and for a `schema`."""
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


def without_parameters(clause: object) -> None:
    """Raise UsageError for a `sa.text` with a parameter, where a definition would silently have NULL in its place."""
    names = list(clause.compile().params) if isinstance(clause, sa.TextClause) else []
    if names:
        raise UsageError(
            f"{str(clause)!r} has a parameter, :{names[0]}, which nothing gives a value.",
            "Write \\: for a colon that is meant, or pass the SQL as a plain string where one is taken.",
        )


def taken(name: str, what: str, wanted: str) -> UsageError:
    """The error for a name that something else has: `what` there is, and what was `wanted`."""
    return UsageError(
        f"The name {name!r} is taken: there is {what}, wanted is {wanted}.",
        "Drop or rename what is there in a revision before this one, or choose another name; nothing was changed.",
    )


@contextmanager
def asked_right(what: str) -> Iterator[None]:
    """Turn PostgreSQL's refusal of what the revision asks for (no such function, wrong type …) into UsageError."""
    try:
        yield
    except sa.exc.DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None) or ""
        if state in NOT_OURS or not (state[:2] in {"42", "0A", "2B", "22"} or state == "55000"):
            raise
        raise UsageError(
            f"PostgreSQL does not take {what}: {error_translation.primary_message(fault)}.",
            "Correct it in the revision; nothing was changed.",
        ) from fault
