"""Setting a table aside in schema `retired`, and back: its name changes, its rows stay where they are on the disk."""

import logging
from collections.abc import Collection, Iterator
from functools import partial

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions, own_objects, retired_dependents
from surefoot.online.retire.retire_sql_parts import CONSTRAINT, LOCK, TRIGGER
from surefoot.online.retire.table_retirement_sql import PLACE, REASONS, SET_ASIDE
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.online.target_table import ALONE, alone

log = logging.getLogger("surefoot")

THERE = "select 1 where to_regclass(:name) is not null"
COLUMNS_TOO = sql.SQL("""
    update {}.things
       set schema_name = {},
           table_name = {}
     where what = 'column'
       and schema_name = {}
       and table_name = {}
""")


def retire(steps: Steps, table: str) -> None:
    """Set the table aside; nothing where an earlier, cut-off run of this revision has done it.

    Its rows, indexes, checks, sequences, policies and grants go along. Foreign keys from and to it and its triggers are
    dropped and recorded; what pointed to its rows keeps its values. Of a table without rows the definition is kept, and
    nothing else. Raises UsageError for a missing table, RefusedError for one that is partitioned or that a view, a
    function or another table's policy needs.
    """
    kept_definitions.note(steps, "table")
    done = not steps.offline and (retired(steps, table, back=False) or kept_definitions.kept(steps, "table", table))
    if done and (steps.direction != "unknown" or not is_there(steps, table)):
        return
    block = retired_registry.block(
        set_aside(
            table=sql.Literal(table),
            relation=sql.Literal(sql.Identifier(table).as_string()),
            names=sql.Literal(retired_registry.names(f"{table}_{steps.revision}")),
            revision=sql.Literal(steps.revision),
            direction=sql.Literal(steps.direction),
            rows=sql.Literal(retired_registry.counted(steps, table)),
        )
    )

    def work() -> None:
        with steps.transaction():
            for statement in (*retired_registry.SET_UP, block):
                steps.execute(statement)
            kept_definitions.keep(steps, "table", table)

    with retired_registry.understood():
        steps.repeat(work)


def set_aside(
    *, table: sql.Composable, relation: sql.Composable, whatever_needs_it: bool = False, **values: sql.Composable
) -> sql.Composed:
    """The body of the block; `table` is SQL for its name, `relation` for its quoted name, and so are the others.

    Nothing of what a revision may not do is refused where it goes `whatever_needs_it`: that follows the table.
    """
    refusals = _refusals(table, relation, going=(), parts=PLACE if whatever_needs_it else PLACE + REASONS)
    parts = {"lock": sql.SQL(LOCK), "constraint": sql.SQL(CONSTRAINT), "trigger": sql.SQL(TRIGGER)}
    return sql.SQL(SET_ASIDE).format(refusals=refusals, table=table, **parts, **values)


def check(steps: Steps, table: str, going: Collection[str]) -> None:
    """Refuse what `retire` would refuse, before anything is begun; `going` are tables that are retired before it."""
    if not steps.offline and retired(steps, table, back=False) is None:
        with retired_registry.understood():
            relation = sql.Identifier(table).as_string()
            refusals = _refusals(sql.Literal(table), sql.Literal(relation), going)
            steps.execute(retired_registry.block(sql.SQL("declare {} end ").format(refusals)))


def _refusals(
    table: sql.Composable, relation: sql.Composable, going: Collection[str], parts: str = PLACE + REASONS
) -> sql.Composed:
    return sql.SQL(parts).format(
        table=table,
        relation=relation,
        going=sql.Literal(sorted(going)),
        alone=ALONE,
        wrong=retired_registry.WRONG_USE,
        refused=retired_registry.REFUSED,
    )


def retired(steps: Steps, table: str, *, back: bool) -> RetiredItem | None:
    """The table of that name that this revision has set aside; see `retire_columns.retired`."""
    for thing in retired_registry.set_aside_by(steps, "table", table, back=back):
        place = thing.schema if thing.coming_back else SCHEMA
        if steps.look(THERE, name=sql.Identifier(place, thing.stands_as).as_string()):
            return thing
    return None


def restore(steps: Steps, table: str) -> bool:
    """Take back what the other direction of this revision retired; True where the table is there afterwards, as ours.

    That is also one that a cut-off run of this revision took back or made. Raises RefusedError, with nothing changed,
    where somebody else's has the name, another name is taken, a foreign key's other table is not there, or rows came
    meanwhile that point to nothing; the sentence counts them and shows how to find them.
    """
    thing = retired(steps, table, back=True)
    made = kept_definitions.make(steps, "table", table, None, thing)
    if made:
        thing = retired(steps, table, back=True)
    if thing is not None:
        if not thing.coming_back:
            with kept_definitions.unmade(steps, thing if made else None):
                _return(steps, thing)
        retired_dependents.validate(steps, thing)
        with steps.transaction():
            retired_registry.forget(steps, thing)
            own_objects.note(steps, "relation", table)
        log.info("Table %s is back, retired since %s.", thing.table, f"{thing.retired_at:%Y-%m-%d %H:%M}")
    retired_registry.tidy(steps)
    return thing is not None or own_objects.is_ours(steps, table)


def _return(steps: Steps, thing: RetiredItem) -> None:
    now = refuse(steps, thing)
    steps.repeat(partial(_swap, steps, thing, now))


def refuse(steps: Steps, thing: RetiredItem) -> dict[str, str]:
    """Raise RefusedError, before anything is touched, where it cannot come back; else what it is called at present."""
    aside = sql.Identifier(SCHEMA, thing.stands_as)
    alone(steps, aside, partition=False)
    now = present_name(steps, thing)
    for name in (thing.table, *(renamed["name"] for renamed in thing.definitions["renamed"])):
        if steps.look(THERE, name=sql.Identifier(thing.schema, name).as_string()):
            raise RefusedError(
                f"Table {thing.table} cannot be restored: there is a relation called {name} already.",
                "Retire, drop or rename that one, and run the same command again; nothing was changed.",
            )
    retired_dependents.types_there(steps, thing, aside.as_string())
    retired_dependents.look(steps, thing, now)
    return now


def present_name(steps: Steps, thing: RetiredItem) -> dict[str, str]:
    """What the retired table is called now, by the name that its definitions know it by."""
    plain = steps.look("select format('%I.%I', cast(:schema as text), cast(:name as text)) as name",
                       schema=SCHEMA, name=thing.stands_as)[0].name  # fmt: skip
    return {str(thing.definitions["relation"]): str(plain)}


def _swap(steps: Steps, thing: RetiredItem, now: dict[str, str]) -> None:
    with steps.transaction():
        retired_dependents.lock(steps, thing, now)
        for statement in names_back(thing):
            steps.execute(statement)
        retired_registry.coming_back(steps, thing)


def names_back(thing: RetiredItem) -> Iterator[sql.Composable | str]:
    """What gives a retired table its name back, with all that hung on it; rows are still to be read for that."""
    yield sql.SQL("alter table {} set schema {}").format(
        sql.Identifier(SCHEMA, thing.stands_as), sql.Identifier(thing.schema)
    )
    yield sql.SQL("alter table {} rename to {}").format(
        sql.Identifier(thing.schema, thing.stands_as), sql.Identifier(thing.table)
    )
    for renamed in thing.definitions["renamed"]:
        yield sql.SQL("alter {} {} rename to {}").format(
            sql.SQL(renamed["kind"]),
            sql.Identifier(thing.schema, renamed["stands_as"]),
            sql.Identifier(renamed["name"]),
        )
    yield from retired_dependents.statements(thing)
    yield COLUMNS_TOO.format(sql.Identifier(SCHEMA), thing.schema, thing.table, SCHEMA, thing.stands_as)


def is_there(steps: Steps, table: str) -> bool:
    """Whether there is a relation of that name."""
    return bool(steps.look(THERE, name=sql.Identifier(table).as_string()))
