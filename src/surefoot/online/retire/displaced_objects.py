"""Objects of others that a repair set aside because a revision needs their names; the downgrade restores them.

Tables and columns are retired as those of a revision are. Any other object, such as a view or a function, is moved to
schema `retired` and recorded as an 'object'.
"""

import json
import logging
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import (
    blocking_rows,
    column_retirement,
    restore_checks,
    retired_dependents,
    table_retirement,
)
from surefoot.online.retire.retire_sql_parts import CONSTRAINT
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.runtime import error_translation, lock_retry

log = logging.getLogger("surefoot")

SET_ASIDE = """
declare
    aside name; hung jsonb := '[]'; target regclass; known_as text; one record;
    home constant name := current_schema();
    path constant text := current_setting('search_path');
    called constant text := format('%I%s', {name}, {arguments});
begin
    if not exists (select from pg_constraint
                    where conrelid = 'retired.things'::regclass and conname = 'things_what_check'
                      and pg_get_constraintdef(oid) like '%object%') then
        alter table retired.things drop constraint if exists things_what_check,
            add constraint things_what_check check (what in ('column', 'table', 'rows', 'object'));
    end if;
    select choice into strict aside
      from unnest({names}::text[])
        with ordinality as x (choice, nth)
     where not exists (select from pg_class where relname = choice
                          and relnamespace in ('retired'::regnamespace, quote_ident(home)::regnamespace))
       and not exists (select from pg_type where typname = choice
                          and typnamespace in ('retired'::regnamespace, quote_ident(home)::regnamespace))
       and not exists (select from pg_proc where proname = choice
                          and pronamespace in ('retired'::regnamespace, quote_ident(home)::regnamespace))
     order by nth limit 1;
    if {kind} not in ('type', 'domain', 'function', 'procedure', 'aggregate') then
        target := to_regclass(format('%I.%s', home, called));
        perform set_config('search_path', 'pg_catalog', true);
        known_as := target;
        select coalesce(jsonb_agg({constraint} order by conrelid::regclass::text, conname), '[]') into hung
          from pg_constraint as bound
         where contype = 'f' and conparentid = 0 and target in (conrelid, confrelid) and conrelid <> confrelid;
        for one in select * from jsonb_to_recordset(hung) as x ("table" text, name text) loop
            execute format('alter table %s drop constraint %I', one."table", one.name);
        end loop;
        perform set_config('search_path', path, true);
    end if;
    execute format('alter %s %I.%s rename to %I', {kind}, home, called, aside);
    execute format('alter %s %I.%I%s set schema retired', {kind}, home, aside, {arguments});
    insert into retired.things (what, schema_name, table_name, revision, direction, stands_as, readable_as, rows, bytes,
                                definitions)
    values ('object', home, {name}, {revision}, {direction}, aside, aside, null,
            pg_total_relation_size(target),
            jsonb_build_object('kind', {kind}, 'arguments', {arguments}, 'relation', known_as, 'constraints', hung,
                               'triggers', '[]'::jsonb));
end
"""


RETIRED_TABLE = """
    select id
      from retired.things
     where what in ('table', 'object')
       and definitions ->> 'relation' = :end
     order by id desc
     limit 1
"""
PARTITIONED = "select from pg_class where oid = to_regclass(:name) and relkind = 'p'"
DEFER_FOREIGN_KEY = """
    update retired.things
       set definitions = jsonb_set(definitions, '{{constraints}}', definitions -> 'constraints' || {constraint}::jsonb)
     where id = {id}
"""


def set_aside(**values: sql.Composable) -> sql.Composed:
    """Return the body of the block that sets an object aside. Each value is an SQL expression.

    `name` is the plain name, `arguments` those of a function in parentheses, `kind` the word that ALTER takes.
    """
    return sql.SQL(SET_ASIDE).format(constraint=sql.SQL(CONSTRAINT), **values)


def restore_after_downgrade(context: MigrationContext) -> None:
    """Restore what was set aside for the revision that has just been downgraded, in the open transaction.

    What cannot be restored stays set aside, and a warning says why.
    """
    assert context.connection is not None
    steps = Steps(Operations(context))
    for item, reason in restore(steps, retired_registry.displaced_items(context.connection, steps.revision)):
        log.warning("%s stays set aside as retired.%s: %s", item.label, item.readable_as, reason)


def restore(steps: Steps, items: Sequence[RetiredItem]) -> list[tuple[RetiredItem, str]]:
    """Restore the items, which are listed newest first, in the open transaction.

    Returns those that stay set aside, each with the reason.
    """
    remaining = []
    for one in items:
        # read again: an item that was restored before may have deferred a foreign key to this one
        item = next(each for each in retired_registry.all_items(steps.connection) if each.id == one.id)
        try:
            with steps.connection.begin_nested():
                _defer_foreign_keys(steps, item)
                _mark_not_valid(steps, item)
                for statement in _statements(steps, item):
                    steps.execute(statement)
        except (RefusedError, sa.exc.DBAPIError) as fault:
            if lock_retry.is_lock_failure(fault):
                raise
            reason = fault.message if isinstance(fault, RefusedError) else error_translation.primary_message(fault)
            remaining.append((item, reason))
        else:
            log.info(
                "%s is back, set aside since %s.",
                item.label,
                f"{item.retired_at:%Y-%m-%d %H:%M}",
            )
    if items and not steps.fetch(f"select from {SCHEMA}.things limit 1"):
        retired_registry.forget_presence(steps)
        steps.execute(retired_registry.DROP_IF_EMPTY)
    return remaining


def _defer_foreign_keys(steps: Steps, item: RetiredItem) -> None:
    """Move each foreign key whose other table is still set aside to the item of that table."""
    for constraint in list(item.definitions["constraints"]):
        ends = {constraint["table"], constraint["referent"]} - {item.definitions["relation"], None}
        for end in ends:
            for other in steps.fetch(RETIRED_TABLE, end=end):
                item.definitions["constraints"].remove(constraint)
                steps.execute(
                    sql.SQL(DEFER_FOREIGN_KEY).format(constraint=sql.Literal(json.dumps([constraint])), id=other.id)
                )


def _mark_not_valid(steps: Steps, item: RetiredItem) -> None:
    """Change a foreign key with orphaned rows to NOT VALID, so that it can be restored.

    One of a partitioned table cannot be NOT VALID: it is validated when it is added.
    """
    names = table_retirement.current_names(steps, item) if item.what != "column" else {}
    for constraint in item.definitions["constraints"]:
        if constraint["kind"] != "f" or not constraint["valid"]:
            continue
        table = names.get(constraint["table"], constraint["table"])
        if steps.fetch(PARTITIONED, name=table):
            constraint["valid"] = False
            continue
        condition = restore_checks.violation_condition(constraint, names)
        assert condition is not None
        if (rows := blocking_rows.find(steps, table, condition)) is not None:
            constraint["valid"] = False
            constraint["definition"] += " NOT VALID"
            log.warning("%s comes back NOT VALID: %s point to nothing by now.", constraint["name"], rows)


def _statements(steps: Steps, item: RetiredItem) -> Iterator[sql.Composable | str]:
    forget = sql.SQL("delete from {}.things where id = {}").format(sql.Identifier(SCHEMA), item.id)
    if item.what == "column":
        yield from _column(steps, item)
    elif item.what == "table":
        restore_checks.refuse_conflicts(steps, item, table_retirement.current_names(steps, item))
        yield from table_retirement.restore_statements(item)
    else:
        kind, arguments = sql.SQL(item.definitions["kind"]), sql.SQL(item.definitions["arguments"])
        name = sql.Identifier(item.schema, item.stands_as)
        yield sql.SQL("alter {} {}{} set schema {}").format(
            kind, sql.Identifier(SCHEMA, item.stands_as), arguments, sql.Identifier(item.schema)
        )
        yield sql.SQL("alter {} {}{} rename to {}").format(kind, name, arguments, sql.Identifier(item.table))
        yield from retired_dependents.recreate_statements(item)
    for constraint in item.definitions["constraints"]:
        if constraint["valid"] and constraint["kind"] in "fc":
            yield sql.SQL("alter table {} validate constraint {}").format(
                sql.SQL(constraint["table"]), sql.Identifier(constraint["name"])
            )
    yield forget


def _column(steps: Steps, item: RetiredItem) -> Iterator[sql.Composable | str]:
    table, column = sql.Identifier(item.schema, item.table), sql.Identifier(item.stands_as)
    definitions = item.definitions
    restore_checks.refuse_conflicts(steps, item, {})
    if definitions["default"] is not None:
        yield sql.SQL("alter table {} alter column {} set default {}").format(
            table, column, sql.SQL(definitions["default"])
        )
        if definitions["not_null"]:
            yield sql.SQL("update {} set {} = default where {} is null").format(table, column, column)
    yield from (index["definition"] for index in definitions["indexes"])
    yield from retired_dependents.recreate_statements(item)
    yield from column_retirement.rename_statements(item)
    if definitions["not_null"]:
        yield sql.SQL("alter table {} alter column {} set not null").format(table, sql.Identifier(item.column or ""))
