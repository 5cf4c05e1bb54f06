"""What is common to constraints added online: found by name, added NOT VALID, validated in a transaction of its own."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from psycopg import sql

from surefoot.catalogue import normalise
from surefoot.errors import UsageError
from surefoot.online import target_table, violations
from surefoot.online.executor import PATIENT, Steps
from surefoot.online.retired_registry import within
from surefoot.online.target_table import Table
from surefoot.online.violations import Broken

FIND = """
select contype as kind,
       convalidated as valid,
       confrelid <> 0 as is_foreign_key,
       regexp_replace(pg_get_constraintdef(oid, true), ' NOT VALID$', '') as definition
  from pg_constraint
 where conrelid = :table
   and conname = :name
"""
NEEDED_BY = """
select string_agg(format('%s of %s', k.conname, k.conrelid::regclass), ', ' order by k.conname) as keys
  from pg_constraint k
  join pg_constraint mine
    on mine.conindid = k.conindid
 where mine.conrelid = :table
   and mine.conname = :name
   and mine.contype in ('p', 'u')
   and k.contype = 'f'
"""
HALF_THE_TIMEOUT = """
select set_config('lock_timeout', case setting when '0' then '0' else greatest(setting::integer / 2, 1)::text end, true)
  from pg_settings
 where name = 'lock_timeout'
"""
"""Of two locks taken one after the other each may wait half as long: who queues behind the first waits for both."""

ADD = sql.SQL("alter table {table} add constraint {name} {body}")
VALIDATE = sql.SQL("alter table {table} validate constraint {name}")
DROP = sql.SQL("alter table {table} drop constraint if exists {name}")
RENAME = sql.SQL("alter table {table} rename constraint {name} to {to}")
IF_MISSING = sql.SQL("""
do $ourschool$
begin
    if not exists (select from pg_constraint where conrelid = {regclass}::regclass and conname = {text}) then
        {statement};
    end if;
end
$ourschool$
""")


@dataclass(frozen=True)
class Found:
    """A constraint that is there; `definition` is as PostgreSQL prints it, without NOT VALID."""

    kind: str
    definition: str
    valid: bool
    is_foreign_key: bool


def find(steps: Steps, table: Table, name: str) -> Found | None:
    """The constraint of that name on `table`."""
    for row in steps.look(FIND, table=table.oid, name=name):
        return Found(row.kind, normalise.expression(row.definition), row.valid, row.is_foreign_key)
    return None


@dataclass(frozen=True)
class Promise:
    """A constraint that is wanted, and how it is looked after on the way."""

    name: str
    body: sql.Composable
    """What follows its name in SQL."""
    count: Callable[[], Broken | None]
    """Finds the rows that break it."""
    printed: Callable[[], str]
    """The definition as PostgreSQL prints it, without NOT VALID; asked for where it has to be compared or told."""
    also_called: str | None = None
    """What an error calls it, where that is not its name and definition."""
    second_lock: bool = False
    """Whether it locks another table as well."""

    @cached_property
    def definition(self) -> str:
        """The definition, printed once."""
        return self.printed()

    @property
    def called(self) -> str:
        """What an error calls it."""
        return self.also_called or f"{self.name} {self.definition}"

    def refuse_rows(self, table: Table) -> None:
        """Raise RefusedError where rows break it."""
        found = self.count()
        if found is not None:
            violations.refuse(found, table, self.called)


def add_validated(steps: Steps, table: Table, promise: Promise, *, replace: bool = False) -> None:
    """Add the constraint, or go on with one that an earlier run has added but not validated.

    With `replace` another of its name goes, once this one stands. Raises RefusedError for rows that break it,
    UsageError where something else has its name; in both cases the table is as it was found.
    """
    there = find(steps, table, promise.name)
    if there is not None and there.definition != promise.definition:
        if not replace:
            raise target_table.taken(promise.name, there.definition, promise.definition)
        _in_its_place(steps, table, promise)
        return
    if there is not None and there.valid:
        return
    promise.refuse_rows(table)
    parts = {"table": table.identifier, "name": sql.Identifier(promise.name)}
    if there is None:
        add = ADD.format(**parts, body=sql.SQL("{} not valid").format(promise.body))
        with target_table.asked_right(f"{promise.name} on {table.name}"):
            briefly(steps, add, second_lock=promise.second_lock)
    try:
        # reads the whole table under a lock that no reader or writer asks for, nor waits behind
        steps.run(VALIDATE.format(**parts), lock_timeout=PATIENT)
    except sa.exc.IntegrityError as fault:
        if there is None:
            briefly(steps, DROP.format(**parts), second_lock=promise.second_lock)
        promise.refuse_rows(table)
        raise violations.passing(table, promise.called) from fault


def refuse_needed(steps: Steps, table: Table, name: str) -> None:
    """Raise UsageError where a foreign key of another table needs the constraint."""
    needed = steps.look(NEEDED_BY, table=table.oid, name=name)[0].keys
    if needed:
        raise UsageError(
            f"Constraint {name} of {table.name} is needed by foreign key {needed}.",
            "Drop that first, with op.drop_constraint_online; nothing was changed.",
        )


def beside(steps: Steps, name: str) -> str:
    """What a rule is called until the one of its name, which it replaces, goes."""
    return within(f"ourschool_{steps.revision}_{name}")


def _in_its_place(steps: Steps, table: Table, promise: Promise) -> None:
    """Validated under a name of its own first, so that there is no moment without a rule; then it takes the name."""
    new = dataclasses.replace(promise, name=beside(steps, promise.name), also_called=promise.called)
    parts = {"table": table.identifier, "name": sql.Identifier(new.name)}
    left = find(steps, table, new.name)
    if left is not None and left.definition != promise.definition:
        briefly(steps, DROP.format(**parts), second_lock=left.is_foreign_key)
    add_validated(steps, table, new)
    steps.together(
        *([HALF_THE_TIMEOUT] if promise.second_lock else []),
        DROP.format(table=table.identifier, name=sql.Identifier(promise.name)),
        RENAME.format(**parts, to=sql.Identifier(promise.name)),
    )


def briefly(steps: Steps, statement: sql.Composable, *, second_lock: bool = False) -> None:
    """Run a statement whose locks stop others, however short: two of them together wait no longer than one may."""
    if second_lock and not steps.offline:
        steps.together(HALF_THE_TIMEOUT, statement)
    else:
        steps.run(statement)


def print_validated(steps: Steps, table: str, name: str, body: sql.Composable, *, replace: bool = False) -> None:
    """The same as SQL that psql runs, and may run again."""
    given = beside(steps, name) if replace else name
    parts = {"table": sql.Identifier(table), "name": sql.Identifier(given)}
    add = ADD.format(**parts, body=sql.SQL("{} not valid").format(body))
    steps.run(if_missing(table, given, add), VALIDATE.format(**parts))
    if replace:
        to = sql.Identifier(name)
        steps.together(DROP.format(table=parts["table"], name=to), RENAME.format(**parts, to=to))


def if_missing(table: str, name: str, statement: sql.Composable) -> sql.Composable:
    """`statement` in a block that runs it where `table` has no constraint `name`."""
    regclass = sql.Literal(sql.Identifier(table).as_string())
    return IF_MISSING.format(regclass=regclass, text=sql.Literal(name), statement=statement)
