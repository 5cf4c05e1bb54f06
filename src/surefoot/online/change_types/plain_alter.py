"""Change types by ALTER TABLE itself: online for a table without rows, and in the SQL that `--sql` prints.

The printed block lets PostgreSQL rewrite the table and keeps the old values as a retired column. Its parts that mirror
a step of the online change stand beside that step: `PRINTED_LEFTOVERS`, `PRINTED_DEFAULT`, `PRINTED_RECORD`.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from psycopg import sql

from surefoot.online import identifiers, retired_registry, target_table
from surefoot.online.change_types.column_attributes import CONSTANT, PRINTED_DEFAULT, ColumnAttributes
from surefoot.online.change_types.conversion import Change, Conversion, lock_tables, temporary_name
from surefoot.online.change_types.preflight import RequestedType
from surefoot.online.change_types.shadow_column_sql import PRINTED_LEFTOVERS
from surefoot.online.executor import Steps
from surefoot.online.retire.column_retirement import PREFIX
from surefoot.online.retire.column_retirement_sql import PRINTED_RECORD
from surefoot.online.target_table import Table
from surefoot.runtime import lock_retry

# Objects that ALTER TYPE refuses, or keeps with the old type's operators and casts. It rebuilds an ordinary index.
DEPENDENTS = """
select from pg_constraint c
 where c.contype in ('c', 'f')
   and (c.conrelid = :table and c.conkey && cast(:numbers as smallint[])
        or c.confrelid = :table and c.confkey && cast(:numbers as smallint[]))
union all
select from pg_depend d
 where d.refclassid = 'pg_class'::regclass
   and d.refobjid = :table
   and d.refobjsubid = any (:numbers)
   and d.classid in ('pg_trigger'::regclass, 'pg_statistic_ext'::regclass)
union all
select from pg_index i
 where i.indrelid = :table
   and (not i.indisvalid or i.indisreplident or i.indisclustered)
"""
MOST_NAMES = 9
"""How often psql may run one direction: each time keeps a column, which only Alembic restores."""
PRINTED_REMARK = """
-- The type of {columns} in {table}: run by psql this stops everybody who uses the table while it is rewritten, and the
-- way back computes the old values anew. Alembic itself does it beside the users' work.
"""
PRINTED_BLOCK = """
declare
    target constant regclass := {table};
    place record;
    leftover record;
    plain text;
    kept name;
    keys text;
    triggers text[];
    filled boolean;
begin
    {refuse_inheritance}
    create temporary table ourschool_type (wanted {type}) on commit drop;
    select a.attnum, format_type(a.atttypid, a.atttypmod) as type, pg_get_expr(e.adbin, e.adrelid) as value,
           {constant} as constant
      into strict place
      from pg_attribute a
      left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum and a.attgenerated = ''
     where a.attrelid = target and a.attname = {column} and not a.attisdropped;
    if place.type = (select format_type(atttypid, atttypmod) from pg_attribute
                      where attrelid = 'pg_temp.ourschool_type'::regclass and attname = 'wanted') then
        drop table pg_temp.ourschool_type;
        return;
    end if;
    drop table pg_temp.ourschool_type;
    execute format('lock table %s in access exclusive mode', target);
{leftovers}
    execute format('select exists (select from %s)', target) into filled;
    select name into strict kept from unnest({kept}::text[]) with ordinality as choice (name, nth)
     where not exists (select from pg_attribute where attrelid = target and attname = name) order by nth limit 1;
    if filled then
        execute format('alter table %s add column %I %s', target, kept, place.type);
    end if;
    select array_agg(format('drop trigger %I on %s', tgname, tgrelid::regclass) order by tgname)
           || array_agg(pg_get_triggerdef(oid) order by tgname)
           || array_agg(format('alter table %s %s trigger %I', tgrelid::regclass, case tgenabled
                  when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' else 'enable'
              end, tgname) order by tgname)
      into triggers
      from pg_trigger
     where tgrelid = target
       and not tgisinternal
       and exists (select from pg_depend where classid = 'pg_trigger'::regclass and objid = pg_trigger.oid
                      and refclassid = 'pg_class'::regclass and refobjid = target and refobjsubid = place.attnum);
    for nth in 1 .. coalesce(cardinality(triggers) / 3, 0) loop
        execute triggers[nth];
    end loop;
    if filled then
        execute format('update %s set %I = %I', target, kept, {column});
    end if;
    if place.value is not null then
        execute format('alter table %s alter column %I drop default', target, {column});
    end if;
    execute format('alter table %s alter column %I type %s using (%s)', target, {column}, {type_text}, {using});
{default}
    for nth in coalesce(cardinality(triggers) / 3, 0) + 1 .. coalesce(cardinality(triggers), 0) loop
        execute triggers[nth];
    end loop;
    if not filled then
        return;
    end if;
    {record}
end
"""


def change_if_empty(steps: Steps, conversion: Conversion, attributes: tuple[ColumnAttributes, ...]) -> bool:
    """Change the types in one short transaction where the table is empty; return False where nothing was done.

    That is where there are rows, or an object depends on a column that ALTER TYPE does not keep.
    """
    if not _has_no_dependents(steps, conversion, attributes) or not _empty(steps, conversion.table):
        return False

    def work() -> bool:
        with steps.transaction():
            lock_tables(steps, conversion.table)
            if not _empty(steps, conversion.table):
                return False
            for each in attributes:
                for statement in _statements(each):
                    steps.execute(statement)
        return True

    try:
        return steps.retry_on_lock(work)
    except sa.exc.DBAPIError as fault:
        if steps.connection.invalidated or lock_retry.is_lock_failure(fault):
            raise
        return False  # the change by shadow columns does it, or refuses it with a reason


def _has_no_dependents(steps: Steps, conversion: Conversion, attributes: tuple[ColumnAttributes, ...]) -> bool:
    return (
        not any(change.retired or change.collation for change in conversion.changes)
        and not any(each.sequence or each.options or each.target is not None for each in attributes)
        and not steps.fetch(
            DEPENDENTS, table=conversion.table.oid, numbers=[each.number for each in conversion.changes]
        )
    )


def _empty(steps: Steps, table: Table) -> bool:
    return not steps.fetch(sql.SQL("select from {} limit 1").format(table.identifier).as_string())


def _statements(attributes: ColumnAttributes) -> list[sql.Composed]:
    change: Change = attributes.change
    column = sql.SQL("alter table {} alter column {} ").format(change.table.identifier, change.name)
    statements = [column + sql.SQL("type {} using ({})").format(sql.SQL(change.type), sql.SQL(change.using + "\n"))]
    if attributes.default is not None:
        # ALTER TYPE would only add a cast to the old default, which would name the old type for ever
        statements = [
            column + sql.SQL("drop default"),
            *statements,
            column + sql.SQL(f"set default {attributes.default}"),
        ]
    return statements


def print_blocks(steps: Steps, table: str, requested: Mapping[str, RequestedType]) -> None:
    """Print a block for each column. It does nothing where the column has the type, so that psql can run it again."""
    remark = PRINTED_REMARK.format(columns=", ".join(requested), table=table)
    steps.context.impl.static_output(remark.strip())
    retired_registry.set_up(steps)
    misses = temporary_name(steps.revision, f"{table}_misses")
    for column, request in requested.items():
        converted = {"column": column, "type_text": request.type, "using": request.using}
        record = sql.SQL(PRINTED_RECORD).format(
            column=column,
            revision=steps.revision,
            direction=steps.direction,
            views=identifiers.candidate_names(f"{table}_{column}_{steps.revision}", most=MOST_NAMES),
        )
        body = sql.SQL(PRINTED_BLOCK).format(
            leftovers=sql.SQL(PRINTED_LEFTOVERS).format(misses=sql.Identifier(misses)),
            table=sql.SQL("{}::regclass").format(sql.Identifier(table).as_string()),
            refuse_inheritance=target_table.REFUSE_INHERITANCE,
            constant=sql.SQL(CONSTANT),
            type=sql.SQL(request.type),
            default=sql.SQL(PRINTED_DEFAULT).format(alias=sql.Identifier(table).as_string(), **converted),
            kept=identifiers.candidate_names(f"{PREFIX}{steps.revision}_{column}", most=MOST_NAMES),
            record=record,
            **converted,
        )
        steps.execute(retired_registry.do_block(body))
