"""Rows whose values a change of types would lose: found before anything is done, counted and named."""

from psycopg import sql
from sqlalchemy.exc import DBAPIError

from surefoot.errors import RefusedError
from surefoot.online import violations
from surefoot.online.change_types.conversion import Change, Conversion
from surefoot.online.executor import Steps
from surefoot.runtime import error_translation


def refuse_rows(steps: Steps, conversion: Conversion, *, closely: bool = False) -> None:
    """Raise RefusedError for rows whose value does not become one of the new type, counted and named.

    Evaluates all rows at once, and row for row only where that fails or `closely` is asked for.
    """
    for change in conversion.changes:
        value, kind = conversion.value(change), sql.SQL(change.type)
        query = sql.SQL("select count({}::{}) as converted, count(*) filter (where {}) as lost from {}").format(
            value, kind, _lost(change, value, kind), conversion.table.identifier
        )
        try:
            found = steps.execute(query)
            assert found is not None
            fits = not closely and not found.one().lost
        except DBAPIError as fault:
            if not unconvertible(fault):
                raise
            fits = False
        if not fits:
            _refuse(steps, conversion, change)


def unconvertible(fault: DBAPIError) -> bool:
    """Whether `fault` is about a value: what a cast, a function or a domain does not take."""
    return (getattr(fault.orig, "sqlstate", None) or "")[:2] in {"21", "22", "23", "2F", "38", "P0"}


def _lost(change: Change, value: sql.Composable, kind: sql.Composable) -> sql.Composable:
    """What is true of values that a cast would cut, and of those that become NULL where none may be."""
    conditions = [sql.SQL("({}::text <> {}::{}::text)").format(value, value, kind)] if _may_cut(change) else []
    if change.not_null:
        conditions.append(sql.SQL("({} is not null and {}::{} is null)").format(change.name, value, kind))
    return sql.SQL(" or ").join(conditions) if conditions else sql.SQL("false")


def _may_cut(change: Change) -> bool:
    return change.type.startswith(("character", "bit")) and "(" in change.type


def _refuse(steps: Steps, conversion: Conversion, change: Change) -> None:
    """Try row by row, by a function that catches what one of them raises."""
    null = sql.SQL("if ourschool_value is null and not ourschool_row.{} is null then return 'NULL'; end if;")
    body = sql.SQL("""
declare
    ourschool_value {type};
begin
    select {value} into ourschool_value from (select ourschool_row.*) as {table};
    {null}
    return null;
exception when others then
    return sqlerrm;
end
""").format(
        type=sql.SQL(change.type),
        value=conversion.value(change),
        table=conversion.table.identifier,
        null=null.format(change.name) if change.not_null else sql.SQL(""),
    )
    steps.execute(
        sql.SQL(
            "create or replace function pg_temp.ourschool_unfit(ourschool_row {}) returns text language plpgsql as {}"
        ).format(conversion.table.identifier, body.as_string())
    )
    try:
        found = violations.rows(
            steps,
            conversion.table,
            sql.SQL("pg_temp.ourschool_unfit({}.*) is not null").format(conversion.table.identifier),
            change.called,
        )
    finally:
        steps.execute("drop function if exists pg_temp.ourschool_unfit")
    if found is not None:
        count = "1 row" if found.rows == 1 else f"{found.rows} rows"
        raise RefusedError(
            f"The type of {change.called} cannot become {change.type}: {count} of {conversion.table.name} cannot be "
            f"converted by {change.using!r} ({found.sample}).",
            "Correct these rows, or write an expression that says what becomes of them, and run the same command "
            "again; nothing was changed.",
        )


def said(fault: DBAPIError) -> str:
    """The server's sentence alone."""
    return error_translation.primary_message(fault)
