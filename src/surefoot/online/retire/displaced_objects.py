"""What somebody else made, set aside for a revision that needs its name, and brought back by the revision's way down.

Tables and columns go as our own do. Anything else, a view or a function, moves into schema `retired` and is listed as
an object.
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
from surefoot.online.retire import column_retirement, retired_dependents, table_retirement
from surefoot.online.retire.blocking_rows import broken
from surefoot.online.retire.retire_sql_parts import CONSTRAINT
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.runtime import error_translation, lock_retry

log = logging.getLogger("surefoot")

# The name as SQL has it, with the arguments of a function; {kind} is a word that ALTER takes.
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


WAITING = """
    select id
      from retired.things
     where what in ('table', 'object')
       and definitions ->> 'relation' = :end
     order by id desc
     limit 1
"""
PARTITIONED = "select from pg_class where oid = to_regclass(:name) and relkind = 'p'"
LEAVE = """
    update retired.things
       set definitions = jsonb_set(definitions, '{{constraints}}', definitions -> 'constraints' || {constraint}::jsonb)
     where id = {id}
"""


def set_aside(**values: sql.Composable) -> sql.Composed:
    """The body of the block that sets an object aside; each value is SQL."""
    return sql.SQL(SET_ASIDE).format(constraint=sql.SQL(CONSTRAINT), **values)


def bring_back(context: MigrationContext) -> None:
    """Give what was set aside for the revision that has just gone down its name back, in the open transaction.

    What does not fit any more stays set aside, and a warning says why.
    """
    assert context.connection is not None
    steps = Steps(Operations(context))
    for thing, why in give_back(steps, retired_registry.of_others(context.connection, steps.revision)):
        log.warning("%s stays set aside as retired.%s: %s", retired_dependents.called(thing), thing.readable_as, why)


def give_back(steps: Steps, found: Sequence[RetiredItem]) -> list[tuple[RetiredItem, str]]:
    """Give each its name back, newest first as they are listed, in the open transaction; what stays, and why."""
    left = []
    for one in found:
        # read anew: what came back before it may have left it a foreign key
        thing = next(each for each in retired_registry.listed(steps.connection) if each.id == one.id)
        try:
            with steps.connection.begin_nested():
                _leave_to_others(steps, thing)
                _unproven(steps, thing)
                for statement in _statements(steps, thing):
                    steps.execute(statement)
        except (RefusedError, sa.exc.DBAPIError) as fault:
            if lock_retry.is_lock_failure(fault):
                raise
            left.append(
                (thing, fault.message if isinstance(fault, RefusedError) else error_translation.primary_message(fault))
            )
        else:
            log.info(
                "%s is back, set aside since %s.",
                retired_dependents.called(thing),
                f"{thing.retired_at:%Y-%m-%d %H:%M}",
            )
    if found and not steps.look(f"select from {SCHEMA}.things limit 1"):
        steps.execute(retired_registry.TIDY)
    return left


def _leave_to_others(steps: Steps, thing: RetiredItem) -> None:
    """A foreign key whose other table is still set aside is made again when that comes back."""
    for constraint in list(thing.definitions["constraints"]):
        ends = {constraint["table"], constraint["referent"]} - {thing.definitions["relation"], None}
        for end in ends:
            for waiting_too in steps.look(WAITING, end=end):
                thing.definitions["constraints"].remove(constraint)
                steps.execute(
                    sql.SQL(LEAVE).format(constraint=sql.Literal(json.dumps([constraint])), id=waiting_too.id)
                )


def _unproven(steps: Steps, thing: RetiredItem) -> None:
    """A foreign key whose rows were deleted meanwhile comes back NOT VALID: what points to nothing stays to be seen.

    One of a partitioned table cannot be NOT VALID, and is checked as it is added.
    """
    now = table_retirement.present_name(steps, thing) if thing.what != "column" else {}
    for constraint in thing.definitions["constraints"]:
        if constraint["kind"] != "f" or not constraint["valid"]:
            continue
        there = now.get(constraint["table"], constraint["table"])
        if steps.look(PARTITIONED, name=there):
            constraint["valid"] = False
            continue
        condition = retired_dependents.breaking(constraint, now)
        assert condition is not None  # of a foreign key there is one
        if (rows := broken(steps, there, condition)) is not None:
            constraint["valid"] = False
            constraint["definition"] += " NOT VALID"
            log.warning("%s comes back NOT VALID: %s point to nothing by now.", constraint["name"], rows)


def _statements(steps: Steps, thing: RetiredItem) -> Iterator[sql.Composable | str]:
    forget = sql.SQL("delete from {}.things where id = {}").format(sql.Identifier(SCHEMA), thing.id)
    if thing.what == "column":
        yield from _column(steps, thing)
    elif thing.what == "table":
        retired_dependents.look(steps, thing, table_retirement.present_name(steps, thing))
        yield from table_retirement.names_back(thing)
    else:
        kind, arguments = sql.SQL(thing.definitions["kind"]), sql.SQL(thing.definitions["arguments"])
        name = sql.Identifier(thing.schema, thing.stands_as)
        yield sql.SQL("alter {} {}{} set schema {}").format(
            kind, sql.Identifier(SCHEMA, thing.stands_as), arguments, sql.Identifier(thing.schema)
        )
        yield sql.SQL("alter {} {}{} rename to {}").format(kind, name, arguments, sql.Identifier(thing.table))
        yield from retired_dependents.statements(thing)
    for constraint in thing.definitions["constraints"]:
        if constraint["valid"] and constraint["kind"] in "fc":
            yield sql.SQL("alter table {} validate constraint {}").format(
                sql.SQL(constraint["table"]), sql.Identifier(constraint["name"])
            )
    yield forget


def _column(steps: Steps, thing: RetiredItem) -> Iterator[sql.Composable | str]:
    table, column = sql.Identifier(thing.schema, thing.table), sql.Identifier(thing.stands_as)
    held = thing.definitions
    retired_dependents.look(steps, thing, {})
    if held["default"] is not None:
        yield sql.SQL("alter table {} alter column {} set default {}").format(table, column, sql.SQL(held["default"]))
        if held["not_null"]:
            yield sql.SQL("update {} set {} = default where {} is null").format(table, column, column)
    yield from (index["definition"] for index in held["indexes"])
    yield from retired_dependents.statements(thing)
    yield from column_retirement.names_back(thing)
    if held["not_null"]:
        yield sql.SQL("alter table {} alter column {} set not null").format(table, sql.Identifier(thing.column or ""))
