"""Find the rows whose values a change of types could not convert, or would truncate, before anything is changed."""

from psycopg import sql
from sqlalchemy.exc import DBAPIError

from surefoot.errors import RefusedError
from surefoot.online import violations
from surefoot.online.change_types.conversion import Change, Conversion
from surefoot.online.executor import Steps


def refuse_rows(steps: Steps, conversion: Conversion, *, closely: bool = False) -> None:
    """Raise RefusedError, with their number and keys, for rows whose value cannot be converted to the new type.

    All rows are evaluated in one query, and one by one only where that fails or with `closely`.
    """
    for change in conversion.changes:
        value, kind = conversion.value(change), sql.SQL(change.type)
        query = sql.SQL("select count({}::{}) as converted, count(*) filter (where {}) as lost from {}").format(
            value, kind, _lost(change, value, kind), conversion.table.identifier
        )
        try:
            fits = not steps.fetch(query)[0].lost and not closely
        except DBAPIError as fault:
            if not is_value_error(fault):
                raise
            fits = False
        if not fits:
            _refuse(steps, conversion, change)


def is_value_error(fault: DBAPIError) -> bool:
    """Return whether `fault` is about a value that a cast, a function, a domain or a constraint refuses.

    These are the SQLSTATE classes 21, 22, 23, 2F, 38 and P0.
    """
    return (getattr(fault.orig, "sqlstate", None) or "")[:2] in {"21", "22", "23", "2F", "38", "P0"}


def _lost(change: Change, value: sql.Composable, kind: sql.Composable) -> sql.Composable:
    """Return the condition for values that a cast would truncate, and that become NULL in a NOT NULL column."""
    conditions = [sql.SQL("({}::text <> {}::{}::text)").format(value, value, kind)] if _may_cut(change) else []
    if change.not_null:
        conditions.append(sql.SQL("({} is not null and {}::{} is null)").format(change.name, value, kind))
    return sql.SQL(" or ").join(conditions) if conditions else sql.SQL("false")


def _may_cut(change: Change) -> bool:
    return change.type.startswith(("character", "bit")) and "(" in change.type


def _refuse(steps: Steps, conversion: Conversion, change: Change) -> None:
    """Raise RefusedError for the rows that a function, which catches the error of each conversion, reports."""
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
        rows = violations.find(
            steps,
            conversion.table,
            sql.SQL("pg_temp.ourschool_unfit({}.*) is not null").format(conversion.table.identifier),
            change.label,
        )
    finally:
        steps.execute("drop function if exists pg_temp.ourschool_unfit")
    if rows is not None:
        count = "1 row" if rows.rows == 1 else f"{rows.rows} rows"
        raise RefusedError(
            f"The type of {change.label} cannot become {change.type}: {count} of {conversion.table.name} cannot be "
            f"converted by {change.using!r} ({rows.sample}).",
            "Correct these rows, or write an expression that says what becomes of them, and run the same command "
            "again; nothing was changed.",
        )
