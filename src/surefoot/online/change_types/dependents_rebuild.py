"""Rebuild the indexes, constraints and NOT NULL of a column for its shadow column, while others work."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import target_table
from surefoot.online.change_types.column_dependents import Constraint, Dependents, Index
from surefoot.online.change_types.conversion import PREFIX, Conversion
from surefoot.online.constraints import constraint_specs as constraints
from surefoot.online.constraints import not_null_methods
from surefoot.online.dependent_ddl import build_index
from surefoot.online.executor import LONG_LOCK_TIMEOUT, Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.runtime import error_translation

INDEX = """
select i.indisvalid as valid
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
 where i.indrelid = :table
   and x.relname = :name
"""
CONSTRAINT = """
select c.convalidated as valid
  from pg_constraint c
 where c.conrelid = cast(cast(:table as text) as regclass)
   and c.conname = :name
"""


def index_name(steps: Steps, index: Index) -> str:
    """Return the name of the rebuilt index until the cutover; it depends on the definition."""
    return _name(steps, index.name, index.body)


def constraint_name(steps: Steps, constraint: Constraint) -> str:
    """Return the name of the rebuilt constraint until the cutover; it depends on the definition."""
    return _name(steps, constraint.name, constraint.definition)


def check_on_copies(steps: Steps, conversion: Conversion, dependents: Dependents) -> None:
    """Create the dependents on empty copies and roll back. Raises RefusedError for one that does not fit the type."""
    copy, table = sql.Identifier("pg_temp", "ourschool_copy"), conversion.table

    def work() -> None:
        with steps.rolled_back():
            steps.execute(sql.SQL("create temporary table ourschool_copy (like {})").format(table.identifier))
            for change in conversion.changes:
                steps.execute(
                    sql.SQL("alter table {} drop column if exists {}, add column {} {}").format(
                        copy, change.shadow, change.shadow, sql.SQL(change.type)
                    )
                )
            for index in dependents.indexes:
                with _refusing_misfits(conversion, f"index {index.name}"):
                    steps.execute(f"create index on pg_temp.ourschool_copy using {index.body}")
            for nth, constraint in enumerate(dependents.constraints):
                with _refusing_misfits(conversion, f"constraint {constraint.name} of {constraint.table}"):
                    if constraint.referent is None:
                        steps.execute(f"alter table pg_temp.ourschool_copy add {constraint.definition}")
                    else:
                        _try_foreign_key(steps, constraint, nth)

    steps.retry_on_lock(work)


def build_indexes(steps: Steps, conversion: Conversion, dependents: Dependents) -> None:
    """Build each index CONCURRENTLY. Raises RefusedError where rows become duplicates in a unique one."""
    for index in dependents.indexes:
        name = index_name(steps, index)
        create = sql.SQL("create {} concurrently {} on {} using {}").format(
            sql.SQL("unique index" if index.unique else "index"),
            sql.Identifier(name),
            conversion.table.identifier,
            sql.SQL(index.body),
        )

        def is_valid(name: str = name) -> bool | None:
            rows = steps.fetch(INDEX, table=conversion.table.oid, name=name)
            return rows[0].valid if rows else None

        try:
            build_index(steps, sql.Identifier(name), is_valid, create)
        except sa.exc.IntegrityError as fault:
            raise RefusedError(
                f"The type of {_label(conversion)} cannot be changed: rows that were different become alike, and "
                f"unique index {index.name} forbids it ({error_translation.primary_message(fault)}).",
                "Correct these rows, or write an expression that keeps them apart, and run the same command again; "
                "nothing was changed.",
            ) from fault


def build_constraints(steps: Steps, conversion: Conversion, dependents: Dependents) -> None:
    """Add CHECKs and foreign keys NOT VALID, each under a brief lock, validate them, and set NOT NULL.

    Raises RefusedError where converted rows violate one.
    """
    for constraint in dependents.constraints:
        name, table = constraint_name(steps, constraint), sql.SQL(constraint.table)
        parts = {"table": table, "name": sql.Identifier(name)}
        existing = steps.fetch(CONSTRAINT, table=constraint.table, name=name)
        if not existing:
            body = sql.SQL(constraint.definition + (" not valid" if constraint.valid else ""))
            constraints.run_briefly(
                steps, constraints.ADD.format(**parts, body=body), locks_second_table=constraint.referent is not None
            )
        if constraint.valid and not (existing and existing[0].valid):
            try:
                steps.run(constraints.VALIDATE.format(**parts), lock_timeout=LONG_LOCK_TIMEOUT)
            except sa.exc.IntegrityError as fault:
                raise RefusedError(
                    f"The type of {_label(conversion)} cannot be changed: rows as they become break "
                    f"{constraint.name} of {constraint.table} ({error_translation.primary_message(fault)}).",
                    "Correct these rows, or drop that constraint in the same revision before and make it anew after; "
                    "nothing was changed.",
                ) from fault
    for change in conversion.changes:
        if not change.not_null:
            continue
        if change.not_null_valid:
            not_null_methods.set_not_null(
                steps, not_null_methods.find(steps, conversion.table.name, change.shadow_name)
            )
        elif not not_null_methods.find(steps, conversion.table.name, change.shadow_name).not_null:
            steps.run(not_null_methods.ADD_NATIVE.format(table=conversion.table.identifier, column=change.shadow))


def _try_foreign_key(steps: Steps, constraint: Constraint, nth: int) -> None:
    """Add the foreign key between the copy and an empty table with the columns of its other end."""
    ends = []
    for relation, ours, columns in (
        (constraint.table, constraint.here, constraint.columns),
        (str(constraint.referent), constraint.there, constraint.referred),
    ):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        end = sql.Identifier("pg_temp", "ourschool_copy" if ours else f"ourschool_end_{nth}")
        if not ours:
            steps.execute(
                sql.SQL("create temporary table {} as select {} from {} limit 0").format(
                    sql.Identifier(f"ourschool_end_{nth}"), names, sql.SQL(relation)
                )
            )
        ends.append((end, names))
    (pointing, local), (pointed, referred) = ends
    steps.execute(sql.SQL("alter table {} add unique ({})").format(pointed, referred))
    steps.execute(
        sql.SQL("alter table {} add foreign key ({}) references {} ({})").format(pointing, local, pointed, referred)
    )


@contextmanager
def _refusing_misfits(conversion: Conversion, what: str) -> Iterator[None]:
    """Turn PostgreSQL's refusal of the dependent `what` into RefusedError."""
    try:
        with target_table.reporting_usage_errors(what):
            yield
    except UsageError as fault:
        cause = fault.__cause__
        reason = error_translation.primary_message(cause) if isinstance(cause, sa.exc.DBAPIError) else fault.message
        types = ", ".join(change.type for change in conversion.changes)
        raise RefusedError(
            f"The type of {_label(conversion)} cannot be changed to {types}: {what} does not go with it ({reason}).",
            "Drop that in the same revision before and make it anew after; nothing was changed.",
        ) from fault


def _label(conversion: Conversion) -> str:
    return ", ".join(change.label for change in conversion.changes)


def _name(steps: Steps, name: str, definition: str) -> str:
    mark = hashlib.sha256(f"{steps.revision} {definition}".encode()).hexdigest()[:8]
    return fit_identifier(f"{PREFIX}{mark}_{name}")
