"""The way back of a retired column: the long work beside the users, one short transaction, then the checks."""

import logging

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import retired_registry, target_table
from surefoot.online.constraints import not_null_methods
from surefoot.online.executor import Steps
from surefoot.online.retire import column_retirement, kept_definitions, own_objects, retired_dependents
from surefoot.online.retire.block_batches import stretches
from surefoot.online.retire.blocking_rows import broken
from surefoot.online.retire.column_restoration_sql import BACK, TAKE_BACK, TELL
from surefoot.online.retired_registry import RetiredItem

log = logging.getLogger("surefoot")

ADD_NOT_NULL = sql.SQL("alter table {} add not null {} not valid")


def restore(steps: Steps, table: str, column: str) -> bool:
    """Take back what the other direction of this revision retired; True where the column is there afterwards, as ours.

    That is also one that a cut-off run of this revision took back or made. Raises RefusedError, with nothing changed,
    where somebody else's has the name, something that hung on the column cannot be made again, or rows that came
    meanwhile do not fit; the sentence counts them and shows how to find them.
    Offline it is printed as one block, and nobody knows whether the column will be there: False.
    """
    if steps.offline:
        _print(steps, table, column)
        return False
    thing = column_retirement.retired(steps, table, column, back=True)
    made = kept_definitions.make(steps, "column", table, column, thing)
    if made:
        thing = column_retirement.retired(steps, table, column, back=True)
    if thing is not None:
        if not thing.coming_back:
            with kept_definitions.unmade(steps, thing if made else None):
                _refuse_taken(steps, thing)
            if made:  # the rows that came have to be given a value in it: it stays
                _refuse_nulls(steps, thing, "The column is there again under that name, empty.")
            with kept_definitions.unmade(steps, thing if made else None):
                _return(steps, thing)
        _finish(steps, thing)
    retired_registry.tidy(steps)
    return thing is not None or own_objects.is_ours(steps, table, column)


def _return(steps: Steps, thing: RetiredItem) -> None:
    """From the retired name to the old one, with all that hangs on it but what rows must be read for."""
    table = sql.Identifier(thing.schema, thing.table)
    column = sql.Identifier(thing.stands_as)
    target_table.alone(steps, table, partition=False)
    refuse(steps, thing)
    default = thing.definitions["default"]
    if default is not None:
        steps.run(sql.SQL("alter table {} alter column {} set default {}").format(table, column, sql.SQL(default)))
        if thing.definitions["not_null"]:
            _fill(steps, thing, table, column, sql.SQL(default))
    retired_dependents.build(steps, thing)

    def swap() -> None:
        with steps.transaction():
            retired_dependents.lock(steps, thing, {})
            for statement in retired_dependents.statements(thing):
                steps.execute(statement)
            column_retirement.name_back(steps, thing)
            retired_registry.coming_back(steps, thing)

    steps.repeat(swap)


def _finish(steps: Steps, thing: RetiredItem) -> None:
    """Read the rows for what they are promised to keep, then forget that the column was ever retired."""
    retired_dependents.validate(steps, thing)
    assert thing.column is not None
    if thing.definitions["not_null"]:
        state = not_null_methods.find(steps, thing.table, thing.column)
        if thing.definitions["not_null_valid"]:
            not_null_methods.forbid(steps, state)
        elif not state.not_null:
            steps.run(ADD_NOT_NULL.format(sql.Identifier(thing.schema, thing.table), sql.Identifier(thing.column)))
    with steps.transaction():
        retired_registry.forget(steps, thing)
        own_objects.note(steps, "column", thing.table, thing.column)
    log.info("Column %s.%s is back, retired since %s.", thing.table, thing.column, f"{thing.retired_at:%Y-%m-%d %H:%M}")


def refuse(steps: Steps, thing: RetiredItem) -> None:
    """Raise RefusedError, before anything is touched, where it cannot come back."""
    _refuse_taken(steps, thing)
    table = sql.Identifier(thing.schema, thing.table).as_string()
    retired_dependents.types_there(steps, thing, table, thing.stands_as)
    _refuse_nulls(steps, thing, "Nothing was changed.")
    retired_dependents.look(steps, thing, {})


def _refuse_taken(steps: Steps, thing: RetiredItem) -> None:
    assert thing.column is not None
    if column_retirement.is_there(steps, thing.table, thing.column):
        raise RefusedError(
            f"Column {thing.column} of table {thing.table} cannot be restored: there is a column of that name.",
            f"Retire that one first: op.retire_column({thing.table!r}, {thing.column!r}). Nothing was changed.",
        )


def _refuse_nulls(steps: Steps, thing: RetiredItem, where_it_stands: str) -> None:
    held = thing.definitions
    if not held["not_null"] or not held["not_null_valid"] or held["default"] is not None:
        return
    table, column = sql.Identifier(thing.schema, thing.table), sql.Identifier(thing.stands_as)
    found = broken(steps, table.as_string(), sql.SQL("{} is null").format(column))
    if found is not None:
        give = sql.SQL("update {} set {} = … where {} is null").format(table, column, column).as_string()
        raise RefusedError(
            f"Column {thing.column} of table {thing.table} cannot be restored: it was NOT NULL without a default, and "
            f"{found} came while it was retired and have none.",
            f"Give them a value: {give}; then run the same command again. {where_it_stands}",
        )


def _fill(
    steps: Steps, thing: RetiredItem, table: sql.Identifier, column: sql.Identifier, default: sql.Composable
) -> None:
    """Give rows that came meanwhile the default; new ones have it already."""
    fill = sql.SQL("update {} set {} = {} where {} is null and {}")

    def work(here: sql.Composable) -> int:
        done = steps.execute(fill.format(table, column, default, column, here))
        return done.rowcount if done is not None else 0

    total = 0
    while filled := stretches(steps, table, work):
        total += filled
    if total:
        log.info("%s rows of %s came while %s was retired, and have its default now.", total, thing.table, thing.column)


def _print(steps: Steps, table: str, column: str) -> None:
    names = {"table": table, "column": column, "revision": steps.revision}
    steps.context.impl.static_output(TELL.format(**names).strip())
    back = sql.SQL(BACK).format(table=table, column=column, refused=retired_registry.REFUSED)
    other = retired_registry.other_direction(steps)
    kept_definitions.printed(steps, "column", table, column)
    check, _ = not_null_methods.check(table, column)
    steps.together(retired_registry.block(sql.SQL(TAKE_BACK).format(**names, direction=other, back=back, check=check)))
