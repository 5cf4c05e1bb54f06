"""The recorded catalogue of the existing database, and the same rows asked of a live one."""

import csv
import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psycopg

RECORD = Path(__file__).parent / "csv"
"""Byte-for-byte copies of the record of 3 August 2025."""

BOOKKEEPING = ("alembic_version", "migration_journal", "migration_definitions")
"""Tables that migrating adds by itself; no part of the school."""

COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'False' else 'True' end,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace
    and c.relkind in ('r', 'p')
    and c.relname <> all(%s)
order by c.relname collate "C", a.attnum
"""

# contype n is PostgreSQL 18's NOT NULL as a constraint: the older servers know it only as the column's nullability
CONSTRAINTS = """
select c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid)
from pg_constraint k
join pg_class c on c.oid = k.conrelid
where c.relnamespace = 'public'::regnamespace
    and c.relname <> all(%s)
    and k.contype <> 'n'
order by c.relname collate "C", k.contype, k.conname collate "C"
"""

ENUMS = """
select t.typname, string_agg(e.enumlabel, ',' order by e.enumsortorder)
from pg_type t
join pg_enum e on e.enumtypid = t.oid
where t.typnamespace = 'public'::regnamespace
group by t.typname
order by t.typname collate "C"
"""

INDEXES = """
select c.relname, i.relname, pg_get_indexdef(i.oid)
from pg_index x
join pg_class c on c.oid = x.indrelid
join pg_class i on i.oid = x.indexrelid
where c.relnamespace = 'public'::regnamespace
    and c.relname <> all(%s)
order by c.relname collate "C", i.relname collate "C"
"""

OWNED_SEQUENCES = """
select s.relname, c.relname || '.' || a.attname
from pg_class s
left join pg_depend d on d.objid = s.oid
    and d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass
    and d.deptype = 'a'
left join pg_class c on c.oid = d.refobjid
left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where s.relnamespace = 'public'::regnamespace
    and s.relkind = 'S'
    and (c.relname is null or c.relname <> all(%s))
order by s.relname collate "C"
"""

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Catalogue:
    """The four files of the record, or what a live database says in their place; without their heading lines."""

    columns: Rows
    constraints: Rows
    enums: Rows
    indexes: Rows


def recorded() -> Catalogue:
    """The catalogue as recorded in `csv/`."""
    return Catalogue(_read("columns"), _read("constraints"), _read("enums"), _read("indexes"))


def found(connection: psycopg.Connection, *, without: Collection[str] = BOOKKEEPING) -> Catalogue:
    """The catalogue of schema public, in the record's form and order, leaving out the tables `without`."""
    left_out = [list(without)]
    return Catalogue(
        tuple(connection.execute(COLUMNS, left_out).fetchall()),
        tuple(connection.execute(CONSTRAINTS, left_out).fetchall()),
        tuple(connection.execute(ENUMS).fetchall()),
        tuple(connection.execute(INDEXES, left_out).fetchall()),
    )


def owned_sequences(connection: psycopg.Connection, *, without: Collection[str] = BOOKKEEPING) -> dict[str, str | None]:
    """Each sequence of schema public and the column (`table.column`) that owns it, None where none does."""
    return dict(connection.execute(OWNED_SEQUENCES, [list(without)]).fetchall())


def difference(expected: Catalogue, actual: Catalogue) -> str:
    """A unified diff of the two, '' when they are equal to the letter; for an assertion's message."""
    return "\n".join(difflib.unified_diff(_lines(expected), _lines(actual), "recorded", "found", n=1, lineterm=""))


def _read(name: str) -> Rows:
    with (RECORD / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        _heading, *rows = csv.reader(file)
    return tuple(tuple(row) for row in rows)


def _lines(catalogue: Catalogue) -> list[str]:
    return [
        " | ".join((kind, *row))
        for kind in ("columns", "constraints", "enums", "indexes")
        for row in getattr(catalogue, kind)
    ]
