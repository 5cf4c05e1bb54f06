"""The two ways to NOT NULL that read the table while others work: native on 18, through a validated CHECK before."""

from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import canonical_ddl, target_table, violations
from surefoot.online.constraints import constraint_specs
from surefoot.online.constraints.constraint_specs import Promise
from surefoot.online.executor import PATIENT, Steps
from surefoot.online.retired_registry import within
from surefoot.online.target_table import Table
from surefoot.online.violations import Broken

NATIVE = 180000
"""The first server that has NOT NULL NOT VALID."""

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
    """A column and what the server says of it."""

    table: Table
    name: str
    not_null: bool
    """Whether new rows must have a value."""
    refusal: str | None
    """Why it cannot allow NULL."""
    constraint: str | None
    """The name of its NOT NULL, which servers before 18 do not have."""
    valid: bool
    """Whether old rows are known to have one."""

    @property
    def called(self) -> str:
        """What an error calls the promise."""
        return f"NOT NULL of {self.name}"

    def statement(self, template: sql.SQL) -> sql.Composed:
        """`template` with the names of table and column."""
        return template.format(table=self.table.identifier, column=sql.Identifier(self.name))

    def count(self, steps: Steps) -> Broken | None:
        """The rows where it is NULL."""
        return violations.rows(steps, self.table, sql.SQL("{} is null").format(sql.Identifier(self.name)), self.called)


def find(steps: Steps, table_name: str, name: str) -> Column:
    """The column as it is. Raises UsageError where there is none."""
    table = target_table.find(steps, table_name)
    table.needs([name])
    row = steps.look(STATE, table=table.oid, column=name)[0]
    refusal = "part of the primary key" if name in table.key else "an identity" if row.identity else None
    return Column(table, name, row.not_null, refusal, row.name, row.valid is not False)


def refuse_nulls(steps: Steps, table: Table, name: str) -> None:
    """Raise RefusedError for rows of `table`, as they will be, where the column is NULL."""
    if table.coming is None:
        there = find(steps, table.name, name)
        if there.not_null and there.valid:
            return
    column = Column(table, name, False, None, None, False)
    violations.refuse(column.count(steps), table, column.called)


def forbid(steps: Steps, column: Column) -> None:
    """Make `column` NOT NULL. Raises RefusedError for rows where it is NULL, and leaves it as it was."""
    if column.not_null and column.valid:
        drop_check(steps, column)
    elif _is_native(steps) and not _has_check(steps, column):
        _natively(steps, column)
    else:
        _through_a_check(steps, column)


def _is_native(steps: Steps) -> bool:
    version = steps.look("select current_setting('server_version_num')::integer as version")[0].version
    return bool(version >= NATIVE)


def _has_check(steps: Steps, column: Column) -> bool:
    """Whether a run began through a CHECK and was cut off: printed SQL on any server, or before a dump came to 18."""
    name, _ = check(column.table.name, column.name)
    return constraint_specs.find(steps, column.table, name) is not None


def _natively(steps: Steps, column: Column) -> None:
    violations.refuse(column.count(steps), column.table, column.called)
    if not column.not_null:
        steps.run(column.statement(ADD_NATIVE))
    name = find(steps, column.table.name, column.name).constraint
    assert name is not None  # it has just been added, or was found
    validate = constraint_specs.VALIDATE.format(table=column.table.identifier, name=sql.Identifier(name))
    try:
        steps.run(validate, lock_timeout=PATIENT)
    except sa.exc.IntegrityError as fault:
        if not column.not_null:
            steps.run(column.statement(DROP))
        violations.refuse(column.count(steps), column.table, column.called)
        raise violations.passing(column.table, column.called) from fault


def _through_a_check(steps: Steps, column: Column) -> None:
    """A validated CHECK spares SET NOT NULL the reading of the table, which would be under its lock."""
    name, body = check(column.table.name, column.name)
    promise = Promise(
        name,
        body,
        count=lambda: column.count(steps),
        printed=lambda: canonical_ddl.constraint(steps, column.table, name, body),
        also_called=column.called,
    )
    try:
        constraint_specs.add_validated(steps, column.table, promise)
    except RefusedError:
        drop_check(steps, column)
        raise
    drop = constraint_specs.DROP.format(table=column.table.identifier, name=sql.Identifier(name))
    steps.together(column.statement(SET), drop)


def drop_check(steps: Steps, column: Column) -> None:
    """Clear the CHECK that a way to NOT NULL that was cut off has left."""
    if _has_check(steps, column):
        name, _ = check(column.table.name, column.name)
        steps.run(constraint_specs.DROP.format(table=column.table.identifier, name=sql.Identifier(name)))


def check(table: str, column: str) -> tuple[str, sql.Composed]:
    """The CHECK that stands in for NOT NULL on the way there: its name and body."""
    name = within(f"ourschool_{table}_{column}_not_null")
    return name, sql.SQL("check ({} is not null)").format(sql.Identifier(column))
