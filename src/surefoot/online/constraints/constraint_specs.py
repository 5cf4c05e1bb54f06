"""Add a constraint online: find an existing one by name, add NOT VALID, validate in a transaction of its own."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from psycopg import sql

from surefoot.catalogue import normalise
from surefoot.errors import UsageError
from surefoot.online import published_tables, target_table, violations
from surefoot.online.executor import LONG_LOCK_TIMEOUT, SPLIT_LOCK_TIMEOUT, Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.target_table import Table
from surefoot.online.violations import Violations

FIND = """
select contype as kind,
       convalidated as valid,
       confrelid <> 0 as is_foreign_key,
       regexp_replace(pg_get_constraintdef(oid, true), ' NOT VALID$', '') as definition
  from pg_constraint
 where conrelid = :table
   and conname = :name
"""
REFERENCING_KEYS = """
select string_agg(format('%s of %s', k.conname, k.conrelid::regclass), ', ' order by k.conname) as keys
  from pg_constraint k
  join pg_constraint mine
    on mine.conindid = k.conindid
 where mine.conrelid = :table
   and mine.conname = :name
   and mine.contype in ('p', 'u')
   and k.contype = 'f'
"""

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
class ExistingConstraint:
    """A constraint of the database."""

    kind: str
    """pg_constraint.contype."""
    definition: str
    """As PostgreSQL prints it, normalised, without NOT VALID."""
    valid: bool
    is_foreign_key: bool


def find(steps: Steps, table: Table, name: str) -> ExistingConstraint | None:
    """Return the constraint of that name on `table`; None where there is none."""
    for row in steps.fetch(FIND, table=table.oid, name=name):
        return ExistingConstraint(row.kind, normalise.expression(row.definition), row.valid, row.is_foreign_key)
    return None


@dataclass(frozen=True)
class ConstraintSpec:
    """A constraint that is to be added, with the queries that its addition needs."""

    name: str
    body: sql.Composable
    """The SQL that follows the name in ADD CONSTRAINT."""
    find_violations: Callable[[], Violations | None]
    """Return the rows that violate it; None where there are none."""
    read_definition: Callable[[], str]
    """Return the definition as PostgreSQL prints it, without NOT VALID. Called only where it is needed."""
    error_label: str | None = None
    """What an error message calls it; None stands for its name and definition."""
    locks_second_table: bool = False
    """Whether adding it locks another table as well, as a foreign key does."""

    @cached_property
    def definition(self) -> str:
        """The result of `read_definition`, read once."""
        return self.read_definition()

    @property
    def label(self) -> str:
        """What an error message calls it."""
        return self.error_label or f"{self.name} {self.definition}"

    def refuse_rows(self, table: Table) -> None:
        """Raise RefusedError where rows of `table` violate it."""
        rows = self.find_violations()
        if rows is not None:  # else the label, which may cost a query, is not needed
            violations.refuse(rows, table, self.label)


def add_validated(steps: Steps, table: Table, spec: ConstraintSpec, *, replace: bool = False) -> None:
    """Add the constraint NOT VALID and validate it; one that an interrupted run has added is only validated.

    With `replace` another constraint of its name is dropped once this one is valid. Raises RefusedError for rows that
    violate it, UsageError where another constraint has its name; the table is unchanged in both cases.
    """
    existing = find(steps, table, spec.name)
    if existing is not None and existing.definition != spec.definition:
        if not replace:
            raise target_table.name_taken(spec.name, existing.definition, spec.definition)
        _replace(steps, table, spec)
        return
    if existing is not None and existing.valid:
        return
    spec.refuse_rows(table)
    parts = {"table": table.identifier, "name": sql.Identifier(spec.name)}
    if existing is None:
        add = ADD.format(**parts, body=sql.SQL("{} not valid").format(spec.body))
        with target_table.reporting_usage_errors(f"{spec.name} on {table.name}"):
            run_briefly(steps, add, locks_second_table=spec.locks_second_table)
    try:
        # SHARE UPDATE EXCLUSIVE: reads the whole table while others read and write it
        steps.run(VALIDATE.format(**parts), lock_timeout=LONG_LOCK_TIMEOUT)
    except sa.exc.IntegrityError as fault:
        if existing is None:
            run_briefly(steps, DROP.format(**parts), locks_second_table=spec.locks_second_table)
        spec.refuse_rows(table)
        raise violations.vanished_violation(table, spec.label) from fault


def refuse_if_referenced(steps: Steps, table: Table, name: str) -> None:
    """Raise UsageError where a foreign key references the unique constraint or primary key `name`."""
    keys = steps.fetch(REFERENCING_KEYS, table=table.oid, name=name)[0].keys
    if keys:
        raise UsageError(
            f"Constraint {name} of {table.name} is needed by foreign key {keys}.",
            "Drop that first, with op.drop_constraint_online; nothing was changed.",
        )


def replacement_name(steps: Steps, name: str) -> str:
    """Return the name of a constraint until the one that it replaces is dropped."""
    return fit_identifier(f"ourschool_{steps.revision}_{name}")


def _replace(steps: Steps, table: Table, spec: ConstraintSpec) -> None:
    """Add and validate the constraint under another name, then drop the old one and rename in one transaction."""
    published_tables.refuse_lost_rule(steps.context, table.name, spec.name)
    new = dataclasses.replace(spec, name=replacement_name(steps, spec.name), error_label=spec.label)
    parts = {"table": table.identifier, "name": sql.Identifier(new.name)}
    leftover = find(steps, table, new.name)
    if leftover is not None and leftover.definition != spec.definition:
        run_briefly(steps, DROP.format(**parts), locks_second_table=leftover.is_foreign_key)
    add_validated(steps, table, new)
    steps.run_in_transaction(
        *([SPLIT_LOCK_TIMEOUT.format(2)] if spec.locks_second_table else []),
        DROP.format(table=table.identifier, name=sql.Identifier(spec.name)),
        RENAME.format(**parts, to=sql.Identifier(spec.name)),
    )


def run_briefly(steps: Steps, statement: sql.Composable, *, locks_second_table: bool = False) -> None:
    """Run a statement that takes ACCESS EXCLUSIVE for an instant, retried until it gets its locks.

    Where it locks a second table, each lock may wait half of lock_timeout: who queues behind the first waits for both.
    """
    if locks_second_table and not steps.offline:
        steps.run_in_transaction(SPLIT_LOCK_TIMEOUT.format(2), statement)
    else:
        steps.run(statement)


def print_validated(steps: Steps, table: str, name: str, body: sql.Composable, *, replace: bool = False) -> None:
    """Print what `add_validated` does, as SQL that psql can run again."""
    added = replacement_name(steps, name) if replace else name
    parts = {"table": sql.Identifier(table), "name": sql.Identifier(added)}
    add = ADD.format(**parts, body=sql.SQL("{} not valid").format(body))
    steps.run(if_missing(table, added, add), VALIDATE.format(**parts))
    if replace:
        to = sql.Identifier(name)
        steps.run_in_transaction(DROP.format(table=parts["table"], name=to), RENAME.format(**parts, to=to))


def if_missing(table: str, name: str, statement: sql.Composable) -> sql.Composable:
    """Return a DO block that runs `statement` where `table` has no constraint `name`."""
    regclass = sql.Literal(sql.Identifier(table).as_string())
    return IF_MISSING.format(regclass=regclass, text=sql.Literal(name), statement=statement)
