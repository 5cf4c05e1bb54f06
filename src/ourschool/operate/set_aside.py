"""Schema `set_aside`, where adopt of earlier versions moved what was not expected: listed and deleted like the rest.

What it moved kept its foreign keys: a row of the school's that such a table points to cannot be deleted.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from ourschool.database import as_it_is
from ourschool.operate.adopt.findings import quoted

SCHEMA = "set_aside"
# What holds others up comes first. An index, a table's own sequence and a row's own type go with their table.
LISTED = sa.text("""
    select case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                        when 'S' then 'sequence' when 'c' then 'type' else 'table' end as kind,
           relname::text as name, '' as arguments, case when relkind in ('r', 'p') then pg_class.oid::bigint end as oid
      from pg_class
      left join pg_depend on classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('a', 'i')
       and refclassid = 'pg_class'::regclass and relkind = 'S'
     where relnamespace = to_regnamespace('set_aside')
       and relkind in ('v', 'm', 'f', 'S', 'c', 'r', 'p')
       and not relispartition
       and pg_depend.objid is null
     union all
    select case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end, proname::text,
           '(' || pg_get_function_identity_arguments(oid) || ')', null
      from pg_proc
     where pronamespace = to_regnamespace('set_aside')
     union all
    select case typtype when 'd' then 'domain' else 'type' end, typname::text, '', null
      from pg_type
     where typnamespace = to_regnamespace('set_aside')
       and typtype in ('e', 'd', 'r')
     order by 1 desc, 2
""")
SINCE = sa.text("select min(started_at) from migration_journal")
HELD = sa.text("""
    select conrelid::regclass::text as "table", conname::text as name, confrelid::regclass::text as referent
      from pg_constraint
     where contype = 'f'
       and conparentid = 0
       and to_regnamespace('set_aside') in (
               (select relnamespace from pg_class where oid = conrelid),
               (select relnamespace from pg_class where oid = confrelid))
       and (select relnamespace from pg_class where oid = conrelid)
           <> (select relnamespace from pg_class where oid = confrelid)
     order by 1, 2
""")
TIES = sa.text("""
    select conrelid::regclass::text as "table", quote_ident(conname) as name
      from pg_constraint
     where contype = 'f' and conparentid = 0 and confrelid = :oid and conrelid <> :oid
""")


@dataclass(frozen=True)
class Old:
    """One thing in schema `set_aside`, of some day before `since`, when the school came under Alembic."""

    kind: str
    name: str
    arguments: str
    rows: int | None
    since: dt.datetime

    def __str__(self) -> str:
        rows = "" if self.rows is None else f", {self.rows} rows"
        return f"{self.kind} {self.name}{rows}, set aside in schema {SCHEMA} by adopt before {self.since:%Y-%m-%d}"


def listed(connection: Connection) -> list[Old]:
    """Everything in the schema; nothing where there is none."""
    found = connection.execute(LISTED).all()
    if not found:
        return []
    journal = connection.execute(sa.text("select to_regclass('migration_journal')")).scalar_one()
    since = (connection.execute(SINCE).scalar() if journal is not None else None) or dt.datetime.now(dt.UTC)
    return [Old(row.kind, row.name, row.arguments, _rows(connection, row), since) for row in found]


def foreign_keys(connection: Connection) -> Iterator[tuple[str, str]]:
    """What still ties the school's tables to the schema, each with the statement that lets go of it."""
    for row in connection.execute(HELD):
        yield (
            f"{row.table} points to {row.referent} by {row.name}, though it is set aside: rows of {row.referent} that "
            "it points to cannot be deleted",
            f"alter table {row.table} drop constraint {quoted(row.name)};",
        )


def delete(connection: Connection, old: Old) -> None:
    """Drop it for ever, and the schema once nothing is left in it; what hangs on it is not the school's."""
    name = sql.Identifier(SCHEMA, old.name)
    if old.kind == "table":
        oid = connection.execute(sa.text("select cast(:name as regclass)::oid::bigint"), {"name": name.as_string()})
        for tie in connection.execute(TIES, {"oid": oid.scalar_one()}).all():
            as_it_is(connection, f"alter table {tie.table} drop constraint {tie.name}")
    kind, arguments = sql.SQL(old.kind), sql.SQL(old.arguments)
    as_it_is(connection, sql.SQL("drop {} if exists {}{}").format(kind, name, arguments))
    if not connection.execute(LISTED).first():
        as_it_is(connection, sql.SQL("drop schema {}").format(sql.Identifier(SCHEMA)))


def _rows(connection: Connection, row: sa.Row[tuple[str, str, str, int]]) -> int | None:
    if row.oid is None:
        return None
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, row.name))
    return int(as_it_is(connection, query).scalar_one())
