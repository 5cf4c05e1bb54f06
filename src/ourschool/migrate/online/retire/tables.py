"""Setting a table aside in schema `retired`, and back: its name changes, its rows stay where they are on the disk."""

import logging
from functools import partial

from psycopg import sql

from ourschool.errors import RefusedError
from ourschool.migrate.online import things
from ourschool.migrate.online.retire import dependents
from ourschool.migrate.online.retire.parts_sql import CONSTRAINT, LOCK, TRIGGER
from ourschool.migrate.online.retire.tables_sql import REFUSALS, SET_ASIDE
from ourschool.migrate.online.steps import Steps
from ourschool.migrate.online.tables import ALONE, alone
from ourschool.migrate.online.things import SCHEMA, Thing

log = logging.getLogger("ourschool.migrate")

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
    dropped and recorded; what pointed to its rows keeps its values. Raises UsageError for a missing table, RefusedError
    for one that is partitioned or that a view, a function or another table's policy needs.
    """
    done = not steps.offline and retired(steps, table, back=False)
    if done and (steps.direction != "unknown" or not _there(steps, table)):
        return
    block = things.block(
        sql.SQL(SET_ASIDE).format(
            refusals=_refusals(table),
            lock=sql.SQL(LOCK),
            constraint=sql.SQL(CONSTRAINT),
            trigger=sql.SQL(TRIGGER),
            table=table,
            names=things.names(f"{table}_{steps.revision}"),
            revision=steps.revision,
            direction=steps.direction,
            rows=things.counted(steps, table),
        )
    )
    with things.understood():
        steps.together(*things.SET_UP, block)


def retired(steps: Steps, table: str, *, back: bool) -> Thing | None:
    """The table of that name that this revision has set aside; see `retire_columns.retired`."""
    for thing in things.set_aside_by(steps, "table", table, back=back):
        place = thing.schema if thing.coming_back else SCHEMA
        if steps.look(THERE, name=sql.Identifier(place, thing.stands_as).as_string()):
            return thing
    return None


def restore(steps: Steps, table: str) -> bool:
    """Take back what the other direction of this revision retired; True where the table is there afterwards.

    Raises RefusedError, with nothing changed, where a name is taken, a foreign key's other table is not there, or rows
    came meanwhile that point to nothing; the sentence counts them and shows how to find them.
    """
    thing = retired(steps, table, back=True)
    if thing is not None:
        if not thing.coming_back:
            _return(steps, thing)
        dependents.validate(steps, thing)
        with steps.transaction():
            things.forget(steps, thing)
        log.info("Table %s is back, retired since %s.", thing.table, f"{thing.retired_at:%Y-%m-%d %H:%M}")
    things.tidy(steps)
    return _there(steps, table)


def _return(steps: Steps, thing: Thing) -> None:
    aside = sql.Identifier(SCHEMA, thing.stands_as)
    alone(steps, aside, partition=False)
    plain = steps.look("select format('%I.%I', cast(:schema as text), cast(:name as text)) as name",
                       schema=SCHEMA, name=thing.stands_as)[0].name  # fmt: skip
    now = {str(thing.definitions["relation"]): str(plain)}
    for name in (thing.table, *(renamed["name"] for renamed in thing.definitions["renamed"])):
        if steps.look(THERE, name=sql.Identifier(thing.schema, name).as_string()):
            raise RefusedError(
                f"Table {thing.table} cannot be restored: there is a relation called {name} already.",
                "Retire, drop or rename that one, and run the same command again; nothing was changed.",
            )
    dependents.types_there(steps, thing, aside.as_string())
    dependents.look(steps, thing, now)
    steps.repeat(partial(_swap, steps, thing, aside, now))


def _swap(steps: Steps, thing: Thing, aside: sql.Identifier, now: dict[str, str]) -> None:
    home = sql.Identifier(thing.schema)
    with steps.transaction():
        dependents.lock(steps, thing, now)
        steps.execute(sql.SQL("alter table {} set schema {}").format(aside, home))
        steps.execute(
            sql.SQL("alter table {} rename to {}").format(
                sql.Identifier(thing.schema, thing.stands_as), sql.Identifier(thing.table)
            )
        )
        for renamed in thing.definitions["renamed"]:
            steps.execute(
                sql.SQL("alter {} {} rename to {}").format(
                    sql.SQL(renamed["kind"]),
                    sql.Identifier(thing.schema, renamed["stands_as"]),
                    sql.Identifier(renamed["name"]),
                )
            )
        for statement in dependents.statements(thing):
            steps.execute(statement)
        steps.execute(COLUMNS_TOO.format(sql.Identifier(SCHEMA), thing.schema, thing.table, SCHEMA, thing.stands_as))
        things.coming_back(steps, thing)


def _there(steps: Steps, table: str) -> bool:
    return bool(steps.look(THERE, name=sql.Identifier(table).as_string()))


def _refusals(table: str) -> sql.Composed:
    return sql.SQL(REFUSALS).format(
        table=table,
        relation=sql.Identifier(table).as_string(),
        alone=ALONE,
        wrong=things.WRONG_USE,
        refused=things.REFUSED,
    )
