"""Restore a retired column: the long work while others use the table, one short transaction, then the validation.

Beside each step stands its `--sql` form, `PRINTED_…`, a part of `PRINTED_BLOCK`.
"""

import logging

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import retired_registry, target_table
from surefoot.online.constraints import not_null_methods
from surefoot.online.executor import Steps
from surefoot.online.retire import (
    blocking_rows,
    column_retirement,
    kept_definitions,
    own_objects,
    restore_checks,
    retired_dependents,
)
from surefoot.online.retire.block_batches import run_by_blocks
from surefoot.online.retired_registry import RetiredItem

log = logging.getLogger("surefoot")

ADD_NOT_NULL = sql.SQL("alter table {} add not null {} not valid")
PRINTED_REMARK = """
-- Column {column} of {table}: taken back where retired.things has it from the other direction of {revision}, in one
-- transaction, which stops everybody who uses the table. Alembic itself does it beside the users' work.
"""
# One transaction does all of it. Definitions have the retired name, and every name schema-qualified. A restore that was
# interrupted online has the name already (`coming_back`), and is only finished.
PRINTED_BLOCK = """
declare
    held record; hung jsonb; each jsonb; valid boolean; taken text;
begin
    if to_regclass('retired.things') is null then
        return;
    end if;
    select things.*, attrelid::regclass as home, atttypid, attnum into held
      from retired.things
      join pg_namespace on nspname = schema_name
      join pg_class on relnamespace = pg_namespace.oid and relname = table_name
      join pg_attribute on attrelid = pg_class.oid and attname = stands_as and attnum > 0 and not attisdropped
     where what = 'column'
       and table_name = {table}
       and column_name = {column}
       and revision = {revision}
       and direction = {direction}
     order by things.id desc
     limit 1;
    if found then
        hung := held.definitions;
        execute format('lock table only %s in access exclusive mode', held.home);
        if not held.coming_back then

{taken}
{type}
{default}
{indexes}
{statements}
{rename}

        end if;
{validate}
{not_null}
        delete from retired.things where id = held.id;
    end if;
{drop_registry}
end
"""


def restore(steps: Steps, table: str, column: str) -> bool:
    """Restore the column that the other direction of this revision retired; return whether the revision has it then.

    It also has a column that an interrupted run of it restored or added. Offline one block is printed and the result
    is False: whether the column will exist is not known. Raises RefusedError, with nothing changed, where another
    column has the name, a dependent cannot be made again, or rows that were inserted since violate one; the message
    counts them and shows how to find them.
    """
    if steps.offline:
        _print(steps, table, column)
        return False
    item = column_retirement.find_retired(steps, table, column, by_opposite=True)
    recreated = kept_definitions.recreate(steps, "column", table, column, item)
    if recreated:
        item = column_retirement.find_retired(steps, table, column, by_opposite=True)
    if item is not None:
        if not item.coming_back:
            with kept_definitions.removed_on_refusal(steps, item if recreated else None):
                _refuse_taken(steps, item)
            if recreated:  # rows that were inserted since have to be given a value in it: it stays
                _refuse_nulls(steps, item, "The column is there again under that name, empty.")
            with kept_definitions.removed_on_refusal(steps, item if recreated else None):
                _restore_with_dependents(steps, item)
        _finish(steps, item)
    retired_registry.drop_if_empty(steps)
    return item is not None or own_objects.is_own(steps, table, column)


def _restore_with_dependents(steps: Steps, item: RetiredItem) -> None:
    """Fill and index the column under its retired name, then rename it and add its dependents in one transaction."""
    table = sql.Identifier(item.schema, item.table)
    column = sql.Identifier(item.stands_as)
    target_table.refuse_inheritance(steps, table, partition=False)
    check_restore(steps, item)
    default = item.definitions["default"]
    if default is not None:
        steps.run(sql.SQL("alter table {} alter column {} set default {}").format(table, column, sql.SQL(default)))
        if item.definitions["not_null"]:
            _fill_default(steps, item, table, column, sql.SQL(default))
    retired_dependents.build_indexes(steps, item)

    def swap() -> None:
        with steps.transaction():
            retired_dependents.lock_tables(steps, item, {})
            for statement in retired_dependents.recreate_statements(item):
                steps.execute(statement)
            column_retirement.rename_back(steps, item)
            retired_registry.mark_coming_back(steps, item)

    steps.retry_on_lock(swap)


def _finish(steps: Steps, item: RetiredItem) -> None:
    """Validate the constraints, set NOT NULL, and delete the item from the registry."""
    retired_dependents.validate(steps, item)
    assert item.column is not None
    if item.definitions["not_null"]:
        state = not_null_methods.find(steps, item.table, item.column)
        if item.definitions["not_null_valid"]:
            not_null_methods.set_not_null(steps, state)
        elif not state.not_null:
            steps.run(ADD_NOT_NULL.format(sql.Identifier(item.schema, item.table), sql.Identifier(item.column)))
    with steps.transaction():
        retired_registry.delete_item(steps, item)
        own_objects.record_restored(steps, "column", item.table, item.column)
    log.info("Column %s.%s is back, retired since %s.", item.table, item.column, f"{item.retired_at:%Y-%m-%d %H:%M}")


PRINTED_NOT_NULL = """\
        if (hung ->> 'not_null')::boolean then
            if (hung ->> 'not_null_valid')::boolean then
                execute format('alter table %s alter column %I set not null', held.home, {column});
                -- what a way back online goes through before 18
                execute format('alter table %s drop constraint if exists %I', held.home, {check}::text);
            elsif not (select attnotnull from pg_attribute where attrelid = held.home and attnum = held.attnum) then
                execute format('alter table %s add not null %I not valid', held.home, {column});
            end if;
        end if;"""


def check_restore(steps: Steps, item: RetiredItem) -> None:
    """Raise RefusedError where the column cannot be restored; nothing is changed."""
    _refuse_taken(steps, item)
    table = sql.Identifier(item.schema, item.table).as_string()
    restore_checks.refuse_retired_types(steps, item, table, item.stands_as)
    _refuse_nulls(steps, item, "Nothing was changed.")
    restore_checks.refuse_conflicts(steps, item, {})


def _refuse_taken(steps: Steps, item: RetiredItem) -> None:
    assert item.column is not None
    if column_retirement.exists(steps, item.table, item.column):
        raise RefusedError(
            f"Column {item.column} of table {item.table} cannot be restored: there is a column of that name.",
            f"Retire that one first: op.retire_column({item.table!r}, {item.column!r}). Nothing was changed.",
        )


PRINTED_TAKEN = """\
            if exists (select from pg_attribute
                        where attrelid = held.home and attname = {column} and not attisdropped) then
                raise exception using errcode = {refused},
                    message = format('Column %I of table %I cannot be restored: there is a column of that name.',
                                     {column}, {table}),
                    hint = 'Retire that one first: op.retire_column. Nothing was changed.';
            end if;"""


def _refuse_nulls(steps: Steps, item: RetiredItem, state: str) -> None:
    definitions = item.definitions
    if not definitions["not_null"] or not definitions["not_null_valid"] or definitions["default"] is not None:
        return
    table, column = sql.Identifier(item.schema, item.table), sql.Identifier(item.stands_as)
    rows = blocking_rows.find(steps, table.as_string(), sql.SQL("{} is null").format(column))
    if rows is not None:
        give = sql.SQL("update {} set {} = VALUE where {} is null").format(table, column, column).as_string()
        raise RefusedError(
            f"Column {item.column} of table {item.table} cannot be restored: it was NOT NULL without a default, and "
            f"{rows} came while it was retired and have none.",
            f"Give them a value: {give}; then run the same command again. {state}",
        )


def _fill_default(
    steps: Steps, item: RetiredItem, table: sql.Identifier, column: sql.Identifier, default: sql.Composable
) -> None:
    """Set the default in rows that were inserted since; new ones get it from the column."""
    fill = sql.SQL("update {} set {} = {} where {} is null and {}")

    def work(blocks: sql.Composable) -> int:
        return steps.execute(fill.format(table, column, default, column, blocks))

    total = 0
    while filled := run_by_blocks(steps, table, work):
        total += filled
    if total:
        log.info("%s rows of %s came while %s was retired, and have its default now.", total, item.table, item.column)


PRINTED_DEFAULT = """\
            if hung ->> 'default' is not null then
                execute format('alter table %s alter column %I set default %s',
                               held.home, held.stands_as, hung ->> 'default');
                if (hung ->> 'not_null')::boolean then
                    -- what a deferred trigger has to do is done here: the table is altered next
                    set constraints all immediate;
                    execute format('update %s set %I = %s where %I is null',
                                   held.home, held.stands_as, hung ->> 'default', held.stands_as);
                end if;
            end if;"""


def _print(steps: Steps, table: str, column: str) -> None:
    """Print what `restore` does as one block, with the re-creation of a column whose definition alone was kept."""
    names = {"table": table, "column": column, "revision": steps.revision}
    steps.context.impl.static_output(PRINTED_REMARK.format(**names).strip())
    kept_definitions.print_recreation(steps, "column", table, column)
    names |= {"refused": retired_registry.REFUSED, "check": not_null_methods.check_constraint(table, column)[0]}
    parts = {
        "taken": PRINTED_TAKEN,
        "type": restore_checks.PRINTED_RETIRED_TYPE,
        "default": PRINTED_DEFAULT,
        "indexes": retired_dependents.PRINTED_INDEXES,
        "statements": retired_dependents.PRINTED_STATEMENTS,
        "rename": column_retirement.PRINTED_RENAME,
        "validate": retired_dependents.PRINTED_VALIDATE,
        "not_null": PRINTED_NOT_NULL,
        "drop_registry": retired_registry.DROP_REGISTRY,
    }
    block = sql.SQL(PRINTED_BLOCK).format(
        **names,
        direction=retired_registry.opposite_direction(steps),
        **{part: sql.SQL(text).format(**names) for part, text in parts.items()},
    )
    steps.run_in_transaction(retired_registry.do_block(block))
