"""What hangs on a column is made for its successor beside the users' work: indexes, constraints, NOT NULL."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import target_table
from surefoot.online.change_types.column_dependents import Constraint, Dependents, Index
from surefoot.online.change_types.conversion import PREFIX, Conversion
from surefoot.online.change_types.preflight import scratch
from surefoot.online.change_types.unconvertible_rows import said
from surefoot.online.constraints import constraint_specs as constraints
from surefoot.online.constraints import not_null_methods
from surefoot.online.executor import PATIENT, Steps
from surefoot.online.retired_registry import within

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
    """What the index is called until the swap; another one for another definition."""
    return _name(steps, index.name, index.body)


def constraint_name(steps: Steps, constraint: Constraint) -> str:
    """What the constraint is called until the swap."""
    return _name(steps, constraint.name, constraint.definition)


def rehearse(steps: Steps, conversion: Conversion, found: Dependents) -> None:
    """Make all of it on empty copies, rolled back. Raises RefusedError for what does not go with the new type."""
    copy, table = sql.Identifier("pg_temp", "ourschool_copy"), conversion.table

    def work() -> None:
        with scratch(steps):
            steps.execute(sql.SQL("create temporary table ourschool_copy (like {})").format(table.identifier))
            for change in conversion.changes:
                steps.execute(
                    sql.SQL("alter table {} drop column if exists {}, add column {} {}").format(
                        copy, change.successor, change.successor, sql.SQL(change.type)
                    )
                )
            for index in found.indexes:
                with _fitting(conversion, f"index {index.name}"):
                    steps.execute(f"create index on pg_temp.ourschool_copy using {index.body}")
            for nth, constraint in enumerate(found.constraints):
                with _fitting(conversion, f"constraint {constraint.name} of {constraint.table}"):
                    if constraint.referent is None:
                        steps.execute(f"alter table pg_temp.ourschool_copy add {constraint.definition}")
                    else:
                        _try_pointing(steps, constraint, nth)

    steps.repeat(work)


def indexes(steps: Steps, conversion: Conversion, found: Dependents) -> None:
    """Build each index concurrently. Raises RefusedError where a unique one finds rows that became alike."""
    for index in found.indexes:
        name = index_name(steps, index)

        def work(index: Index = index, name: str = name) -> None:
            there = steps.look(INDEX, table=conversion.table.oid, name=name)
            if there and not there[0].valid:
                steps.execute(sql.SQL("drop index concurrently {}").format(sql.Identifier(name)))
            if not there or not there[0].valid:
                steps.execute(
                    sql.SQL("create {} concurrently {} on {} using {}").format(
                        sql.SQL("unique index" if index.unique else "index"),
                        sql.Identifier(name),
                        conversion.table.identifier,
                        sql.SQL(index.body),
                    )
                )

        try:
            with steps.waiting(PATIENT):
                steps.repeat(work)
        except sa.exc.IntegrityError as fault:
            with suppress(sa.exc.DBAPIError):
                steps.run(
                    sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(name)), lock_timeout=PATIENT
                )
            raise RefusedError(
                f"The type of {_called(conversion)} cannot be changed: rows that were different become alike, and "
                f"unique index {index.name} forbids it ({said(fault)}).",
                "Correct these rows, or write an expression that keeps them apart, and run the same command again; "
                "nothing was changed.",
            ) from fault


def promises(steps: Steps, conversion: Conversion, found: Dependents) -> None:
    """Add CHECKs and foreign keys NOT VALID, each under a short lock, and validate them; then NOT NULL."""
    for constraint in found.constraints:
        name, table = constraint_name(steps, constraint), sql.SQL(constraint.table)
        parts = {"table": table, "name": sql.Identifier(name)}
        there = steps.look(CONSTRAINT, table=constraint.table, name=name)
        if not there:
            body = sql.SQL(constraint.definition + (" not valid" if constraint.valid else ""))
            constraints.briefly(
                steps, constraints.ADD.format(**parts, body=body), second_lock=constraint.referent is not None
            )
        if constraint.valid and not (there and there[0].valid):
            try:
                steps.run(constraints.VALIDATE.format(**parts), lock_timeout=PATIENT)
            except sa.exc.IntegrityError as fault:
                raise RefusedError(
                    f"The type of {_called(conversion)} cannot be changed: rows as they become break "
                    f"{constraint.name} of {constraint.table} ({said(fault)}).",
                    "Correct these rows, or drop that constraint in the same revision before and make it anew after; "
                    "nothing was changed.",
                ) from fault
    for change in conversion.changes:
        if not change.not_null:
            continue
        if change.not_null_valid:
            not_null_methods.forbid(steps, not_null_methods.find(steps, conversion.table.name, change.target))
        elif not not_null_methods.find(steps, conversion.table.name, change.target).not_null:
            steps.run(not_null_methods.ADD_NATIVE.format(table=conversion.table.identifier, column=change.successor))


def _try_pointing(steps: Steps, constraint: Constraint, nth: int) -> None:
    """Whether the two ends of a foreign key still go together."""
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
def _fitting(conversion: Conversion, what: str) -> Iterator[None]:
    try:
        with target_table.asked_right(what):
            yield
    except UsageError as fault:
        cause = said(fault.__cause__) if isinstance(fault.__cause__, sa.exc.DBAPIError) else fault.message
        types = ", ".join(change.type for change in conversion.changes)
        raise RefusedError(
            f"The type of {_called(conversion)} cannot be changed to {types}: {what} does not go with it ({cause}).",
            "Drop that in the same revision before and make it anew after; nothing was changed.",
        ) from fault


def _called(conversion: Conversion) -> str:
    return ", ".join(change.called for change in conversion.changes)


def _name(steps: Steps, name: str, definition: str) -> str:
    mark = hashlib.sha256(f"{steps.revision} {definition}".encode()).hexdigest()[:8]
    return within(f"{PREFIX}{mark}_{name}")
