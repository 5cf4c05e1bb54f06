"""Retire a table to schema `retired`, and restore it: it is renamed, its rows are not copied."""

import logging
from collections.abc import Collection, Iterator
from functools import partial

from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import identifiers, retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions, own_objects, restore_checks, retired_dependents
from surefoot.online.retire.retire_sql_parts import REFUSAL_PARTS, SHARED, check_block
from surefoot.online.retire.table_retirement_sql import PLACE, REASONS, SET_ASIDE
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.online.target_table import refuse_inheritance

log = logging.getLogger("surefoot")

EXISTS = "select 1 where to_regclass(:name) is not null"
MOVE_RETIRED_COLUMNS = sql.SQL("""
    update {}.things
       set schema_name = {},
           table_name = {}
     where what = 'column'
       and schema_name = {}
       and table_name = {}
""")


def retire(steps: Steps, table: str) -> None:
    """Retire the table; do nothing where an interrupted run of this revision has done it.

    Its rows, indexes, CHECKs, sequences, policies and grants move with it. Foreign keys from and to it and its triggers
    are dropped and recorded; referencing columns keep their values. Outside of a revision a table without rows is
    dropped and only its definition kept. Raises UsageError for a missing table, RefusedError for one that is
    partitioned or on which a view, a function or another table's policy depends.
    """
    kept_definitions.note_retirement(steps, "table")
    done = not steps.offline and (
        find_retired(steps, table, by_opposite=False) or kept_definitions.is_kept(steps, "table", table)
    )
    if done and (steps.direction != "unknown" or not exists(steps, table)):
        return
    block = retired_registry.do_block(
        set_aside(
            table=sql.Literal(table),
            relation=sql.Literal(sql.Identifier(table).as_string()),
            names=sql.Literal(identifiers.candidate_names(f"{table}_{steps.revision}")),
            revision=sql.Literal(steps.revision),
            direction=sql.Literal(steps.direction),
            rows=sql.Literal(retired_registry.row_count_if_small(steps, table)),
        )
    )

    def work() -> None:
        with steps.transaction():
            retired_registry.set_up(steps)
            steps.execute(block)
            kept_definitions.keep_definition_if_empty(steps, "table", table)

    with retired_registry.translate_block_errors():
        steps.retry_on_lock(work)


def set_aside(
    *, table: sql.Composable, relation: sql.Composable, unconditional: bool = False, **values: sql.Composable
) -> sql.Composed:
    """Return the body of the block. Each value is an SQL expression, `relation` that of the quoted name of `table`.

    With `unconditional` no dependent object leads to a refusal: it follows the table.
    """
    refusals = _refusals(table, relation, going=(), parts=PLACE if unconditional else PLACE + REASONS)
    return sql.SQL(SET_ASIDE).format(refusals=refusals, table=table, **SHARED, **values)


def check(steps: Steps, table: str, going: Collection[str]) -> None:
    """Raise what `retire` would raise, without a change; do nothing offline.

    `going` are the tables that earlier operations of the revision retire: views on them are no reason to refuse.
    """
    if not steps.offline and find_retired(steps, table, by_opposite=False) is None:
        with retired_registry.translate_block_errors():
            relation = sql.Identifier(table).as_string()
            refusals = _refusals(sql.Literal(table), sql.Literal(relation), going)
            steps.execute(check_block(refusals))


def _refusals(
    table: sql.Composable, relation: sql.Composable, going: Collection[str], parts: str = PLACE + REASONS
) -> sql.Composed:
    return sql.SQL(parts).format(
        table=table,
        relation=relation,
        going=sql.Literal(sorted(going)),
        **REFUSAL_PARTS,
    )


def find_retired(steps: Steps, table: str, *, by_opposite: bool) -> RetiredItem | None:
    """Return the table of that name that this revision has retired; see `column_retirement.find_retired`."""
    for item in retired_registry.items_of_revision(steps, "table", table, by_opposite=by_opposite):
        schema = item.schema if item.coming_back else SCHEMA
        if steps.fetch(EXISTS, name=sql.Identifier(schema, item.stands_as).as_string()):
            return item
    return None


def restore(steps: Steps, table: str) -> bool:
    """Restore the table that the other direction of this revision retired; return whether the revision has it then.

    It also has a table that an interrupted run of it restored or created. Raises RefusedError, with nothing changed,
    where the name of the table or of one of its relations is taken, the other table of a foreign key is missing, or
    rows of it are orphaned; the message counts them and shows how to find them.
    """
    item = find_retired(steps, table, by_opposite=True)
    recreated = kept_definitions.recreate(steps, "table", table, None, item)
    if recreated:
        item = find_retired(steps, table, by_opposite=True)
    if item is not None:
        if not item.coming_back:
            with kept_definitions.removed_on_refusal(steps, item if recreated else None):
                _restore_with_dependents(steps, item)
        retired_dependents.validate(steps, item)
        with steps.transaction():
            retired_registry.delete_item(steps, item)
            own_objects.record_restored(steps, "relation", table)
        log.info("Table %s is back, retired since %s.", item.table, f"{item.retired_at:%Y-%m-%d %H:%M}")
    retired_registry.drop_if_empty(steps)
    return item is not None or own_objects.is_own(steps, table)


def _restore_with_dependents(steps: Steps, item: RetiredItem) -> None:
    names = check_restore(steps, item)
    steps.retry_on_lock(partial(_swap, steps, item, names))


def check_restore(steps: Steps, item: RetiredItem) -> dict[str, str]:
    """Raise RefusedError where the table cannot be restored; nothing is changed. Return its `current_names`."""
    retired_table = sql.Identifier(SCHEMA, item.stands_as)
    refuse_inheritance(steps, retired_table, partition=False)
    names = current_names(steps, item)
    for name in (item.table, *(renamed["name"] for renamed in item.definitions["renamed"])):
        if steps.fetch(EXISTS, name=sql.Identifier(item.schema, name).as_string()):
            raise RefusedError(
                f"Table {item.table} cannot be restored: there is a relation called {name} already.",
                "Retire, drop or rename that one, and run the same command again; nothing was changed.",
            )
    restore_checks.refuse_retired_types(steps, item, retired_table.as_string())
    restore_checks.refuse_conflicts(steps, item, names)
    return names


def current_names(steps: Steps, item: RetiredItem) -> dict[str, str]:
    """Map the quoted name that the definitions have for the table to the one that it has in schema `retired`."""
    plain = steps.fetch("select format('%I.%I', cast(:schema as text), cast(:name as text)) as name",
                       schema=SCHEMA, name=item.stands_as)[0].name  # fmt: skip
    return {str(item.definitions["relation"]): str(plain)}


def _swap(steps: Steps, item: RetiredItem, names: dict[str, str]) -> None:
    with steps.transaction():
        retired_dependents.lock_tables(steps, item, names)
        for statement in restore_statements(item):
            steps.execute(statement)
        retired_registry.mark_coming_back(steps, item)


def restore_statements(item: RetiredItem) -> Iterator[sql.Composable | str]:
    """Yield what moves a retired table back and makes its dependents again, which are to be validated after that."""
    yield sql.SQL("alter table {} set schema {}").format(
        sql.Identifier(SCHEMA, item.stands_as), sql.Identifier(item.schema)
    )
    yield sql.SQL("alter table {} rename to {}").format(
        sql.Identifier(item.schema, item.stands_as), sql.Identifier(item.table)
    )
    for renamed in item.definitions["renamed"]:
        yield sql.SQL("alter {} {} rename to {}").format(
            sql.SQL(renamed["kind"]),
            sql.Identifier(item.schema, renamed["stands_as"]),
            sql.Identifier(renamed["name"]),
        )
    yield from retired_dependents.recreate_statements(item)
    yield MOVE_RETIRED_COLUMNS.format(sql.Identifier(SCHEMA), item.schema, item.table, SCHEMA, item.stands_as)


def exists(steps: Steps, table: str) -> bool:
    """Return whether there is a relation of that name."""
    return bool(steps.fetch(EXISTS, name=sql.Identifier(table).as_string()))
