"""The way back of a retired column: the long work beside the users, one short transaction, then the checks."""

import logging

from psycopg import sql

from ourschool.errors import RefusedError
from ourschool.migrate.online import tables, things
from ourschool.migrate.online.constraints import nullability
from ourschool.migrate.online.retire import columns, definitions, dependents, own
from ourschool.migrate.online.retire.batches import stretches
from ourschool.migrate.online.retire.columns_back_sql import BACK, TAKE_BACK, TELL
from ourschool.migrate.online.retire.found import broken
from ourschool.migrate.online.steps import Steps
from ourschool.migrate.online.things import Thing

log = logging.getLogger("ourschool.migrate")

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
    thing = columns.retired(steps, table, column, back=True)
    made = definitions.make(steps, "column", table, column, thing)
    if made:
        thing = columns.retired(steps, table, column, back=True)
    if thing is not None:
        if not thing.coming_back:
            with definitions.unmade(steps, thing if made else None):
                _refuse_taken(steps, thing)
            if made:  # the rows that came have to be given a value in it: it stays
                _refuse_nulls(steps, thing, "The column is there again under that name, empty.")
            with definitions.unmade(steps, thing if made else None):
                _return(steps, thing)
        _finish(steps, thing)
    things.tidy(steps)
    return thing is not None or own.is_ours(steps, table, column)


def _return(steps: Steps, thing: Thing) -> None:
    """From the retired name to the old one, with all that hangs on it but what rows must be read for."""
    table = sql.Identifier(thing.schema, thing.table)
    column = sql.Identifier(thing.stands_as)
    tables.alone(steps, table, partition=False)
    refuse(steps, thing)
    default = thing.definitions["default"]
    if default is not None:
        steps.run(sql.SQL("alter table {} alter column {} set default {}").format(table, column, sql.SQL(default)))
        if thing.definitions["not_null"]:
            _fill(steps, thing, table, column, sql.SQL(default))
    dependents.build(steps, thing)

    def swap() -> None:
        with steps.transaction():
            dependents.lock(steps, thing, {})
            for statement in dependents.statements(thing):
                steps.execute(statement)
            columns.name_back(steps, thing)
            things.coming_back(steps, thing)

    steps.repeat(swap)


def _finish(steps: Steps, thing: Thing) -> None:
    """Read the rows for what they are promised to keep, then forget that the column was ever retired."""
    dependents.validate(steps, thing)
    assert thing.column is not None
    if thing.definitions["not_null"]:
        state = nullability.find(steps, thing.table, thing.column)
        if thing.definitions["not_null_valid"]:
            nullability.forbid(steps, state)
        elif not state.not_null:
            steps.run(ADD_NOT_NULL.format(sql.Identifier(thing.schema, thing.table), sql.Identifier(thing.column)))
    with steps.transaction():
        things.forget(steps, thing)
        own.note(steps, "column", thing.table, thing.column)
    log.info("Column %s.%s is back, retired since %s.", thing.table, thing.column, f"{thing.retired_at:%Y-%m-%d %H:%M}")


def refuse(steps: Steps, thing: Thing) -> None:
    """Raise RefusedError, before anything is touched, where it cannot come back."""
    _refuse_taken(steps, thing)
    table = sql.Identifier(thing.schema, thing.table).as_string()
    dependents.types_there(steps, thing, table, thing.stands_as)
    _refuse_nulls(steps, thing, "Nothing was changed.")
    dependents.look(steps, thing, {})


def _refuse_taken(steps: Steps, thing: Thing) -> None:
    assert thing.column is not None
    if columns.is_there(steps, thing.table, thing.column):
        raise RefusedError(
            f"Column {thing.column} of table {thing.table} cannot be restored: there is a column of that name.",
            f"Retire that one first: op.retire_column({thing.table!r}, {thing.column!r}). Nothing was changed.",
        )


def _refuse_nulls(steps: Steps, thing: Thing, where_it_stands: str) -> None:
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


def _fill(steps: Steps, thing: Thing, table: sql.Identifier, column: sql.Identifier, default: sql.Composable) -> None:
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
    back = sql.SQL(BACK).format(table=table, column=column, refused=things.REFUSED)
    other = things.other_direction(steps)
    definitions.printed(steps, "column", table, column)
    check, _ = nullability.check(table, column)
    steps.together(things.block(sql.SQL(TAKE_BACK).format(**names, direction=other, back=back, check=check)))
