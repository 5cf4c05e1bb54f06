"""Parts that the blocks of `column_retirement_sql`, `table_retirement_sql` and `displaced_objects` share.

They are executed online and printed by `--sql` alike. The JSON that they build is `RetiredItem.definitions`.
"""

from psycopg import sql

from surefoot.online import retired_registry
from surefoot.online.target_table import REFUSE_INHERITANCE

# A constraint, the row `bound` of pg_constraint, as JSON; names in it are schema-qualified where search_path is empty.
CONSTRAINT = """
    jsonb_build_object(
        'table', bound.conrelid::regclass,
        'name', bound.conname,
        'kind', bound.contype,
        'definition', pg_get_constraintdef(bound.oid),
        'valid', bound.convalidated,
        'deferrable', bound.condeferrable,
        'deferred', bound.condeferred,
        'condition', pg_get_expr(bound.conbin, bound.conrelid),
        'columns', (select jsonb_agg(attname order by array_position(bound.conkey, attnum)) from pg_attribute
                     where attrelid = bound.conrelid and attnum = any (bound.conkey)),
        'referent', case bound.contype when 'f' then bound.confrelid::regclass end,
        'referred', (select jsonb_agg(attname order by array_position(bound.confkey, attnum)) from pg_attribute
                      where attrelid = bound.confrelid and attnum = any (bound.confkey)),
        'comment', obj_description(bound.oid, 'pg_constraint')
    ) || case when (to_jsonb(bound) ->> 'conperiod')::boolean then jsonb_build_object('period', true)
              else jsonb_build_object() end
"""

# An index, the row `held` of pg_index, as JSON; `needs` are the columns that must exist when it is built again. What is
# usual is left out, as in what earlier releases wrote, and in the snapshot.
INDEX = """
    jsonb_build_object(
        'name', (select relname from pg_class where oid = held.indexrelid),
        'definition', pg_get_indexdef(held.indexrelid),
        'comment', obj_description(held.indexrelid, 'pg_class'),
        'keys', case when held.indisunique then
                    (select jsonb_agg(pg_get_indexdef(held.indexrelid, nth, false) order by nth)
                       from generate_series(1, held.indnkeyatts) as key (nth)) end,
        'predicate', pg_get_expr(held.indpred, held.indrelid),
        'nulls_too', held.indnullsnotdistinct,
        'needs', (select jsonb_agg(distinct attname) from pg_attribute
                   where attrelid = held.indrelid
                     and (attnum = any (held.indkey::smallint[])
                          or attnum in (select refobjsubid from pg_depend
                                         where classid = 'pg_class'::regclass and objid = held.indexrelid
                                           and refclassid = 'pg_class'::regclass and refobjid = held.indrelid)))
    ) || (select case when count(*) = 0 then jsonb_build_object()
                      else jsonb_build_object('traits', jsonb_agg(trait order by trait)) end
            from (
                select format('alter index %s alter column %s set statistics %s', held.indexrelid::regclass,
                              attnum, attstattarget)
                  from pg_attribute where attrelid = held.indexrelid and attstattarget >= 0
                union all
                select format('alter table %s cluster on %I', held.indrelid::regclass, relname)
                  from pg_class where oid = held.indexrelid and held.indisclustered
            ) as x (trait))
"""

# A trigger, the row `held` of pg_trigger, as JSON.
TRIGGER = """
    jsonb_build_object(
        'name', held.tgname,
        'definition', pg_get_triggerdef(held.oid),
        'enabled', held.tgenabled,
        'comment', obj_description(held.oid, 'pg_trigger')
    )
"""

# Extended statistics, the row `held` of pg_statistic_ext, as JSON.
STATISTICS = """
    jsonb_build_object(
        'name', (select format('%I.%I', nspname, held.stxname) from pg_namespace where oid = held.stxnamespace),
        'definition', pg_get_statisticsobjdef(held.oid),
        'target', nullif(held.stxstattarget, -1),
        'owner', case when held.stxowner <> current_user::regrole then held.stxowner::regrole::text end,
        'comment', obj_description(held.oid, 'pg_statistic_ext')
    )
"""

# Locks the tables `locked`. Each lock may wait its share of lock_timeout: who queues behind the first waits for all.
LOCK = """
        patience := current_setting('lock_timeout');
        perform set_config('lock_timeout', case setting when '0' then '0'
                    else greatest(setting::integer / cardinality(locked), 1)::text end, true)
           from pg_settings where name = 'lock_timeout';
        for one in select distinct relation::regclass from unnest(locked) as relation order by 1 loop
            execute format('lock table only %s in access exclusive mode', one.relation);
        end loop;
        perform set_config('lock_timeout', patience, true);
"""

# Declarations: the search_path of the session and the schema of the table `target`.
SCHEMAS = """\
        path constant text := current_setting('search_path');
        home constant name := (select nspname from pg_class join pg_namespace n on n.oid = relnamespace
                                where pg_class.oid = target);"""

# Drop the constraints and the triggers that `hung`, the definitions as JSON, has.
DROP_CONSTRAINTS = """\
        for one in select * from jsonb_to_recordset(hung -> 'constraints') as x ("table" text, name text) loop
            execute format('alter table %s drop constraint %I', one."table", one.name);
        end loop;"""
DROP_STATISTICS = """\
        for one in select * from jsonb_to_recordset(hung -> 'statistics') as x (name text) loop
            execute format('drop statistics %s', one.name);
        end loop;"""
DROP_TRIGGERS = """\
        for one in select * from jsonb_to_recordset(hung -> 'triggers') as x (name text) loop
            execute format('drop trigger %I on %s', one.name, target);
        end loop;"""

# Parts of the query for the first reason to refuse: a foreign key of a partitioned table, the description of a
# dependent object, and the end, which raises unless there is none.
PARTITIONED_REFERENCE = """\
format('partitioned table %s points to it by %I', conrelid::regclass, conname),
               'Drop that foreign key first, in the same revision.'
          from pg_constraint
          join pg_class on pg_class.oid = conrelid and relkind = 'p'
         where contype = 'f' and confrelid = target"""
DEPENDENT = """\
               format('%s needs it',
                      regexp_replace(pg_describe_object(classid, objid, 0), '^rule "?_RETURN"? on ', '')),"""
# Begins the remedy where a dependent is in the way: a view that is the old name of a table is ended by its own call.
END_OF_VIEW = r"""coalesce((
                select format('End that in a revision before this one: op.end_table_rename(%L, %L, since=%L).',
                              viewed.relname, names[1], names[2])
                  from pg_rewrite as made
                  join pg_class as viewed on viewed.oid = made.ev_class,
                       regexp_match(obj_description(viewed.oid, 'pg_class'),
                                    '^Old name of table (.+), kept since revision (\S+)$') as kept (names)
                 where pg_depend.classid = 'pg_rewrite'::regclass and made.oid = pg_depend.objid
                   and names is not null),"""
RAISE_REASON = """\
    ) as found (rank, reason, instead)
    order by rank
    limit 1;
    if reason is not null then
        raise exception using errcode = {refused},"""

SHARED = {
    name: sql.SQL(text)
    for name, text in {
        "constraint": CONSTRAINT,
        "index": INDEX,
        "trigger": TRIGGER,
        "lock": LOCK,
        "schemas": SCHEMAS,
        "statistics": STATISTICS,
        "drop_constraints": DROP_CONSTRAINTS,
        "drop_statistics": DROP_STATISTICS,
        "drop_triggers": DROP_TRIGGERS,
    }.items()
}
"""The parts of the blocks that retire, by the name that a block gives them."""
REFUSAL_PARTS: dict[str, sql.Composable] = {
    "partitioned_reference": sql.SQL(PARTITIONED_REFERENCE),
    "dependent": sql.SQL(DEPENDENT),
    "end_of_view": sql.SQL(END_OF_VIEW),
    "raise_reason": sql.SQL(RAISE_REASON).format(refused=retired_registry.REFUSED),
    "refuse_inheritance": REFUSE_INHERITANCE,
    "wrong": sql.Literal(retired_registry.WRONG_USE),
    "refused": sql.Literal(retired_registry.REFUSED),
}
"""The parts of the declarations and checks that begin these blocks."""


def check_block(refusals: sql.Composable) -> str:
    """Return a DO block that only raises what the block that begins with `refusals` would raise."""
    return retired_registry.do_block(sql.SQL("declare {} end ").format(refusals))
