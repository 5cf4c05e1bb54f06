"""Repairs that retire an object in the same registry as revisions: it can be listed, purged and restored."""

import re
from collections.abc import Callable
from textwrap import dedent

from psycopg import sql

from surefoot.online import retired_registry
from surefoot.online.retire import column_retirement, displaced_objects, table_retirement
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, literal

NOTE = "somebody made it: set aside with all that is in it, if nothing looks for it by its name"
FUNCTION = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^"(]+))(?P<arguments>\(.*\))')
RevisionOf = Callable[[str, str], str]
"""Returns the revision for which an object is retired, from its table ("" if it belongs to none) and its name."""

SET_UP = "".join(f"{dedent(statement).strip()};\n" for statement in retired_registry.SET_UP)
COUNTED = """
declare
    rows_there bigint;
begin
    execute format('select count(*) from only %I', the_table) into rows_there;
    {};
end
"""
TABLE = sql.SQL(COUNTED).format(
    table_retirement.set_aside(
        table=sql.SQL("the_table"),
        relation=sql.SQL("quote_ident(the_table)"),
        names=sql.SQL("pg_temp.names(the_table || '_before_' || the_revision)"),
        revision=sql.SQL("the_revision"),
        direction=sql.Literal(retired_registry.DISPLACED),
        rows=sql.SQL("rows_there"),
        unconditional=True,
    )
)
COLUMN = sql.SQL(COUNTED).format(
    column_retirement.set_aside_body(
        table=sql.SQL("the_table"),
        relation=sql.SQL("quote_ident(the_table)"),
        column=sql.SQL("the_column"),
        names=sql.SQL("pg_temp.names('__retired_' || the_revision || '_' || the_column)"),
        views=sql.SQL("pg_temp.names(the_table || '_' || the_column || '_' || the_revision)"),
        sequences=sql.SQL("pg_temp.names(format('__retired_%s_%s_%s_seq', the_revision, the_table, the_column))"),
        revision=sql.SQL("the_revision"),
        direction=sql.Literal(retired_registry.DISPLACED),
        rows=sql.SQL("rows_there"),
        unconditional=True,
    )
)
OBJECT = displaced_objects.set_aside(
    name=sql.SQL("the_name"),
    arguments=sql.SQL("the_arguments"),
    kind=sql.SQL("the_kind"),
    names=sql.SQL("pg_temp.names(the_name || '_before_' || the_revision)"),
    revision=sql.SQL("the_revision"),
    direction=sql.Literal(retired_registry.DISPLACED),
)
NAMES = """
    select array_agg(case when octet_length(free) <= 63 then free
                          else substr(free, 1, (select max(fits) from generate_series(1, 54) as fits
                                                 where octet_length(substr(free, 1, fits)) <= 54))
                               || '_' || substr(encode(sha256(convert_to(free, 'UTF8')), 'hex'), 1, 8) end order by nth)
      from (select nth, said || case when nth > 1 then '_' || nth else '' end
              from generate_series(1, 50) as nth) as choice (nth, free)
"""
"""A query for the names that a retired object may get, first choice first."""
HEADING = """\
-- How it is done, which need not be read: what is set aside, and for which revision, stands below, behind
-- "Here ends how it is done".
"""
PROCEDURES = {
    "pg_temp.set_aside_table": ("the_table text, the_revision text", TABLE),
    "pg_temp.set_aside_column": ("the_table text, the_column text, the_revision text", COLUMN),
    "pg_temp.set_aside_object": ("the_kind text, the_name text, the_arguments text, the_revision text", OBJECT),
}
"""The parameters and the body of each procedure, by the name under which the file calls it."""


def table(name: str, revision: str) -> Repair:
    """Retire a table with its rows, indexes and sequences; its triggers and foreign keys are recorded as statements."""
    return decision(NOTE, _call("table", name, revision), undo=restored_by(revision))


def column(of: str, name: str, revision: str) -> Repair:
    """Retire a column inside its table, with its values."""
    note = "somebody added it: set aside with its values, if nothing uses it"
    return decision(note, _call("column", of, name, revision), undo=restored_by(revision))


def other(kind: str, name: str, revision: str) -> Repair:
    """Retire a view, function or any other object. The name of a function has its arguments with it, as SQL."""
    match = FUNCTION.fullmatch(name) if kind in {"function", "procedure", "aggregate"} else None
    arguments = match["arguments"] if match else ""
    plain = (match["quoted"] or "").replace('""', '"') or match["plain"] if match else name
    phase = Phase.PROGRAM_ASIDE if kind in {"view", "materialized view", "function", "procedure"} else Phase.ASIDE
    return decision(NOTE, _call("object", kind, plain, arguments, revision, phase=phase), undo=restored_by(revision))


def required_procedures(text: str) -> str:
    """Return the definitions of the procedures that `text` calls; empty if it calls none."""
    procedures = {name: bodies for name, bodies in PROCEDURES.items() if f"{name}(" in text}
    if not procedures:
        return ""
    block = retired_registry.do_block
    names = block(sql.SQL(NAMES)).removeprefix("do ")
    bodies = f"create function pg_temp.names(said text) returns text[] language sql as {names};\n" + "".join(
        f"create procedure {name}({parameters})\nlanguage plpgsql as {block(body).removeprefix('do ')};\n"
        for name, (parameters, body) in procedures.items()
    )
    return f"\n{HEADING}{SET_UP}{bodies}-- Here ends how it is done.\n"


def restored_by(revision: str) -> str:
    """Return the sentence that says what restores an object retired for the revision."""
    return f"the way down past {revision} gives it its name and all that hung on it back"


def _call(what: str, *arguments: str, phase: Phase = Phase.ASIDE) -> Statement:
    return Statement(phase, f"call pg_temp.set_aside_{what}({', '.join(map(literal, arguments))});")
