"""Statements that move rows to schema `retired`: online in batches, and beside each step its `--sql` form.

The printed block moves all rows in one transaction.
"""

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.executor import Steps
from surefoot.online.target_table import Table

RULES = """
    select format('%I', rulename) as name
      from pg_rewrite
     where ev_class = :table
       and ev_type in ('2', '3', '4')
       and ev_enabled in ('O', 'A')
     order by 1
     limit 1
"""
KEYS = sql.SQL("create table {keys} as select row_number() over () as __nth, {key} from {table} where ({where}\n)")
CONDITION = sql.SQL("({key}) in (select {key} from {keys} where {range}) and ({where}\n)")
CREATE_TABLE = sql.SQL("""
    create table {place} as
    select {table}.*, null::text as {reason}, null::timestamptz as {at}
      from {table}
      with no data
""")
PRINTED_CREATE_TABLE = """\
    select jsonb_object_agg(wanted, free) into extra
      from unnest(array['reason', 'retired_at']) as wanted
     cross join lateral (
         select name
           from unnest(array[wanted, 'retired_' || wanted, '__' || wanted, '__' || wanted || '_2'])
                   with ordinality as choice (name, nth)
          where not exists (select from pg_attribute where attrelid = target and attname = name and not attisdropped)
          order by nth
          limit 1
     ) as choice (free);
    execute format('create table if not exists %s as '
                   'select t.*, null::text as %I, null::timestamptz as %I from %s t with no data',
                   {place}, extra ->> 'reason', extra ->> 'retired_at', target);"""
LACKING = """
    select attname, atttypid, atttypmod
      from pg_attribute
     where attrelid = :table and attnum > 0 and not attisdropped
    except
    select attname, atttypid, atttypmod
      from pg_attribute
     where attrelid = to_regclass(:place) and attnum > 0 and not attisdropped
"""
MOVE = sql.SQL("""
    with gone as (
        delete from {table}
         where {listed}
     returning {columns}
    )
    insert into {place} ({columns}, {extra})
    select {columns}, {reason}, now()
      from gone
""")
PRINTED_MOVE = """\
    execute format('with gone as (delete from %s where %s returning *) '
                   'insert into %s select gone.*, %L, now() from gone', target, {where}, {place}, {reason});"""
RECORD = sql.SQL("""
    update retired.things
       set rows = (select count(*) from {place}),
           bytes = pg_total_relation_size({text}::regclass),
           definitions = jsonb_set(definitions, '{{done}}', definitions -> 'done' || jsonb_build_array({mark}::text))
     where id = {id}
""")
PRINTED_RECORD = """\
    execute format('select count(*) from %s', {place}) into many;
    insert into retired.things (what, schema_name, table_name, revision, direction, stands_as, readable_as, rows, bytes,
                                definitions)
    select 'rows', nspname, {table}, {revision}, {direction}, {name}, {name}, many, pg_total_relation_size({place}),
           jsonb_build_object('done', '[]'::jsonb, 'extra', extra)
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
     where pg_class.oid = target
        on conflict (schema_name, stands_as, table_name) do update
       set rows = excluded.rows, bytes = excluded.bytes;"""

# {where} is the condition as a literal; REFUSED and the like are SQLSTATEs.
PRINTED_BLOCK = """
declare
    target constant regclass := to_regclass({relation});
    many bigint; anybody boolean; extra jsonb;
    one record;
begin
    if target is null then
        raise exception using errcode = {wrong}, message = format('There is no table %I to retire rows of.', {table}),
            hint = 'Correct the name in the revision; psql shows the tables with \\d.';
    end if;
    {refuse_inheritance}
    execute format('select exists (select from %s where %s)', target, {where}) into anybody;
    if not anybody then
        return;
    end if;
{check_references}
    {set_up}
{create_table}
{move}
{record}
end
"""


def refuse_rules(steps: Steps, table: Table) -> None:
    """Raise RefusedError for a table with a rule on what is written: PostgreSQL moves no rows of such a table."""
    for rule in steps.fetch(RULES, table=table.oid):
        name = table.identifier.as_string()
        raise RefusedError(
            f"Rows of {table.name} can be neither retired nor restored while its rule {rule.name} does something else "
            "with what is written. Nothing was changed.",
            f"Switch it off in this revision: op.execute('alter table {name} disable rule {rule.name}'); and on "
            "again after.",
        )
