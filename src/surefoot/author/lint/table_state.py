"""The scratch database between two statements: its relations, files on disk, locks, rules, rights and settings.

All of it is read from the catalogue, so a DO block, a function or dynamic SQL hides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import rows

from surefoot.catalogue.reader import BOOKKEEPING

PROTECTIVE = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "row_security",
              "session_replication_role")  # fmt: skip
"""The settings of a session that protect the users and the data."""
BLOCKING = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
"""The locks that stop whoever writes, the weakest first; the last one stops whoever reads, too."""

RELATIONS = """
    select relation.oid::bigint,
           namespace.nspname as schema,
           relation.relname as name,
           relation.relkind::text as kind,
           pg_relation_filenode(relation.oid)::bigint as file,
           pg_table_is_visible(relation.oid) as visible,
           index.indrelid::bigint as table,
           relation.relispopulated as populated,
           case when relation.relispartition then pg_get_partition_constraintdef(relation.oid) end as bound,
           relation.relrowsecurity as row_security,
           case relation.relkind when 'v' then obj_description(relation.oid, 'pg_class') end as comment,
           pg_stat_get_tuples_inserted(relation.oid) + pg_stat_get_xact_tuples_inserted(relation.oid) as inserted,
           pg_stat_get_tuples_updated(relation.oid) + pg_stat_get_xact_tuples_updated(relation.oid) as updated,
           pg_stat_get_tuples_deleted(relation.oid) + pg_stat_get_xact_tuples_deleted(relation.oid) as deleted,
           held.modes,
           of_column.columns,
           of_index.keys,
           of_index.leading,
           of_trigger.triggers_off,
           of_policy.policies
      from pg_class as relation
      join pg_namespace as namespace on namespace.oid = relation.relnamespace
      left join pg_index as index on index.indexrelid = relation.oid
      left join (select relation, array_agg(mode) as modes
                   from pg_locks
                  where pid = pg_backend_pid() and locktype = 'relation'
                  group by relation) as held on held.relation = relation.oid
      left join (select attrelid,
                        json_object_agg(attnum, json_build_array(
                            attname, coalesce(nullif(typbasetype, 0), type.oid)::bigint, attnotnull,
                            atthasdef or attidentity <> '', description)) as columns
                   from pg_attribute
                   join pg_type as type on type.oid = atttypid
                   left join pg_description
                     on classoid = 'pg_class'::regclass and objoid = attrelid and objsubid = attnum
                  where attnum > 0 and not attisdropped
                  group by attrelid) as of_column
        on of_column.attrelid = relation.oid and relation.relkind in ('r', 'p', 'f')
      left join (select indrelid,
                        array_agg(distinct attname) filter (where indisunique and indpred is null) as keys,
                        json_agg(indkey::int2[]) as leading
                   from pg_index as every_index
                   left join pg_attribute on attrelid = indrelid and attnum = indkey[0]
                  where indisvalid
                    and (indpred is null
                         or pg_get_expr(indpred, indrelid) = '(' || quote_ident(attname) || ' IS NOT NULL)')
                  group by indrelid) as of_index on of_index.indrelid = relation.oid
      left join (select tgrelid, array_agg(tgname) as triggers_off
                   from pg_trigger
                  where tgenabled in ('D', 'R')
                  group by tgrelid) as of_trigger on of_trigger.tgrelid = relation.oid
      left join (select polrelid, count(*) as policies
                   from pg_policy
                  group by polrelid) as of_policy on of_policy.polrelid = relation.oid
     where namespace.nspname not in ('pg_catalog', 'information_schema')
       and namespace.nspname !~ '^pg_(toast|temp)'
"""
CONSTRAINTS = """
    select oid::bigint, conname as name, contype::text as kind, conrelid::bigint as table,
           confrelid::bigint as referred,
           conkey as columns, confkey as referred_columns, convalidated as validated
      from pg_constraint
     where conrelid <> 0
       and conparentid = 0
       and contype in ('c', 'f', 'u', 'p', 'x')
"""
THINGS = """
    select 'pg_proc' as catalogue, oid, 'function ' || oid::regprocedure as what, proname as name, 0::oid as table
      from pg_proc
     where pronamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
    union all
    select 'pg_trigger', oid, 'trigger ' || quote_ident(tgname) || ' on ' || tgrelid::regclass, tgname, tgrelid
      from pg_trigger
     where not tgisinternal
    union all
    select 'pg_policy', oid, 'policy ' || quote_ident(polname) || ' on ' || polrelid::regclass, polname, polrelid
      from pg_policy
    union all
    select 'pg_type', oid, 'type ' || oid::regtype, typname, 0
      from pg_type
     where typtype in ('d', 'e', 'r')
       and typnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
"""
OPEN_TO_ALL = """
    select privilege_type || ' on ' || what
      from (select relacl as acl, oid::regclass::text as what
              from pg_class
             where relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
            union all
            select attacl, attrelid::regclass || '.' || quote_ident(attname)
              from pg_attribute
             where attacl is not null
            union all
            select coalesce(proacl, acldefault('f', proowner)), 'function ' || oid::regprocedure::text
              from pg_proc
             where pronamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema'))
               and not exists (select
                                 from pg_depend
                                where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e')
            union all
            select nspacl, 'schema ' || quote_ident(nspname)
              from pg_namespace
            union all
            select defaclacl, 'whatever is made later'
              from pg_default_acl
             where defaclobjtype in ('r', 'S', 'n')) as rights
     cross join aclexplode(acl)
     where grantee = 0
"""  # noqa: E501  # lines of a query
STATE = f"""
    select (select json_agg(each) from ({RELATIONS}) as each) as relations,
           (select json_agg(each) from ({CONSTRAINTS}) as each) as constraints,
           (select json_object_agg(catalogue || oid, json_build_array(what, name, "table"::bigint))
              from ({THINGS}) as each
             where not exists (select
                                 from pg_depend
                                where classid = catalogue::regclass and objid = oid and deptype = 'e')) as things,
           array({OPEN_TO_ALL}) as open_to_all,
           (select json_object_agg(name, setting)
              from unnest(%(settings)s::text[]) as name, current_setting(name) as setting) as settings
"""  # noqa: S608  # constants of ours


@dataclass(frozen=True)
class Column:
    """A column: the oid of its type, of a domain that of the base type; `filled` where it has a default or identity."""

    name: str
    type: int
    not_null: bool
    filled: bool
    comment: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Constraint:
    """A row of pg_constraint: `kind` is contype, `table` and `referred` are oids, columns are numbers."""

    oid: int
    name: str
    kind: str
    table: int
    referred: int
    columns: tuple[int, ...]
    referred_columns: tuple[int, ...]
    validated: bool


@dataclass(frozen=True)
class Thing:
    """A function, trigger, policy or type: its kind and name for people, its name, the oid of its table, else 0."""

    what: str
    name: str
    table: int


@dataclass(frozen=True)
class Relation:
    """A row of pg_class. `file` is its relfilenode, `table` the oid of an index's table.

    `columns` are by attnum as text, `keys` the first columns of unique indexes, `leading` the column numbers of each
    valid index of every row whose columns are not NULL, `bound` what holds for the rows of a partition, `modes` the
    locks that this session holds, `comment` that of a view. `inserted`, `updated` and `deleted` count rows since the
    database was made: their difference between two states is what was done in between.
    """

    oid: int
    schema: str
    name: str
    kind: str
    file: int | None
    visible: bool
    table: int | None
    populated: bool = True
    bound: str | None = None
    row_security: bool = False
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    modes: frozenset[str] = frozenset()
    columns: Mapping[str, Column] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    leading: tuple[tuple[int, ...], ...] = ()
    triggers_off: frozenset[str] = frozenset()
    policies: int = 0
    comment: str | None = None

    @property
    def is_table(self) -> bool:
        """Whether it is a table of the application's, not of the migrations' bookkeeping."""
        return self.kind in {"r", "p"} and self.name not in BOOKKEEPING

    @property
    def locked(self) -> bool:
        """Whether this session holds ACCESS EXCLUSIVE on it."""
        return "AccessExclusiveLock" in self.modes

    @property
    def column_names(self) -> frozenset[str]:
        """The names of its columns."""
        return frozenset(column.name for column in self.columns.values())

    def has_index_on(self, columns: tuple[int, ...]) -> bool:
        """Return whether an index begins with the first of these columns, or with all of them in any order."""
        return any(each[0] == columns[0] or set(each[: len(columns)]) == set(columns) for each in self.leading if each)

    def __str__(self) -> str:
        return self.name if self.visible else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class State:
    """The database at one moment: relations and constraints by oid, other things by catalogue and oid.

    `open_to_all` are the privileges of PUBLIC, `settings` the PROTECTIVE ones of the session, by name.
    """

    relations: Mapping[int, Relation]
    constraints: Mapping[int, Constraint] = field(default_factory=dict)
    things: Mapping[str, Thing] = field(default_factory=dict)
    open_to_all: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)

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
        found = cursor.execute(STATE, {"settings": list(PROTECTIVE)}).fetchone()
    assert found is not None
    relations = {row["oid"]: _relation(row) for row in found["relations"] or ()}
    constraints = {
        row["oid"]: Constraint(
            **row | {"columns": tuple(row["columns"] or ()), "referred_columns": tuple(row["referred_columns"] or ())}
        )
        for row in found["constraints"] or ()
    }
    things = {key: Thing(*each) for key, each in (found["things"] or {}).items()}
    return State(relations, constraints, things, frozenset(found["open_to_all"]), found["settings"])


def count_rows(driver: psycopg.Connection[Any], state: State) -> dict[int, int]:
    """Return the number of rows of each table of a state, by oid."""
    tables = [each for each in state.relations.values() if each.kind == "r" and each.is_table]
    if not tables:
        return {}
    counts = psycopg.sql.SQL(" union all ").join(
        psycopg.sql.SQL("select {}::bigint, count(*) from {}").format(
            psycopg.sql.Literal(each.oid), psycopg.sql.Identifier(each.schema, each.name)
        )
        for each in tables
    )
    return {int(oid): int(count) for oid, count in driver.execute(counts).fetchall()}


def _relation(row: dict[str, Any]) -> Relation:
    columns = {number: Column(*each) for number, each in (row["columns"] or {}).items()}
    sets = {name: frozenset(row[name] or ()) for name in ("modes", "keys", "triggers_off")}
    leading = tuple(tuple(each) for each in row["leading"] or ())
    return Relation(**row | sets | {"columns": columns, "leading": leading, "policies": row["policies"] or 0})
