"""What the scratch database is between two statements: its tables, where their rows are stored, the locks held.

Looked up, not parsed: a DO block, a function or a string put together at run time hides nothing from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import rows

from surefoot.catalogue.reader import BOOKKEEPING

RELATIONS = """
    select relation.oid,
           namespace.nspname as schema,
           relation.relname as name,
           relation.relkind::text as kind,
           pg_relation_filenode(relation.oid) as file,
           pg_table_is_visible(relation.oid) as visible,
           index.indrelid as table,
           (select json_object_agg(attnum, attname)
              from pg_attribute
             where attrelid = relation.oid
               and attnum > 0
               and not attisdropped) as columns,
           (select json_agg(distinct attname)
              from pg_index as unique_index
              join pg_attribute on attrelid = indrelid and attnum = indkey[0]
             where indrelid = relation.oid
               and indisunique
               and indpred is null) as keys,
           (select count(*)
              from pg_locks
             where pid = pg_backend_pid()
               and locktype = 'relation'
               and pg_locks.relation = relation.oid
               and mode = 'AccessExclusiveLock') > 0 as locked
      from pg_class as relation
      join pg_namespace as namespace on namespace.oid = relation.relnamespace
      left join pg_index as index on index.indexrelid = relation.oid
     where namespace.nspname not in ('pg_catalog', 'information_schema')
       and namespace.nspname !~ '^pg_(toast|temp)'
"""


@dataclass(frozen=True)
class Relation:
    """A table, an index or what else has a row in pg_class. `table` is what an index is on."""

    oid: int
    schema: str
    name: str
    kind: str
    file: int | None
    visible: bool
    table: int | None
    columns: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    locked: bool = False

    @property
    def is_table(self) -> bool:
        """Whether it holds rows of the application's: bookkeeping of migrations does not."""
        return self.kind in {"r", "p"} and self.name not in BOOKKEEPING

    def __str__(self) -> str:
        return self.name if self.visible else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class State:
    """All relations of the database at one moment, by oid."""

    relations: Mapping[int, Relation]

    def find(self, name: str) -> Relation | None:
        """The relation of that name, qualified or found on the search path."""
        schema, _, last = name.rpartition(".")
        for relation in self.relations.values():
            if relation.name == last and (relation.schema == schema if schema else relation.visible):
                return relation
        return None

    def locked(self) -> frozenset[int]:
        """The relations that this session holds ACCESS EXCLUSIVE."""
        return frozenset(oid for oid, relation in self.relations.items() if relation.locked)


def look(driver: psycopg.Connection[Any]) -> State:
    """The state as the session of `driver` sees it, inside its transaction where it is in one."""
    with driver.cursor(row_factory=rows.dict_row) as cursor:
        found = cursor.execute(RELATIONS).fetchall()
    return State(
        {
            row["oid"]: Relation(**row | {"columns": row["columns"] or {}, "keys": frozenset(row["keys"] or ())})
            for row in found
        }
    )
