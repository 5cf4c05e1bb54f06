"""The registry `retired.things`: a row for each retired column, table, set of rows or displaced object."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.errors import RefusedError, UsageError
from surefoot.online.executor import Steps

SCHEMA = "retired"
COUNTED_BELOW = 64 * 1024 * 1024
"""Bytes of a table up to which its rows are counted when it is retired; above, reltuples is recorded."""
DISPLACED = "unknown"
"""The direction in the row of an object that a repair set aside because a revision needs its name.

`op.restore_…` ignores such rows; `displaced_objects` restores them.
"""
WRONG_USE, REFUSED = "OS002", "OS003"
"""SQLSTATEs that the DO blocks raise for UsageError and RefusedError, so that psql shows the same message."""

SET_UP = (
    f"create schema if not exists {SCHEMA}",
    f"""
    create table if not exists {SCHEMA}.things (
        id bigint generated always as identity primary key,
        what text not null check (what in ('column', 'table', 'rows', 'object')),
        schema_name name not null,
        table_name name not null,
        column_name name,
        revision text not null,
        direction text not null check (direction in ('upgrade', 'downgrade', 'unknown')),
        retired_at timestamptz not null default now(),
        retired_by text not null default session_user,
        stands_as name not null,
        readable_as name not null,
        rows bigint,
        bytes bigint,
        definitions jsonb not null default '{{}}',
        coming_back boolean not null default false,
        unique (schema_name, stands_as, table_name)
    )
    """,
    f"""
    comment on table {SCHEMA}.things is
        'What revisions set aside instead of dropping it. Alembic takes it back, ourschool purge deletes it.'
    """,
    f"comment on column {SCHEMA}.things.stands_as is 'the name it has now, in its table or in this schema'",
    f"comment on column {SCHEMA}.things.rows is 'counted where that is quick, else the estimate of the last analyze'",
    f"comment on column {SCHEMA}.things.definitions is 'what hung on it, for the way back'",
    f"comment on column {SCHEMA}.things.coming_back is 'whether a way back has begun that was not finished'",
)
"""The statements that create the schema and the registry; they may run again."""
PRESENT = f"""
    select to_regclass('{SCHEMA}.things') is not null as things,
           to_regclass('{KEPT_DEFINITIONS}') is not null as definitions
"""
SEEN = "registries_seen"
"""Key of the context's options that holds the revision and direction in which both tables were seen to be there."""


@dataclass(frozen=True)
class RetiredItem:
    """A row of `retired.things`. `rows` and `bytes` are those of the moment at which the item was retired."""

    id: int
    what: str
    """'column', 'table', 'rows' or 'object'."""
    schema: str
    table: str
    column: str | None
    """None unless a column was retired."""
    revision: str
    direction: str
    """'upgrade' or 'downgrade'; 'unknown' where no revision was running, as for a displaced object."""
    retired_at: dt.datetime
    retired_by: str
    stands_as: str
    """The current name: of the column in its table, or of the table or object in schema `retired`."""
    readable_as: str
    """The view or table in schema `retired` from which its values can be read."""
    rows: int | None
    bytes: int | None
    definitions: dict[str, Any]
    """Definitions of the dependent objects that were dropped, as `retire_sql_parts` writes them."""
    coming_back: bool
    """Whether a restore was interrupted after it gave the name back: the next run validates and finishes it."""

    @property
    def label(self) -> str:
        """What an error message calls the item: `table` or `table.column`."""
        return f"{self.table}.{self.column}" if self.column else self.table

    @property
    def relation(self) -> str:
        """The quoted name that the item's table has in `definitions`: the present one, but for a retired table."""
        return str(self.definitions["relation"])


def all_items(connection: Connection) -> list[RetiredItem]:
    """Return all retired items of this database, oldest first; none where there is no registry."""
    if connection.scalar(sa.text(f"select to_regclass('{SCHEMA}.things')")) is None:
        return []
    return [_item(row) for row in connection.execute(sa.text(f"{SELECT_ITEMS} order by id"))]


def items_of_revision(
    steps: Steps, what: str, table: str, column: str | None = None, *, by_opposite: bool
) -> list[RetiredItem]:
    """Return the items of that name that the running revision has retired, newest first.

    With `by_opposite` those that its other direction retired and this one may restore; otherwise those that this
    direction retired already, in an interrupted run. Outside of a revision there are no directions: both are the same.
    """
    direction = opposite_direction(steps) if by_opposite else steps.direction
    if not is_present(steps):
        return []
    rows = steps.fetch(
        f"""
        {SELECT_ITEMS}
         where what = :what
           and table_name = :table
           and column_name is not distinct from :column
           and revision = :revision
           and direction = :direction
         order by id desc
        """,
        what=what,
        table=table,
        column=column,
        revision=steps.revision,
        direction=direction,
    )
    return [_item(row) for row in rows]


def set_up(steps: Steps) -> None:
    """Create schema and registry where they are missing, in one round trip; offline print the statements."""
    if steps.offline:
        for statement in SET_UP:
            steps.execute(statement)
    else:
        steps.execute(";".join(SET_UP))


def is_present(steps: Steps, *, definitions: bool = False) -> bool:
    """Return whether the registry exists, or with `definitions` the table `migration_definitions`; False offline.

    While one revision runs, what was seen committed is not looked up again: nobody else migrates or purges meanwhile,
    and whoever drops one of the tables before the revision's end calls `forget_presence`.
    """
    seen = steps.context.opts.get(SEEN)
    if seen is not None and seen[:2] == (steps.revision, steps.direction) and seen[2 + definitions]:
        return True
    rows = steps.fetch(PRESENT)
    if rows and steps.direction != "unknown" and not steps.in_transaction:
        steps.context.opts[SEEN] = (steps.revision, steps.direction, rows[0].things, rows[0].definitions)
    return bool(rows) and bool(rows[0].definitions if definitions else rows[0].things)


def forget_presence(steps: Steps) -> None:
    """Let `is_present` look again: one of the tables may be dropped now."""
    steps.context.opts.pop(SEEN, None)


def displaced_items(connection: Connection, revision: str) -> list[RetiredItem]:
    """Return the objects that a repair set aside because `revision` needs their names, newest first."""
    return [item for item in all_items(connection)[::-1] if item.revision == revision and item.direction == DISPLACED]


def opposite_direction(steps: Steps) -> str:
    """Return 'downgrade' in an upgrade and 'upgrade' in a downgrade; outside of a revision 'unknown' again."""
    return {"upgrade": "downgrade", "downgrade": "upgrade"}.get(steps.direction, steps.direction)


def do_block(body: sql.Composable) -> str:
    """Return a DO block of the PL/pgSQL `body`, dollar-quoted by a tag that does not occur in it."""
    text, tag = body.as_string(), "$retire$"
    while tag in text:
        tag = f"{tag[:-1]}_$"
    return f"do {tag}{text}{tag}"


@contextmanager
def translate_block_errors() -> Iterator[None]:
    """Turn the errors that a DO block raises with `WRONG_USE` or `REFUSED` into UsageError or RefusedError.

    The error's primary message becomes the message, its hint the remedy.
    """
    try:
        yield
    except sa.exc.DBAPIError as fault:
        kinds = {WRONG_USE: UsageError, REFUSED: RefusedError}
        kind = kinds.get(getattr(fault.orig, "sqlstate", None) or "")
        if kind is None:
            raise
        diagnosis = fault.orig.diag  # type: ignore[union-attr]  # a psycopg.Error, as the SQLSTATE shows
        raise kind(str(diagnosis.message_primary), str(diagnosis.message_hint)) from None


def record(steps: Steps, what: str, table: str, stands_as: str, definitions: dict[str, Any]) -> None:
    """Insert the row of an item that is retired into a table of its own, inside the transaction that creates it.

    An older row of that name is deleted: the name was free, so somebody has dropped that table.
    """
    steps.execute(
        sql.SQL("delete from {}.things where what = {} and table_name = {} and stands_as = {}").format(
            sql.Identifier(SCHEMA), what, table, stands_as
        )
    )
    steps.execute(
        sql.SQL(
            "insert into {}.things (what, schema_name, table_name, revision, direction, stands_as, readable_as,"
            " definitions) values ({}, current_schema(), {}, {}, {}, {}, {}, {})"
        ).format(
            sql.Identifier(SCHEMA), what, table, steps.revision, steps.direction, stands_as, stands_as,
            json.dumps(definitions),
        )
    )  # fmt: skip


def row_count_if_small(steps: Steps, table: str) -> int | None:
    """Return how many rows the table has; None where it is larger than `COUNTED_BELOW`."""
    name = sql.Identifier(table)
    small = "select 1 where pg_relation_size(to_regclass(:name)) < :most"
    if not steps.fetch(small, name=name.as_string(), most=COUNTED_BELOW):
        return None
    return int(steps.retry_on_lock(lambda: steps.fetch(sql.SQL("select count(*) from {}").format(name)))[0][0])


def delete_item(steps: Steps, item: RetiredItem) -> None:
    """Delete the row of `item`, inside the transaction that restored it or found its rows moved back."""
    steps.execute(sql.SQL("delete from {}.things where id = {}").format(sql.Identifier(SCHEMA), item.id))


def mark_coming_back(steps: Steps, item: RetiredItem) -> None:
    """Record, inside the transaction that gave the name back, that the constraints are still to be validated."""
    steps.execute(
        sql.SQL("update {}.things set coming_back = true, stands_as = {} where id = {}").format(
            sql.Identifier(SCHEMA), item.column or item.table, item.id
        )
    )


def drop_if_empty(steps: Steps) -> None:
    """Drop `retired.things` when it is empty, and then the schema where nothing else is in it."""
    if is_present(steps) and not steps.fetch(f"select from {SCHEMA}.things limit 1"):
        forget_presence(steps)
        steps.run(DROP_IF_EMPTY)


DROP_REGISTRY = """\
    if not exists (select from retired.things) then
        drop table retired.things;
        if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                          and refobjid = 'retired'::regnamespace) then
            drop schema retired;
        end if;
    end if;"""
"""Part of a PL/pgSQL block that drops the registry when it is empty, and then the schema where it is empty."""
DROP_IF_EMPTY = f"""
do $tidy$
begin
    lock table retired.things in access exclusive mode;
{DROP_REGISTRY}
end
$tidy$
"""

SELECT_ITEMS = f"""
    select id, what, schema_name, table_name, column_name, revision, direction, retired_at, retired_by,
           stands_as, readable_as, rows, bytes, definitions, coming_back
      from {SCHEMA}.things
"""  # noqa: S608  # a constant of ours


def _item(row: sa.Row[Any]) -> RetiredItem:
    values: tuple[Any, ...] = tuple(row)
    return RetiredItem(*values)
