"""Reads the tables as far as sample rows need them: columns, keys, references, the constants in their rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.reader import BOOKKEEPING, RETIRED_PREFIX

TABLES = sa.text("""
select c.relname::text as table,
       a.attname::text as column,
       coalesce(b.typname, t.typname)::text as type,
       format_type(coalesce(nullif(t.typbasetype, 0), t.oid),
                   case when t.typbasetype <> 0 then t.typtypmod else a.atttypmod end) as printed,
       coalesce(e.typname, '') <> '' as array,
       a.attnotnull or coalesce(t.typnotnull, false) as not_null,
       a.attidentity <> '' or a.attgenerated <> '' as made,
       pg_get_expr(d.adbin, d.adrelid) as default,
       (select array_agg(enumlabel::text order by enumsortorder)
          from pg_enum
         where enumtypid in (t.oid, t.typbasetype, e.oid)) as labels
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid
  join pg_type t on t.oid = a.atttypid
  left join pg_type b on b.oid = nullif(t.typbasetype, 0)
  left join pg_type e on e.oid = nullif(t.typelem, 0) and t.typcategory = 'A'
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and c.relkind in ('r', 'p')
   and not c.relispartition
   and c.relname <> all (:bookkeeping)
   and a.attnum > 0
   and not a.attisdropped
   and not starts_with(a.attname, :retired)
 order by c.relname, a.attnum
""")
RULES = sa.text("""
select c.relname::text as table,
       k.conname::text as name,
       k.contype::text as kind,
       pg_get_constraintdef(k.oid, true) as definition,
       array(select attname::text from unnest(k.conkey) with ordinality as part (number, place)
               join pg_attribute on attrelid = k.conrelid and attnum = number order by place) as columns,
       r.relname::text as referent,
       array(select attname::text from unnest(k.confkey) with ordinality as part (number, place)
               join pg_attribute on attrelid = k.confrelid and attnum = number order by place) as referred
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  left join pg_class r on r.oid = k.confrelid
 where c.relnamespace = quote_ident(current_schema())::regnamespace
   and k.contype in ('c', 'f', 'p', 'u')
   and k.conparentid = 0
 order by 2, 3
""")
UNIQUE = sa.text("""
select c.relname::text as table,
       x.relname::text as name,
       pg_get_indexdef(i.indexrelid, 0, true) as definition,
       array(select attname::text from pg_attribute
              where attrelid = i.indrelid
                and (attnum = any (i.indkey::smallint[])
                     or exists (select from pg_depend
                                 where classid = 'pg_class'::regclass and objid = i.indexrelid
                                   and refobjid = i.indrelid and refobjsubid = attnum))
                and attnum > 0) as columns
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_class x on x.oid = i.indexrelid
 where i.indisunique
   and c.relnamespace = quote_ident(current_schema())::regnamespace
 order by 1, 2
""")
_WORD = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?![\w.'])")


@dataclass(frozen=True)
class Column:
    """A column. `made` is set for identity and generated columns, `labels` are those of its enum type.

    `type` is the name in pg_type (of a domain its base type), `printed` what format_type prints.
    """

    name: str
    type: str
    printed: str
    array: bool
    not_null: bool
    made: bool
    default: str | None
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: its columns, the table they refer to, and that table's columns."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A constraint or unique index. `kind` is contype, or `i` for an index; `definition` as PostgreSQL prints it."""

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str

    @property
    def words(self) -> list[str]:
        """The string constants in the definition."""
        return [word.replace("''", "'") for word in _WORD.findall(self.definition)]

    @property
    def numbers(self) -> list[str]:
        """The numbers in the definition, each with its two neighbours."""
        found = _NUMBER.findall(_WORD.sub("''", self.definition))
        return [
            str(float(each) + step) if "." in each else str(int(each) + step) for each in found for step in (0, -1, 1)
        ]


@dataclass(frozen=True)
class Shape:
    """A table; `rules` are by name."""

    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    rules: Mapping[str, Rule]


def read(connection: Connection) -> dict[str, Shape]:
    """Return the tables of the current schema by name, those first that others refer to."""
    columns: dict[str, list[Column]] = {}
    for row in connection.execute(TABLES, {"bookkeeping": list(BOOKKEEPING), "retired": RETIRED_PREFIX}):
        columns.setdefault(row.table, []).append(
            Column(
                row.column, row.type, row.printed, row.array, row.not_null, row.made, row.default,
                tuple(row.labels or ()),
            )
        )  # fmt: skip
    foreign_keys: dict[str, list[ForeignKey]] = {}
    rules: dict[str, dict[str, Rule]] = {}
    for row in connection.execute(RULES):
        rule = Rule(row.name, row.kind, tuple(row.columns), row.definition)
        rules.setdefault(row.table, {})[row.name] = rule
        if row.kind == "f":
            foreign_keys.setdefault(row.table, []).append(
                ForeignKey(tuple(row.columns), row.referent, tuple(row.referred))
            )
    for row in connection.execute(UNIQUE):
        rules.setdefault(row.table, {}).setdefault(
            row.name, Rule(row.name, "i", tuple(row.columns), row.definition.partition(" USING ")[2])
        )
    shapes = {
        name: Shape(name, tuple(each), tuple(foreign_keys.get(name, ())), rules.get(name, {}))
        for name, each in columns.items()
    }
    return {name: shapes[name] for name in _ordered(shapes)}


def _ordered(shapes: Mapping[str, Shape]) -> list[str]:
    remaining = {name: {key.table for key in shape.foreign_keys} - {name} for name, shape in shapes.items()}
    ordered: list[str] = []
    while remaining:
        name = next((name for name, needs in remaining.items() if not needs & remaining.keys()), next(iter(remaining)))
        ordered.append(name)
        del remaining[name]
    return ordered
