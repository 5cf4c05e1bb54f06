"""What hung on a retired thing, made again: looked at first, indexes built beside the users, the rest validated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.executor import PATIENT, Steps
from surefoot.online.retire.blocking_rows import Found, broken, duplicates
from surefoot.online.retired_registry import RetiredItem
from surefoot.runtime import error_translation

Definition = Mapping[str, Any]
"""A constraint, index or trigger as `retire_parts_sql` wrote it down."""

RELATION = """
    select coalesce(indisvalid, true) as valid,
           coalesce(indrelid = to_regclass(:table) and exists (
               select from pg_depend
                 join pg_attribute on attrelid = indrelid and attnum = refobjsubid
                where classid = 'pg_class'::regclass and objid = indexrelid
                  and refclassid = 'pg_class'::regclass and refobjid = indrelid and attname = :column
           ), false) as ours
      from pg_class
      left join pg_index on indexrelid = pg_class.oid
     where pg_class.oid = to_regclass(:name)
"""
MISSING = """
    select name
      from unnest(cast(:names as text[])) as name
     where not exists (select from pg_attribute where attrelid = to_regclass(:table) and attname = name)
"""
TYPES = """
    select format_type(moved.oid, null) as name
      from pg_attribute
      join pg_type as moved on atttypid in (moved.oid, moved.typarray)
     where attrelid = to_regclass(:table)
       and attname = coalesce(:column, attname)
       and typnamespace = to_regnamespace('retired')
       and not attisdropped
       and attnum > 0
     limit 1
"""
CONSTRAINT = "select convalidated as valid from pg_constraint where conrelid = to_regclass(:table) and conname = :name"
SHARE = """
    select set_config('lock_timeout',
                      case setting when '0' then '0' else greatest(setting::integer / {}, 1)::text end, true)
      from pg_settings
     where name = 'lock_timeout'
"""
ENABLED = {"D": "disable trigger", "R": "enable replica trigger", "A": "enable always trigger"}


def look(steps: Steps, thing: RetiredItem, now: Mapping[str, str]) -> None:
    """Refuse, before anything is touched, where something that hung on the thing could not be made again.

    `now` is what a relation is called at present that the definitions know by another name. Raises RefusedError for a
    name that is taken, a column or table that is needed and not there, and rows that break a constraint.
    """
    table = now.get(_home(thing), _home(thing))
    for constraint in thing.definitions["constraints"]:
        there = now.get(constraint["table"], constraint["table"])
        if steps.look(CONSTRAINT, table=there, name=constraint["name"]):
            raise _taken(thing, f"{there} has a constraint", constraint["name"])
        _needs(steps, thing, constraint["name"], there, constraint["columns"])
        if constraint["referent"]:
            referent = now.get(constraint["referent"], constraint["referent"])
            _needs(steps, thing, constraint["name"], referent, constraint["referred"])
    for index in thing.definitions.get("indexes", ()):
        _needs(steps, thing, index["name"], table, index["needs"])
        if any(not found.ours for found in _relations(steps, thing, index)):
            raise _taken(thing, "there is a relation", index["name"])
        if index["keys"]:
            _refuse(thing, index["name"], table, duplicates(steps, table, index))
    for constraint in thing.definitions["constraints"]:
        there = now.get(constraint["table"], constraint["table"])
        condition = breaking(constraint, now)
        if condition is not None and constraint["valid"]:
            _refuse(thing, constraint["name"], there, broken(steps, there, condition))


def types_there(steps: Steps, thing: RetiredItem, table: str, column: str | None = None) -> None:
    """Refuse where a type was set aside after the thing and is not back: it would come back with the wrong one."""
    for row in steps.look(TYPES, table=table, column=column):
        raise RefusedError(
            f"{called(thing)} cannot be restored: its type {row.name} is still set aside.",
            "Take the type back first, with op.create_enum in the same revision. Nothing was changed.",
        )


def breaking(constraint: Definition, now: Mapping[str, str]) -> sql.Composed | None:
    """What is true of a row that breaks a check or a foreign key; None for what an index looks after."""
    if constraint["kind"] == "c":
        return sql.SQL("not ({})").format(sql.SQL(constraint["condition"]))
    if constraint["kind"] == "f":
        here = [sql.Identifier("checked", column) for column in constraint["columns"]]
        there = [sql.Identifier("found", column) for column in constraint["referred"]]
        return sql.SQL("{} and not exists (select from {} as found where {})").format(
            sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here),
            sql.SQL(now.get(constraint["referent"], constraint["referent"])),
            sql.SQL(" and ").join(map(sql.SQL("{} = {}").format, there, here)),
        )
    return None


def build(steps: Steps, thing: RetiredItem) -> None:
    """Build the indexes of a retired column, each CONCURRENTLY; one that is there and valid is left alone."""
    for index in thing.definitions["indexes"]:
        name = sql.Identifier(thing.schema, index["name"])
        create = index["definition"].replace(" INDEX ", " INDEX CONCURRENTLY ", 1)

        def work(index: Definition = index, name: sql.Identifier = name, create: str = create) -> None:
            there = _relations(steps, thing, index)
            if there and not there[0].valid:
                steps.execute(sql.SQL("drop index concurrently {}").format(name))
            if not there or not there[0].valid:
                steps.execute(create)

        try:
            with steps.waiting(PATIENT):
                steps.repeat(work)
        except sa.exc.IntegrityError:
            with suppress(sa.exc.DBAPIError):
                steps.run(sql.SQL("drop index concurrently if exists {}").format(name), lock_timeout=PATIENT)
            _refuse(thing, index["name"], _home(thing), duplicates(steps, _home(thing), index))
            raise


def lock(steps: Steps, thing: RetiredItem, now: Mapping[str, str]) -> None:
    """Lock the thing's table, and those that foreign keys join to it; each waits its share of lock_timeout only.

    Who queues behind the first lock waits for all of them.
    """
    home = now.get(_home(thing), _home(thing))
    tied = [constraint for constraint in thing.definitions["constraints"] if constraint["kind"] == "f"]
    names = {now.get(name, name) for constraint in tied for name in (constraint["table"], constraint["referent"])}
    steps.execute(SHARE.format(len(names | {home})))
    for name in sorted(names | {home}):
        mode = "access exclusive" if name == home else "share row exclusive"
        steps.execute(f"lock table only {name} in {mode} mode")


def statements(thing: RetiredItem) -> Iterator[sql.Composable | str]:
    """What makes constraints and triggers again; those that rows must be read for are NOT VALID yet."""
    held = thing.definitions
    for constraint in sorted(held["constraints"], key=lambda one: one["kind"] == "f"):
        table, name = sql.SQL(constraint["table"]), sql.Identifier(constraint["name"])
        yield sql.SQL("alter table {} add constraint {} {}").format(table, name, sql.SQL(_body(constraint)))
        yield from _comment(sql.SQL("constraint {} on {}").format(name, table), constraint)
    for index in held.get("indexes", ()):
        yield from _comment(sql.SQL("index {}").format(sql.Identifier(thing.schema, index["name"])), index)
    for trigger in held["triggers"]:
        name, table = sql.Identifier(trigger["name"]), sql.SQL(_home(thing))
        yield str(trigger["definition"])
        if trigger["enabled"] in ENABLED:
            yield sql.SQL("alter table {} {} {}").format(table, sql.SQL(ENABLED[trigger["enabled"]]), name)
        yield from _comment(sql.SQL("trigger {} on {}").format(name, table), trigger)


def validate(steps: Steps, thing: RetiredItem) -> None:
    """Read the rows for each constraint that was valid before, under a lock that stops nobody."""
    for constraint in thing.definitions["constraints"]:
        found = steps.look(CONSTRAINT, table=constraint["table"], name=constraint["name"])
        if not constraint["valid"] or not found or found[0].valid:
            continue
        name = sql.Identifier(constraint["name"])
        check = sql.SQL("alter table {} validate constraint {}").format(sql.SQL(constraint["table"]), name)
        try:
            steps.run(check, lock_timeout=PATIENT)
        except sa.exc.IntegrityError as fault:
            raise RefusedError(
                f"A row that came while {called(thing)} was restored breaks {constraint['name']} of "
                f"{constraint['table']}: {error_translation.primary_message(fault)}.",
                f"{called(thing)} is back and new rows are checked; correct that row and run the same command again.",
            ) from fault


def called(thing: RetiredItem) -> str:
    """What an error calls the thing."""
    return f"{thing.table}.{thing.column}" if thing.column else thing.table


def _body(constraint: Definition) -> str:
    if constraint["kind"] == "u":
        times = " initially deferred" if constraint["deferred"] else ""
        options = f" deferrable{times}" if constraint["deferrable"] else ""
        return f"unique using index {sql.Identifier(constraint['name']).as_string()}{options}"
    unproven = constraint["valid"] and constraint["kind"] in "fc"
    return str(constraint["definition"]) + (" not valid" if unproven else "")


def _comment(what: sql.Composable, definition: Definition) -> Iterator[sql.Composed]:
    if definition["comment"] is not None:
        yield sql.SQL("comment on {} is {}").format(what, definition["comment"])


def _home(thing: RetiredItem) -> str:
    """The table's name as the definitions have it."""
    return str(thing.definitions["relation"])


def _relations(steps: Steps, thing: RetiredItem, index: Definition) -> Sequence[Any]:
    name = sql.Identifier(thing.schema, index["name"]).as_string()
    return steps.look(RELATION, name=name, table=_home(thing), column=thing.stands_as)


def _needs(steps: Steps, thing: RetiredItem, name: str, table: str, columns: Sequence[str]) -> None:
    missing = [row.name for row in steps.look(MISSING, table=table, names=list(columns))]
    if missing:
        raise RefusedError(
            f"{called(thing)} cannot be restored: {name} needs column {missing[0]} of {table}, which is not there.",
            "Restore that first: what was retired last comes back first. Nothing was changed.",
        )


def _taken(thing: RetiredItem, where: str, name: str) -> RefusedError:
    return RefusedError(
        f"{called(thing)} cannot be restored: {where} called {name} already.",
        "Drop or rename that, and run the same command again; nothing was changed.",
    )


def _refuse(thing: RetiredItem, name: str, table: str, found: Found | None) -> None:
    if found is not None:
        raise RefusedError(
            f"{called(thing)} cannot be restored: {found} of {table} would break {name}.",
            f"They are shown by: {found.query}; correct them, or set them aside with op.retire_rows, and run the same "
            "command again; nothing was changed.",
        )
