"""Retire a column in its own table, and give it its name back: it is renamed and recorded, nothing is copied."""

from collections.abc import Iterator

from psycopg import sql

from surefoot.catalogue.reader import RETIRED_PREFIX
from surefoot.online import identifiers, retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions
from surefoot.online.retire.column_retirement_sql import PLACE, REASONS, SET_ASIDE
from surefoot.online.retire.retire_sql_parts import REFUSAL_PARTS, SHARED, check_block
from surefoot.online.retired_registry import SCHEMA, RetiredItem

PREFIX = RETIRED_PREFIX
"""Begins every retired column's name; the catalogue reader and autogenerate skip such columns."""

COLUMN = """
    select 1
      from pg_attribute
     where attrelid = to_regclass(:name)
       and attname = :column
       and attnum > 0
       and not attisdropped
"""


def retire(steps: Steps, table: str, column: str) -> None:
    """Retire the column in a transaction of its own; do nothing where an interrupted run of this revision has done it.

    A column of that name that exists even so is a new one, which the revision adds later. Outside of a revision the
    column of a table without rows is dropped and only its definition kept. Raises as `set_aside` does.
    """
    kept_definitions.note_retirement(steps, "column")
    done = not steps.offline and (
        find_retired(steps, table, column, by_opposite=False)
        or kept_definitions.is_kept(steps, "column", table, column)
    )
    if done and (steps.direction != "unknown" or not exists(steps, table, column)):
        return
    rows = retired_registry.row_count_if_small(steps, table)

    def work() -> None:
        with steps.transaction():
            set_aside(steps, table, column, rows=rows)
            kept_definitions.keep_definition_if_empty(steps, "column", table, column)

    steps.retry_on_lock(work)


def exists(steps: Steps, table: str, column: str) -> bool:
    """Return whether the table has a column of that name; False offline."""
    return bool(steps.fetch(COLUMN, name=sql.Identifier(table).as_string(), column=column))


def find_retired(steps: Steps, table: str, column: str, *, by_opposite: bool) -> RetiredItem | None:
    """Return the column of that name that this revision has retired, the newest where there are several.

    With `by_opposite` one that the other direction retired and this one may restore; otherwise one that this direction
    retired already, in an interrupted run. An item whose column was dropped or purged since does not count.
    """
    for item in retired_registry.items_of_revision(steps, "column", table, column, by_opposite=by_opposite):
        home = sql.Identifier(item.schema, item.table).as_string()
        if steps.fetch(COLUMN, name=home, column=item.stands_as):
            return item
    return None


def set_aside(steps: Steps, table: str, column: str, *, rows: int | None = None) -> None:
    """Retire one column in place, inside an open `steps.transaction()`; no row is read or copied.

    The column is renamed to `__retired_<revision>_<column>` (with a number where that name is taken) and loses NOT NULL
    and default, so that inserts go on without it. Its indexes, unique constraints, CHECKs, foreign keys from and to it,
    and triggers on it alone are dropped, their definitions recorded in `retired.things`; its sequences are renamed. The
    view `retired.<table>_<column>_<revision>` shows key and value. An identity or generated column goes on filling
    itself. `rows` is the row count to record; None records reltuples.

    Takes ACCESS EXCLUSIVE on the table and on each that a foreign key joins to it by this column. Creates the registry.
    Offline it is printed as one block. Raises UsageError for a missing table or column, and RefusedError for a column
    of a primary key, partition key or exclusion constraint, or one on which a view, policy, function, generated column
    or a trigger on other columns too depends; the transaction has to be rolled back then.
    """
    with retired_registry.translate_block_errors():
        retired_registry.set_up(steps)
        steps.execute(set_aside_block(steps, table, column, rows))


def set_aside_block(steps: Steps, table: str, column: str, rows: int | None = None) -> str:
    """Return the DO block of `set_aside`, which needs `retired_registry.SET_UP` before it."""
    return retired_registry.do_block(
        set_aside_body(
            table=sql.Literal(table),
            relation=sql.Literal(sql.Identifier(table).as_string()),
            column=sql.Literal(column),
            revision=sql.Literal(steps.revision),
            direction=sql.Literal(steps.direction),
            rows=sql.Literal(rows),
            unconditional=False,
            **{part: sql.Literal(choice) for part, choice in free_names(table, column, steps.revision).items()},
        )
    )


def set_aside_body(
    *,
    table: sql.Composable,
    relation: sql.Composable,
    column: sql.Composable,
    unconditional: bool,
    **values: sql.Composable,
) -> sql.Composed:
    """Return the body of the block. Each value is an SQL expression, `relation` that of the quoted name of `table`.

    With `unconditional` no dependent object leads to a refusal: it follows the column.
    """
    parts = PLACE if unconditional else PLACE + REASONS
    refusals = _refusals(table, relation, column, before_revision=False, parts=parts)
    return sql.SQL(SET_ASIDE).format(refusals=refusals, table=table, column=column, **SHARED, **values)


def free_names(table: str, column: str, revision: str) -> dict[str, list[str]]:
    """Return candidate names of the retired column, its view and its sequences, the preferred ones first."""
    return {
        "names": identifiers.candidate_names(f"{PREFIX}{revision}_{column}"),
        "views": identifiers.candidate_names(f"{table}_{column}_{revision}"),
        "sequences": identifiers.candidate_names(f"{PREFIX}{revision}_{table}_{column}_seq"),
    }


def restore_name(steps: Steps, item: RetiredItem) -> None:
    """Give a retired column its name back and delete its item, inside an open `steps.transaction()`.

    Its dependents are *not* made again, nor its default and NOT NULL: `item.definitions` has them, written with the
    retired name, so that they have to be made before. The name must be free. Call `retired_registry.drop_if_empty`
    after the transaction.
    """
    rename_back(steps, item)
    retired_registry.delete_item(steps, item)


def rename_back(steps: Steps, item: RetiredItem) -> None:
    """Give a retired column its name back, and keep its item."""
    for statement in rename_statements(item):
        steps.execute(statement)


def rename_statements(item: RetiredItem) -> Iterator[sql.Composed]:
    """Yield what drops the view of a retired column and gives the column and its sequences their names back."""
    assert item.column is not None
    yield sql.SQL("drop view if exists {}").format(sql.Identifier(SCHEMA, item.readable_as))
    yield sql.SQL("alter table {} rename column {} to {}").format(
        sql.Identifier(item.schema, item.table), sql.Identifier(item.stands_as), sql.Identifier(item.column)
    )
    for sequence in item.definitions["sequences"]:
        yield sql.SQL("alter sequence {} rename to {}").format(
            sql.Identifier(item.schema, sequence["stands_as"]), sql.Identifier(sequence["name"])
        )


# The `--sql` form of `rename_statements`, for the block that `column_restoration` prints.
PRINTED_RENAME = """\
            execute format('drop view if exists retired.%I', held.readable_as);
            execute format('alter table %s rename column %I to %I', held.home, held.stands_as, {column});
            for each in select jsonb_array_elements(hung -> 'sequences') loop
                execute format('alter sequence %I.%I rename to %I',
                               held.schema_name, each ->> 'stands_as', each ->> 'name');
            end loop;"""


def check(steps: Steps, table: str, column: str) -> None:
    """Raise what `set_aside` would raise, without a change; do nothing offline.

    Where an interrupted run has retired the column already, a column of that name is a new one, which stays.
    """
    if not steps.offline and find_retired(steps, table, column, by_opposite=False) is None:
        with retired_registry.translate_block_errors():
            relation = sql.Identifier(table).as_string()
            refusals = _refusals(sql.Literal(table), sql.Literal(relation), sql.Literal(column), before_revision=True)
            steps.execute(check_block(refusals))


def _refusals(
    table: sql.Composable,
    relation: sql.Composable,
    column: sql.Composable,
    *,
    before_revision: bool,
    parts: str = PLACE + REASONS,
) -> sql.Composed:
    return sql.SQL(parts).format(
        table=table,
        column=column,
        relation=relation,
        before_revision=sql.Literal(before_revision),
        **REFUSAL_PARTS,
    )
