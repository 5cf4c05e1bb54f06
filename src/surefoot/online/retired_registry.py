"""`retired.things`: what was set aside, by which revision, when and by whom, how much it is, and the way back."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError, UsageError
from surefoot.online.executor import Steps

SCHEMA = "retired"
LONGEST_NAME = 63
"""Bytes of an identifier; PostgreSQL cuts a longer one silently, and two long names could then be one."""
OFTEN = 50
"""How often one revision may set one name aside: a type widened plainly, or rows on the way to base, stay each time."""
QUICK = 64 * 1024 * 1024
"""Bytes of a table whose rows are counted when it is retired; of a larger one the last estimate is noted."""
FOR_OTHERS = "unknown"
"""The direction of what was set aside for a revision without its doing: `op.restore_…` leaves it alone."""
WRONG_USE, REFUSED = "OS002", "OS003"
"""SQLSTATEs that our own blocks raise, so that psql shows the same sentence that Alembic does."""

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
"""Statements that may run any number of times, and in psql."""


@dataclass(frozen=True)
class RetiredItem:
    """One thing set aside; `column` is None for tables and rows. Sizes are those of the moment it was retired."""

    id: int
    what: str
    schema: str
    table: str
    column: str | None
    revision: str
    direction: str
    """"upgrade", "downgrade", or "unknown" where no revision was running."""
    retired_at: dt.datetime
    retired_by: str
    stands_as: str
    """The name it has now: of the column in its table, or of the table in schema `retired`."""
    readable_as: str
    """The relation in schema `retired` that shows its rows."""
    rows: int | None
    bytes: int | None
    definitions: dict[str, Any]
    coming_back: bool
    """Whether a way back has begun that was not finished: the next run goes on with it."""


def listed(connection: Connection) -> list[RetiredItem]:
    """Everything that is set aside in this database, oldest first; nothing where nothing ever was."""
    if connection.scalar(sa.text(f"select to_regclass('{SCHEMA}.things')")) is None:
        return []
    return [_thing(row) for row in connection.execute(sa.text(f"{_ALL} order by id"))]


def set_aside_by(steps: Steps, what: str, table: str, column: str | None = None, *, back: bool) -> list[RetiredItem]:
    """What the revision that runs has set aside of that name, newest first.

    With `back` what its other direction retired and this one may take back; else what this one has already retired.
    Outside a revision there are no directions, and both are asked for alike.
    """
    direction = other_direction(steps) if back else steps.direction
    if not steps.look(f"select 1 where to_regclass('{SCHEMA}.things') is not null"):
        return []
    rows = steps.look(
        f"""
        {_ALL}
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
    return [_thing(row) for row in rows]


def of_others(connection: Connection, revision: str) -> list[RetiredItem]:
    """What somebody else made under a name that the revision makes, and was set aside for it; newest first."""
    return [thing for thing in listed(connection)[::-1] if thing.revision == revision and thing.direction == FOR_OTHERS]


def other_direction(steps: Steps) -> str:
    """What takes back what this direction sets aside; outside a revision the same."""
    return {"upgrade": "downgrade", "downgrade": "upgrade"}.get(steps.direction, steps.direction)


def names(full: str, *, most: int = OFTEN) -> list[str]:
    """Identifiers for `full`, first choice first: each within 63 bytes, told apart by a hash where it had to be cut."""
    return [within(full if nth == 1 else f"{full}_{nth}") for nth in range(1, most + 1)]


def within(full: str) -> str:
    """`full` as an identifier: as it is where it fits, else its beginning and a hash of the whole, always the same."""
    if len(full.encode()) <= LONGEST_NAME:
        return full
    mark = f"_{hashlib.sha256(full.encode()).hexdigest()[:8]}"
    return full.encode()[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark


def block(body: sql.Composable) -> str:
    """A DO block of `body`, quoted by a tag that does not occur in it."""
    text, tag = body.as_string(), "$retire$"
    while tag in text:
        tag = f"{tag[:-1]}_$"
    return f"do {tag}{text}{tag}"


@contextmanager
def understood() -> Iterator[None]:
    """Turn what our own blocks raise into our errors: the sentence is the message, the hint the remedy."""
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
    """Write down what is set aside in a table of its own, inside the transaction that makes that table.

    A row of that name is of a table that somebody has dropped since: the name was free.
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


def counted(steps: Steps, table: str) -> int | None:
    """How many rows the table has, where that is quick to count; else None, and the last estimate has to do."""
    name = sql.Identifier(table)
    quick = "select 1 where pg_relation_size(to_regclass(:name)) < :most"
    if not steps.look(quick, name=name.as_string(), most=QUICK):
        return None
    result = steps.repeat(lambda: steps.execute(sql.SQL("select count(*) from {}").format(name)))
    return int(result.scalar_one()) if result is not None else None


def forget(steps: Steps, thing: RetiredItem) -> None:
    """Delete the thing's row, inside the transaction that took it back or found it gone."""
    steps.execute(sql.SQL("delete from {}.things where id = {}").format(sql.Identifier(SCHEMA), thing.id))


def coming_back(steps: Steps, thing: RetiredItem) -> None:
    """Note, inside the transaction that gave it its name back, that what hangs on the thing is still being checked."""
    steps.execute(
        sql.SQL("update {}.things set coming_back = true, stands_as = {} where id = {}").format(
            sql.Identifier(SCHEMA), thing.column or thing.table, thing.id
        )
    )


def tidy(steps: Steps) -> None:
    """Drop `retired.things`, and the schema where nothing else is in it, once nothing is set aside any more."""
    if not steps.look(f"select 1 where to_regclass('{SCHEMA}.things') is not null"):
        return
    if not steps.look(f"select from {SCHEMA}.things limit 1"):
        steps.run(TIDY)


TIDY = """
do $tidy$
begin
    lock table retired.things in access exclusive mode;
    if not exists (select from retired.things) then
        drop table retired.things;
        if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                          and refobjid = 'retired'::regnamespace) then
            drop schema retired;
        end if;
    end if;
end
$tidy$
"""

_ALL = f"""
    select id, what, schema_name, table_name, column_name, revision, direction, retired_at, retired_by,
           stands_as, readable_as, rows, bytes, definitions, coming_back
      from {SCHEMA}.things
"""  # noqa: S608  # a constant of ours


def _thing(row: sa.Row[Any]) -> RetiredItem:
    values: tuple[Any, ...] = tuple(row)
    return RetiredItem(*values)
