"""A backfill as SQL that psql runs: one block that finds the key itself and commits batch by batch."""

from collections.abc import Mapping, Sequence

from psycopg import sql

from surefoot.online import key_ranges, retired_registry, target_table
from surefoot.online.executor import Steps

ROWS = 5000
"""Of each batch: SQL alone cannot adapt it to what others feel."""

BLOCK = """
declare
    target constant regclass := {table};
    wanted constant text[] := {key};
    condition text := {where};
    key record;
    names text;
    reached text[];
    upto text[];
    behind text;
begin
    if not (select relispartition from pg_class where oid = target) then
        {alone}
    end if;
    select found.* into key
      from ({keys}) as found
     where case when wanted is null then found."unique" else found.columns[1:cardinality(wanted)] = wanted end
     limit 1;
    if not found then
        raise exception 'Table % has no key to walk by: no primary key, no unique index on NOT NULL columns', target;
    end if;
    key.columns := coalesce(wanted, key.columns);
    key.types := key.types[1:cardinality(key.columns)];
    select string_agg(format('%I', name), ', ' order by nth) into names
      from unnest(key.columns) with ordinality as x (name, nth);
    if condition is null then
        select string_agg(format('row(%I)::record *<> row((%s)::%s)::record', attname, expression,
                                 format_type(atttypid, atttypmod)), ' or ')
          into strict condition
          from unnest({columns}::text[], {expressions}::text[]) as x (name, expression)
          join pg_attribute on attrelid = target and attname = name;
    end if;
    loop
        perform set_config('enable_seqscan', 'off', true);
        behind := 'true';
        if reached is not null then
            select format('(%s) > (%s)', names, string_agg(format('%L::%s', value, type), ', ' order by nth))
              into behind
              from unnest(reached, key.types) with ordinality as x (value, type, nth);
        end if;
        execute format('select array[%s] from %s where %s order by %s offset %s limit 1',
                       replace(names, ', ', '::text, ') || '::text', target, behind, names, {rows} - 1)
           into upto;
        if upto is not null then
            select behind || format(' and (%s) <= (%s)', names,
                                    string_agg(format('%L::%s', value, type), ', ' order by nth))
              into behind
              from unnest(upto, key.types) with ordinality as x (value, type, nth);
        end if;
        execute format('update %s set %s where %s and (%s)', target, {values}, behind, condition);
        commit;
        exit when upto is null;
        reached := upto;
    end loop;
end
"""


def print_block(
    steps: Steps, table: str, values: Mapping[str, str], where: str | None, key: str | Sequence[str] | None
) -> None:
    """Print the block; outside a transaction, or its COMMIT would fail."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = ({})").format(sql.Identifier(name), sql.SQL(value)) for name, value in values.items()
    )
    relation = sql.SQL("{}::regclass").format(sql.Identifier(table).as_string())
    wanted = [key] if isinstance(key, str) else None if key is None else list(key)
    body = sql.SQL(BLOCK).format(
        table=relation,
        alone=target_table.ALONE,
        key=wanted,
        where=where,
        keys=sql.SQL(key_ranges.KEYS.replace(":table", "target")),
        columns=list(values),
        expressions=list(values.values()),
        values=assignments.as_string(),
        rows=ROWS,
    )
    steps.execute(retired_registry.block(body))
