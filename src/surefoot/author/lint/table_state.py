"""The relations of the scratch database between two statements: their columns, their files on disk, their locks.

They are read from the catalogue, so a DO block, a function or dynamic SQL hides nothing.
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
    """A row of pg_class. `file` is its relfilenode, `table` the oid of an index's table.

    `columns` are names by attnum as text, `keys` the first columns of unique indexes, `locked` is whether this session
    holds ACCESS EXCLUSIVE.
    """

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
        """Whether it is a table of the application's, not of the migrations' bookkeeping."""
        return self.kind in {"r", "p"} and self.name not in BOOKKEEPING

    def __str__(self) -> str:
        return self.name if self.visible else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class State:
    """The relations of the database at one moment, by oid."""

    relations: Mapping[int, Relation]

    def find(self, name: str) -> Relation | None:
        """Return the relation of that name, qualified or on the search path; None where there is none."""
        schema, _, last = name.rpartition(".")
        for relation in self.relations.values():
            if relation.name == last and (relation.schema == schema if schema else relation.visible):
                return relation
        return None

    def locked(self) -> frozenset[int]:
        """Return the oids of the relations that this session has locked ACCESS EXCLUSIVE."""
        return frozenset(oid for oid, relation in self.relations.items() if relation.locked)


def read_state(driver: psycopg.Connection[Any]) -> State:
    """Read the state as the session of `driver` sees it, inside its transaction where it is in one."""
    with driver.cursor(row_factory=rows.dict_row) as cursor:
        relations = cursor.execute(RELATIONS).fetchall()
    return State(
        {
            row["oid"]: Relation(**row | {"columns": row["columns"] or {}, "keys": frozenset(row["keys"] or ())})
            for row in relations
        }
    )
