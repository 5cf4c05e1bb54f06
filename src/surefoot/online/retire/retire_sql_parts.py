"""Parts of the blocks that set things aside: what hangs on them as JSON, and their locks."""

# Of the row `bound` of pg_constraint, with every name in it written in full.
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
    )
"""

# Of the row `held` of pg_index; `needs` are the columns that must be there when it is built again.
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
    )
"""

# Of the row `held` of pg_trigger.
TRIGGER = """
    jsonb_build_object(
        'name', held.tgname,
        'definition', pg_get_triggerdef(held.oid),
        'enabled', held.tgenabled,
        'comment', obj_description(held.oid, 'pg_trigger')
    )
"""

# Of one lock after another each may wait its share of lock_timeout: who queues behind the first waits for all of them.
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
