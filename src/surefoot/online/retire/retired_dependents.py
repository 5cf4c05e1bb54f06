"""Make the dependents of a retired column or table again: indexes CONCURRENTLY, the rest NOT VALID, then validated.

Beside each step stands its `--sql` form, a part of the block that `column_restoration` prints.
"""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.dependent_ddl import build_index, comment_on, set_trigger_mode, unique_using_index
from surefoot.online.executor import LONG_LOCK_TIMEOUT, SPLIT_LOCK_TIMEOUT, Steps
from surefoot.online.retire import blocking_rows, restore_checks
from surefoot.online.retire.restore_checks import Definition
from surefoot.online.retired_registry import RetiredItem
from surefoot.runtime import error_translation


def lock_tables(steps: Steps, item: RetiredItem, current_names: Mapping[str, str]) -> None:
    """Lock the item's table and those that its foreign keys join to it, inside a transaction.

    Each lock may wait its share of lock_timeout, because who queues behind the first waits for all of them.
    """
    table = current_names.get(item.relation, item.relation)
    keys = [constraint for constraint in item.definitions["constraints"] if constraint["kind"] == "f"]
    names = {current_names.get(name, name) for key in keys for name in (key["table"], key["referent"])} | {table}
    steps.execute(SPLIT_LOCK_TIMEOUT.format(len(names)))
    for name in sorted(names):
        mode = "access exclusive" if name == table else "share row exclusive"
        steps.execute(f"lock table only {name} in {mode} mode")


def build_indexes(steps: Steps, item: RetiredItem) -> None:
    """Build the indexes of a retired column CONCURRENTLY; a valid one is kept, an INVALID one is dropped first.

    Raises RefusedError where rows violate a unique one.
    """
    for index in item.definitions["indexes"]:
        create = index["definition"].replace(" INDEX ", " INDEX CONCURRENTLY ", 1)

        def is_valid(index: Definition = index) -> bool | None:
            rows = restore_checks.relations(steps, item, index)
            return rows[0].valid if rows else None

        try:
            build_index(steps, sql.Identifier(item.schema, index["name"]), is_valid, create)
        except sa.exc.IntegrityError:
            duplicates = blocking_rows.find_duplicates(steps, item.relation, index)
            restore_checks.refuse_rows(item, index["name"], item.relation, duplicates)
            raise


PRINTED_INDEXES = """\
            for each in select jsonb_array_elements(hung -> 'indexes') loop
                select indisvalid into valid
                  from pg_index
                 where indexrelid = to_regclass(format('%I.%I', held.schema_name, each ->> 'name'))
                   and indrelid = held.home;
                if not valid then
                    execute format('drop index %I.%I', held.schema_name, each ->> 'name');
                end if;
                if valid is distinct from true then
                    execute each ->> 'definition';
                end if;
            end loop;"""


def recreate_statements(item: RetiredItem) -> Iterator[sql.Composable | str]:
    """Yield what makes constraints, comments and triggers again; CHECKs and foreign keys are NOT VALID yet."""
    definitions = item.definitions
    for constraint in sorted(definitions["constraints"], key=lambda one: one["kind"] == "f"):
        table, name = sql.SQL(constraint["table"]), sql.Identifier(constraint["name"])
        yield sql.SQL("alter table {} add constraint {} {}").format(table, name, _constraint_body(constraint))
        yield from comment_on(sql.SQL("constraint {} on {}").format(name, table), constraint["comment"])
    for index in definitions.get("indexes", ()):
        name = sql.Identifier(item.schema, index["name"])
        yield from comment_on(sql.SQL("index {}").format(name), index["comment"])
        yield from index.get("traits") or ()
    for each in definitions.get("statistics", ()):
        statistics = sql.SQL("statistics {}").format(sql.SQL(each["name"]))
        yield str(each["definition"])
        if each["target"] is not None:
            yield sql.SQL("alter {} set statistics {}").format(statistics, each["target"])
        yield from comment_on(statistics, each["comment"])
        if each["owner"] is not None:
            yield sql.SQL("alter {} owner to {}").format(statistics, sql.SQL(each["owner"]))
    for trigger in definitions["triggers"]:
        name, table = sql.Identifier(trigger["name"]), sql.SQL(item.relation)
        yield str(trigger["definition"])
        yield from set_trigger_mode(table, name, trigger["enabled"])
        yield from comment_on(sql.SQL("trigger {} on {}").format(name, table), trigger["comment"])


def _constraint_body(constraint: Definition) -> sql.Composable:
    if constraint["kind"] == "u":
        name = sql.Identifier(constraint["name"])
        return unique_using_index(name, deferrable=constraint["deferrable"], deferred=constraint["deferred"])
    # PostgreSQL 18.4 reads no row when it validates a foreign key over periods; it does when it adds one
    not_valid = constraint["valid"] and constraint["kind"] in "fc" and not constraint.get("period")
    return sql.SQL(str(constraint["definition"]) + (" not valid" if not_valid else ""))


PRINTED_STATEMENTS = """\
            for each in
                select constraints
                  from jsonb_array_elements(hung -> 'constraints') with ordinality as x (constraints, nth)
                 order by constraints ->> 'kind' = 'f', nth
            loop
                execute format('alter table %s add constraint %I %s', each ->> 'table', each ->> 'name',
                    case each ->> 'kind' when 'u' then
                        format('unique using index %I', each ->> 'name')
                            || case when (each ->> 'deferrable')::boolean then ' deferrable' else '' end
                            || case when (each ->> 'deferred')::boolean then ' initially deferred' else '' end
                    else each ->> 'definition' end);
                if each ->> 'comment' is not null then
                    execute format('comment on constraint %I on %s is %L',
                                   each ->> 'name', each ->> 'table', each ->> 'comment');
                end if;
            end loop;
            for each in select jsonb_array_elements(hung -> 'indexes') loop
                if each ->> 'comment' is not null then
                    execute format('comment on index %I.%I is %L',
                                   held.schema_name, each ->> 'name', each ->> 'comment');
                end if;
                if each -> 'traits' <> 'null' then
                    execute (select string_agg(trait, '; ') from jsonb_array_elements_text(each -> 'traits') as trait);
                end if;
            end loop;
            for each in select jsonb_array_elements(hung -> 'statistics') loop
                execute each ->> 'definition';
                if each ->> 'target' is not null then
                    execute format('alter statistics %s set statistics %s', each ->> 'name', each ->> 'target');
                end if;
                if each ->> 'comment' is not null then
                    execute format('comment on statistics %s is %L', each ->> 'name', each ->> 'comment');
                end if;
                if each ->> 'owner' is not null then
                    execute format('alter statistics %s owner to %s', each ->> 'name', each ->> 'owner');
                end if;
            end loop;
            for each in select jsonb_array_elements(hung -> 'triggers') loop
                execute each ->> 'definition';
                execute format('alter table %s %s trigger %I', held.home,
                    case each ->> 'enabled' when 'D' then 'disable' when 'R' then 'enable replica'
                        when 'A' then 'enable always' else 'enable' end, each ->> 'name');
                if each ->> 'comment' is not null then
                    execute format('comment on trigger %I on %s is %L', each ->> 'name', held.home, each ->> 'comment');
                end if;
            end loop;"""


def validate(steps: Steps, item: RetiredItem) -> None:
    """Validate each constraint that was valid before, under a lock that blocks no reader or writer.

    Raises RefusedError for a row that violates one; the item is restored by then.
    """
    for constraint in item.definitions["constraints"]:
        rows = steps.fetch(restore_checks.CONSTRAINT, table=constraint["table"], name=constraint["name"])
        if not constraint["valid"] or not rows or rows[0].valid:
            continue
        name = sql.Identifier(constraint["name"])
        check = sql.SQL("alter table {} validate constraint {}").format(sql.SQL(constraint["table"]), name)
        try:
            steps.run(check, lock_timeout=LONG_LOCK_TIMEOUT)
        except sa.exc.IntegrityError as fault:
            raise RefusedError(
                f"A row that came while {item.label} was restored breaks {constraint['name']} of "
                f"{constraint['table']}: {error_translation.primary_message(fault)}.",
                f"{item.label} is back and new rows are checked; correct that row and run the same command again.",
            ) from fault


PRINTED_VALIDATE = """\
        for each in
            select constraints from jsonb_array_elements(hung -> 'constraints') as constraints
             where constraints ->> 'kind' in ('c', 'f') and (constraints ->> 'valid')::boolean
        loop
            execute format('alter table %s validate constraint %I', each ->> 'table', each ->> 'name');
        end loop;"""
