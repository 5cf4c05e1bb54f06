"""What was set aside without rows: its definition is kept, and the way back makes it again.

The definitions stand in `migration_definitions` beside the journal: schema `retired` holds what somebody may miss.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext
from psycopg import sql

from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.errors import RefusedError
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions_sql, kept_table_definitions_sql
from surefoot.online.retired_registry import RetiredItem

NOTED = "set_aside"
"""Key of the context's options: what kinds of things the revision that runs has set aside."""
FOUND = f"""
    select id, retired_at
      from {KEPT_DEFINITIONS}
     where what = :what
       and table_name = :table
       and column_name is not distinct from :column
       and revision = :revision
       and direction = :direction
     order by id desc
     limit 1
"""  # noqa: S608  # a constant of ours
THERE = f"select 1 where to_regclass('{KEPT_DEFINITIONS}') is not null"


def note(steps: Steps, what: str) -> None:
    """Note that the revision sets a column, table or type aside, for `kept_at_the_end`.

    Not before the end: a revision may read what it has set aside, empty or not.
    """
    if steps.direction != "unknown":
        steps.context.opts.setdefault(NOTED, set()).add(what)


def keep(steps: Steps, what: str, table: str, column: str | None = None) -> None:
    """Outside a revision: of what was just set aside keep the definition alone, where its table has no rows.

    In the transaction that set it aside and holds the lock.
    """
    if steps.direction == "unknown":
        which = sql.SQL("id = (select max(id) from retired.things where {})")
        steps.execute(_keep(what, which.format(_which(steps, what, table, column, steps.direction)), empty=True))


def kept_at_the_end(context: MigrationContext, revision: str, direction: str) -> list[str]:
    """The blocks that keep the definition alone of what the revision has set aside and what has no rows, at its end.

    In the revision's transaction. What could not be made again exactly, and what another object needs, is left where it
    is.
    """
    which = sql.SQL("revision = {} and direction = {}").format(revision, direction)
    noted = context.opts.pop(NOTED, ())
    blocks = [_keep(what, which, empty=True) for what in ("column", "table") if what in noted]
    return (
        [*blocks, retired_registry.block(sql.SQL(kept_definitions_sql.TYPES).format(revision=revision))]
        if noted
        else []
    )


def purged(what: str, thing: int) -> str:
    """The block that deletes a thing with its rows, and keeps its definition, so that the way back makes it empty."""
    return _keep(what, sql.SQL("id = {}").format(thing), empty=False)


def kept(steps: Steps, what: str, table: str, column: str | None = None) -> bool:
    """Whether it was set aside already, outside a revision, and only the definition is left.

    A revision's own is kept with the mark that the revision is done; one that is there when it runs is an older one.
    """
    return steps.direction == "unknown" and _found(steps, what, table, column, "unknown") is not None


def make(steps: Steps, what: str, table: str, column: str | None, thing: RetiredItem | None) -> bool:
    """Make what the other direction set aside last, empty and as if it had been set aside; True where it was made.

    Nothing where `thing`, which is set aside still, was the last. Raises RefusedError, with nothing changed, where the
    definition cannot be carried out: its type is not there, or a name is taken.
    """
    direction = retired_registry.other_direction(steps)
    found = _found(steps, what, table, column, direction)
    if found is None or (thing is not None and thing.retired_at > found.retired_at):
        return False
    with retired_registry.understood():
        steps.together(_make(steps, what, table, column))
    return True


def printed(steps: Steps, what: str, table: str, column: str | None) -> None:
    """What `make` does, as a block for psql."""
    steps.execute(_make(steps, what, table, column))


@contextmanager
def unmade(steps: Steps, thing: RetiredItem | None) -> Iterator[None]:
    """Take `thing`, which `make` made, away again where the way back is refused: it holds nothing of anybody's."""
    try:
        yield
    except RefusedError:
        if thing is not None:
            steps.together(purged(thing.what, thing.id))
        raise


def forget(steps: Steps, what: str, table: str, column: str | None = None) -> None:
    """Drop the definitions that nothing will ask for: the way back has come without them. In printed SQL as well."""
    direction = retired_registry.other_direction(steps)
    if steps.offline or _found(steps, what, table, column, direction) is not None:
        which = _which(steps, what, table, column, direction)
        steps.run(
            retired_registry.block(
                sql.SQL(kept_definitions_sql.FORGET).format(registry=sql.SQL(KEPT_DEFINITIONS), which=which)
            )
        )


def _found(steps: Steps, what: str, table: str, column: str | None, direction: str) -> Any:
    if not steps.look(THERE):
        return None
    rows = steps.look(
        FOUND, what=what, table=table, column=column, revision=steps.revision, direction=direction
    )  # fmt: skip
    return rows[0] if rows else None


def _which(steps: Steps, what: str, table: str, column: str | None, direction: str) -> sql.Composed:
    return sql.SQL(
        "what = {} and table_name = {} and column_name is not distinct from {} and revision = {} and direction = {}"
    ).format(what, table, column, steps.revision, direction)


def _keep(what: str, which: sql.Composable, *, empty: bool) -> str:
    if what == "column":
        row, mine, alter = "place", "refobjsubid = place.attnum", "add column %1$I %2$s"
        describe, drop = kept_definitions_sql.COLUMN, kept_definitions_sql.DROP_COLUMN
    else:
        row, mine, alter = "field", "true", "alter column %1$I add"
        describe, drop = kept_table_definitions_sql.TABLE, kept_table_definitions_sql.DROP_TABLE
    parts = {
        "type": sql.SQL(kept_definitions_sql.TYPE).format(row=sql.SQL(row)),
        "traits": sql.SQL(kept_definitions_sql.TRAITS).format(row=sql.SQL(row)),
        "sequences": sql.SQL(kept_definitions_sql.SEQUENCES).format(column=sql.SQL(mine), alter=sql.SQL(alter)),
    }
    return retired_registry.block(
        sql.SQL(kept_definitions_sql.KEEP).format(
            registry=sql.SQL(KEPT_DEFINITIONS),
            what=what,
            which=which,
            empty=empty,
            describe=sql.SQL(describe).format(**parts),
            drop=sql.SQL(drop),
            set_up=sql.SQL(kept_definitions_sql.SET_UP),
            tidy=sql.SQL(kept_definitions_sql.TIDY),
        )
    )


def _make(steps: Steps, what: str, table: str, column: str | None) -> str:
    which = _which(steps, what, table, column, retired_registry.other_direction(steps))
    return retired_registry.block(
        sql.SQL(kept_definitions_sql.MAKE).format(
            registry=sql.SQL(KEPT_DEFINITIONS),
            which=f" where {which.as_string()}",
            set_up=sql.SQL("".join(f"{statement};\n" for statement in retired_registry.SET_UP)),
            refused=retired_registry.REFUSED,
        )
    )
