"""Keep only the definition of a retired column, table or type that has no rows, and recreate it from that.

The definitions are in the table `migration_definitions` beside the journal: schema `retired` has what holds rows.
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
from surefoot.online.retire import kept_column_definitions_sql, kept_definitions_sql, kept_table_definitions_sql
from surefoot.online.retired_registry import RetiredItem

RETIRED_KINDS = "set_aside"
"""Key of the context's options under which `note_retirement` collects the kinds that the running revision retired."""
NEWEST = f"""
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


def note_retirement(steps: Steps, what: str, stands_as: str | None = None) -> None:
    """Note that the revision retires a column, table or type (`what`), for `blocks_at_end_of_revision`.

    `stands_as` is the name of a type in schema `retired`.

    It is not dropped before: the revision may still read what it has retired, even without rows.
    """
    if steps.direction != "unknown":
        steps.context.opts.setdefault(RETIRED_KINDS, set()).add((what, stands_as))


def keep_definition_if_empty(steps: Steps, what: str, table: str, column: str | None = None) -> None:
    """Outside of a revision, drop what was just retired and keep its definition, where its table has no rows.

    Call it in the transaction that retired it, which holds the lock.
    """
    if steps.direction == "unknown":
        which = sql.SQL("id = (select max(id) from retired.things where {})")
        steps.execute(
            _keep_block(what, which.format(_condition(steps, what, table, column, steps.direction)), empty=True)
        )


def blocks_at_end_of_revision(context: MigrationContext, revision: str, direction: str) -> list[str]:
    """Return the blocks that drop what the revision has retired and has no rows, and keep its definition.

    They belong into the revision's transaction, at its end. An item that could not be recreated exactly, or on which
    another object depends, stays retired.
    """
    which = sql.SQL("revision = {} and direction = {}").format(revision, direction)
    noted = context.opts.pop(RETIRED_KINDS, ())
    if not noted:
        return []
    kinds = {what for what, _ in noted}
    types = kept_definitions_sql.TYPES
    names = sorted(name for what, name in noted if what == "type" and not name.endswith(f"_{revision}"))
    also = sql.SQL("or typname in ({})").format(sql.SQL(", ").join(map(sql.Literal, names))) if names else sql.SQL("")
    return [
        *(_keep_block(what, which, empty=True) for what in ("column", "table") if what in kinds),
        retired_registry.do_block(sql.SQL(types).format(revision=revision, names_cut=also)),
    ]


def purge_block(what: str, item_id: int) -> str:
    """Return the block that drops a retired column or table with its rows and keeps its definition for a downgrade."""
    return _keep_block(what, sql.SQL("id = {}").format(item_id), empty=False)


def is_kept(steps: Steps, what: str, table: str, column: str | None = None) -> bool:
    """Return whether it was retired before, outside of a revision, and only its definition is left.

    A definition that a revision keeps is committed with the mark that the revision is done: one that exists while it
    runs is of an earlier run.
    """
    return steps.direction == "unknown" and _newest(steps, what, table, column, "unknown") is not None


def recreate(steps: Steps, what: str, table: str, column: str | None, item: RetiredItem | None) -> bool:
    """Recreate, without rows and as retired, what the other direction retired last; return whether that was done.

    Nothing is done where `item`, which is still retired, was the last. Raises RefusedError, with nothing changed, where
    the definition cannot be executed: a type is missing or a name is taken.
    """
    direction = retired_registry.opposite_direction(steps)
    newest = _newest(steps, what, table, column, direction)
    if newest is None or (item is not None and item.retired_at > newest.retired_at):
        return False
    retired_registry.forget_presence(steps)
    with retired_registry.translate_block_errors():
        steps.run_in_transaction(_recreate_block(steps, what, table, column))
    return True


def print_recreation(steps: Steps, what: str, table: str, column: str | None) -> None:
    """Print what `recreate` does, as a block for psql."""
    steps.execute(_recreate_block(steps, what, table, column))


@contextmanager
def removed_on_refusal(steps: Steps, item: RetiredItem | None) -> Iterator[None]:
    """Drop `item`, which `recreate` made, where the block raises RefusedError: it has no rows."""
    try:
        yield
    except RefusedError:
        if item is not None:
            retired_registry.forget_presence(steps)
            steps.run_in_transaction(purge_block(item.what, item.id))
        raise


def delete_definition(steps: Steps, what: str, table: str, column: str | None = None) -> None:
    """Delete the definitions that the other direction kept and this one did not need; offline print that."""
    direction = retired_registry.opposite_direction(steps)
    if steps.offline or _newest(steps, what, table, column, direction) is not None:
        which = _condition(steps, what, table, column, direction)
        retired_registry.forget_presence(steps)
        steps.run(
            retired_registry.do_block(
                sql.SQL(kept_definitions_sql.DELETE_DEFINITION).format(registry=sql.SQL(KEPT_DEFINITIONS), which=which)
            )
        )


def _newest(steps: Steps, what: str, table: str, column: str | None, direction: str) -> Any:
    if not retired_registry.is_present(steps, definitions=True):
        return None
    rows = steps.fetch(NEWEST, what=what, table=table, column=column, revision=steps.revision, direction=direction)
    return rows[0] if rows else None


def _condition(steps: Steps, what: str, table: str, column: str | None, direction: str) -> sql.Composed:
    return sql.SQL(
        "what = {} and table_name = {} and column_name is not distinct from {} and revision = {} and direction = {}"
    ).format(what, table, column, steps.revision, direction)


def _keep_block(what: str, which: sql.Composable, *, empty: bool) -> str:
    if what == "column":
        row, mine, alter = "place", "refobjsubid = place.attnum", "add column %1$I %2$s"
        describe, drop = kept_column_definitions_sql.COLUMN, kept_column_definitions_sql.DROP_COLUMN
    else:
        row, mine, alter = "field", "true", "alter column %1$I add"
        describe, drop = kept_table_definitions_sql.TABLE, kept_table_definitions_sql.DROP_TABLE
    parts = {
        "type": sql.SQL(kept_column_definitions_sql.TYPE).format(row=sql.SQL(row)),
        "traits": sql.SQL(kept_column_definitions_sql.TRAITS).format(row=sql.SQL(row)),
        "sequences": sql.SQL(kept_column_definitions_sql.SEQUENCES).format(column=sql.SQL(mine), alter=sql.SQL(alter)),
    }
    return retired_registry.do_block(
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


def _recreate_block(steps: Steps, what: str, table: str, column: str | None) -> str:
    which = _condition(steps, what, table, column, retired_registry.opposite_direction(steps))
    return retired_registry.do_block(
        sql.SQL(kept_definitions_sql.RECREATE).format(
            registry=sql.SQL(KEPT_DEFINITIONS),
            which=f" where {which.as_string()}",
            set_up=sql.SQL("".join(f"{statement};\n" for statement in retired_registry.SET_UP)),
            refused=retired_registry.REFUSED,
        )
    )
