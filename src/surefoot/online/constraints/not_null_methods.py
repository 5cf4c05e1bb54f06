"""Set NOT NULL while others work: NOT NULL NOT VALID on PostgreSQL 18, through a validated CHECK before."""

from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import canonical_ddl, target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.constraint_specs import ConstraintSpec
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.target_table import Table
from surefoot.online.violations import Violations

NATIVE = 180000
"""server_version_num of the first server that knows NOT NULL … NOT VALID."""

STATE = """
select a.attnotnull as not_null,
       a.attidentity <> '' as identity,
       k.conname as name,
       k.convalidated as valid
  from pg_attribute a
  left join pg_constraint k
    on k.conrelid = a.attrelid
   and k.contype = 'n'
   and k.conkey = array[a.attnum]
 where a.attrelid = :table
   and a.attname = :column
"""
ADD_NATIVE = sql.SQL("alter table {table} add not null {column} not valid")
SET = sql.SQL("alter table {table} alter column {column} set not null")
DROP = sql.SQL("alter table {table} alter column {column} drop not null")


@dataclass(frozen=True)
class Column:
    """The state of a column's NOT NULL."""

    table: Table
    name: str
    not_null: bool
    """pg_attribute.attnotnull: whether new rows must have a value."""
    refusal: str | None
    """Why NOT NULL cannot be dropped; None where it can."""
    constraint: str | None
    """The name of its NOT NULL constraint; None before PostgreSQL 18."""
    valid: bool
    """Whether all rows are known to have a value."""

    @property
    def label(self) -> str:
        """What an error message calls the constraint."""
        return f"NOT NULL of {self.name}"

    def statement(self, template: sql.SQL) -> sql.Composed:
        """Fill in the names of table and column."""
        return template.format(table=self.table.identifier, column=sql.Identifier(self.name))

    def find_nulls(self, steps: Steps) -> Violations | None:
        """Return the rows where the column is NULL; None where there are none."""
        return violations.find(steps, self.table, sql.SQL("{} is null").format(sql.Identifier(self.name)), self.label)


def find(steps: Steps, table_name: str, name: str) -> Column:
    """Return the state of the column. Raises UsageError where there is no such table or column."""
    table = target_table.find(steps, table_name)
    table.require_columns([name])
    row = steps.fetch(STATE, table=table.oid, column=name)[0]
    refusal = "part of the primary key" if name in table.key else "an identity" if row.identity else None
    return Column(table, name, row.not_null, refusal, row.name, row.valid is not False)


def refuse_nulls(steps: Steps, table: Table, name: str) -> None:
    """Raise RefusedError where rows of `table`, read from its `row_source`, have NULL in the column."""
    if table.future_columns is None:
        current = find(steps, table.name, name)
        if current.not_null and current.valid:
            return
    column = Column(table, name, False, None, None, False)
    violations.refuse(column.find_nulls(steps), table, column.label)


def set_not_null(steps: Steps, column: Column) -> None:
    """Make `column` NOT NULL. Raises RefusedError, with the column unchanged, for rows where it is NULL."""
    if column.not_null and column.valid:
        drop_check(steps, column)
    elif _is_native(steps) and not _has_check(steps, column):
        _set_natively(steps, column)
    else:
        _set_through_check(steps, column)


def _is_native(steps: Steps) -> bool:
    version = steps.fetch("select current_setting('server_version_num')::integer as version")[0].version
    return bool(version >= NATIVE)


def _has_check(steps: Steps, column: Column) -> bool:
    """Return whether an interrupted run has left its CHECK: of printed SQL, or restored from a server before 18."""
    name, _ = check_constraint(column.table.name, column.name)
    return constraint_specs.find(steps, column.table, name) is not None


def _set_natively(steps: Steps, column: Column) -> None:
    violations.refuse(column.find_nulls(steps), column.table, column.label)
    if not column.not_null:
        steps.run(column.statement(ADD_NATIVE))
    name = find(steps, column.table.name, column.name).constraint
    assert name is not None
    validate = constraint_specs.VALIDATE.format(table=column.table.identifier, name=sql.Identifier(name))
    try:
        steps.run(validate, lock_timeout=LONG_LOCK_TIMEOUT)
    except sa.exc.IntegrityError as fault:
        if not column.not_null:
            steps.run(column.statement(DROP))
        violations.refuse(column.find_nulls(steps), column.table, column.label)
        raise violations.vanished_violation(column.table, column.label) from fault


def _set_through_check(steps: Steps, column: Column) -> None:
    """Add a CHECK and validate it first: SET NOT NULL then does not read the table under ACCESS EXCLUSIVE."""
    name, body = check_constraint(column.table.name, column.name)
    spec = ConstraintSpec(
        name,
        body,
        find_violations=lambda: column.find_nulls(steps),
        read_definition=lambda: canonical_ddl.constraint(steps, column.table, name, body),
        error_label=column.label,
    )
    try:
        constraint_specs.add_validated(steps, column.table, spec)
    except RefusedError:
        drop_check(steps, column)
        raise
    drop = constraint_specs.DROP.format(table=column.table.identifier, name=sql.Identifier(name))
    steps.run_in_transaction(column.statement(SET), drop)


def drop_check(steps: Steps, column: Column) -> None:
    """Drop the CHECK that an interrupted SET NOT NULL has left."""
    if _has_check(steps, column):
        name, _ = check_constraint(column.table.name, column.name)
        steps.run(constraint_specs.DROP.format(table=column.table.identifier, name=sql.Identifier(name)))


def check_constraint(table: str, column: str) -> tuple[str, sql.Composed]:
    """Return the name and body of the temporary CHECK that `_set_through_check` validates."""
    name = fit_identifier(f"ourschool_{table}_{column}_not_null")
    return name, sql.SQL("check ({} is not null)").format(sql.Identifier(column))
