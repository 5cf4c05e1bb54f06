"""What a repair sets aside, in the registry of what revisions retire: it can be listed, purged and brought back."""

import re
from collections.abc import Callable

from psycopg import sql

from ourschool.migrate.online import things
from ourschool.migrate.online.retire import columns, others, tables
from ourschool.operate.adopt.findings import Phase, Repair, Statement, decision, literal

NOTE = "somebody made it: set aside with all that is in it, if nothing looks for it by its name"
FUNCTION = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^"(]+))(?P<arguments>\(.*\))')
FEW = 9
"""Names that a person has to read in the repair."""
For = Callable[[str, str], str]
"""The revision for which something is set aside, from its table, if it hangs on one, and its name."""

SET_UP = "".join(f"{' '.join(statement.split())};\n" for statement in things.SET_UP)
COUNTED = """
declare
    rows_there bigint;
begin
    execute format('select count(*) from %I', the_table) into rows_there;
    {};
end
"""
TABLE = sql.SQL(COUNTED).format(
    tables.set_aside(
        table=sql.SQL("the_table"),
        relation=sql.SQL("quote_ident(the_table)"),
        names=sql.SQL("the_names"),
        revision=sql.SQL("the_revision"),
        direction=sql.Literal(things.FOR_OTHERS),
        rows=sql.SQL("rows_there"),
    )
)
COLUMN = sql.SQL(COUNTED).format(
    columns.body(
        table=sql.SQL("the_table"),
        relation=sql.SQL("quote_ident(the_table)"),
        column=sql.SQL("the_column"),
        names=sql.SQL("the_names"),
        views=sql.SQL("the_views"),
        sequences=sql.SQL("the_sequences"),
        revision=sql.SQL("the_revision"),
        direction=sql.Literal(things.FOR_OTHERS),
        rows=sql.SQL("rows_there"),
    )
)
OBJECT = others.set_aside(
    name=sql.SQL("the_name"),
    arguments=sql.SQL("the_arguments"),
    kind=sql.SQL("the_kind"),
    names=sql.SQL("the_names"),
    revision=sql.SQL("the_revision"),
    direction=sql.Literal(things.FOR_OTHERS),
)
FUNCTIONS = {
    "pg_temp.set_aside_table": ("the_table text, the_revision text, the_names text[]", TABLE),
    "pg_temp.set_aside_column": (
        "the_table text, the_column text, the_revision text, the_names text[], the_views text[], the_sequences text[]",
        COLUMN,
    ),
    "pg_temp.set_aside_object": (
        "the_kind text, the_name text, the_arguments text, the_revision text, the_names text[]",
        OBJECT,
    ),
}
"""By the name that the file calls it: what it takes and what it does."""


def table(name: str, revision: str) -> Repair:
    """A table with its rows, indexes and sequences; foreign keys from and to it and triggers are kept in writing."""
    free = _array(things.names(f"{name}_before_{revision}", most=FEW))
    call = f"select pg_temp.set_aside_table({literal(name)}, {literal(revision)}, {free});"
    return decision(NOTE, Statement(Phase.ASIDE, call), back=_back(revision))


def column(of: str, name: str, revision: str) -> Repair:
    """A column, in its table, with its values."""
    free = ", ".join(map(_array, columns.free_names(of, name, revision).values()))
    what = ", ".join(map(literal, (of, name, revision)))
    call = f"select pg_temp.set_aside_column({what}, {free});"
    note = "somebody added it: set aside with its values, if nothing uses it"
    return decision(note, Statement(Phase.ASIDE, call), back=_back(revision))


def other(kind: str, name: str, revision: str) -> Repair:
    """A view, function or whatever else; `name` has a function's arguments with it, as SQL."""
    found = FUNCTION.fullmatch(name) if kind in {"function", "procedure", "aggregate"} else None
    arguments = found["arguments"] if found else ""
    plain = (found["quoted"] or "").replace('""', '"') or found["plain"] if found else name
    what = ", ".join(map(literal, (kind, plain, arguments, revision)))
    call = f"select pg_temp.set_aside_object({what}, {_array(things.names(f'{plain}_before_{revision}', most=FEW))});"
    phase = Phase.PROGRAM_ASIDE if kind in {"view", "materialized view", "function", "procedure"} else Phase.ASIDE
    return decision(NOTE, Statement(phase, call), back=_back(revision))


def prepared(text: str) -> str:
    """What has to stand before `text`, so that it can set things aside; nothing where it does not."""
    used = {name: made for name, made in FUNCTIONS.items() if f"{name}(" in text}
    made = "".join(
        f"create function {name}({takes}) returns void language plpgsql as {things.block(body).removeprefix('do ')};\n"
        for name, (takes, body) in used.items()
    )
    return f"\n-- How things are set aside in schema retired.\n{SET_UP}{made}" if used else ""


def _array(names: list[str]) -> str:
    return f"array[{', '.join(map(literal, names))}]"


def _back(revision: str) -> str:
    return f"the way down past {revision} gives it its name and all that hung on it back"
