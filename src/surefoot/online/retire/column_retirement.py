"""Setting one column aside in its own table, and back: a new name and a row in `retired.things`, nothing is copied."""

from collections.abc import Iterator

from psycopg import sql

from surefoot.catalogue.reader import RETIRED_PREFIX
from surefoot.online import retired_registry
from surefoot.online.executor import Steps
from surefoot.online.retire import kept_definitions
from surefoot.online.retire.column_retirement_sql import PLACE, REASONS, SET_ASIDE
from surefoot.online.retire.retire_sql_parts import CONSTRAINT, INDEX, LOCK, TRIGGER
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.online.target_table import ALONE

PREFIX = RETIRED_PREFIX
"""Of every retired column's name; `schema.snapshot` and autogenerate leave out what begins like this."""


COLUMN = """
    select 1
      from pg_attribute
     where attrelid = to_regclass(:name)
       and attname = :column
       and attnum > 0
       and not attisdropped
"""


def retire(steps: Steps, table: str, column: str) -> None:
    """Set the column aside in a transaction of its own; nothing where this revision has done it, in a cut-off run.

    Of a column of a table without rows the definition is kept, and nothing else.
    A column of that name that is there all the same is a new one, which comes later in the revision. Raises as
    `set_aside` does, with nothing changed.
    """
    kept_definitions.note(steps, "column")
    done = not steps.offline and (
        retired(steps, table, column, back=False) or kept_definitions.kept(steps, "column", table, column)
    )
    if done and (steps.direction != "unknown" or not is_there(steps, table, column)):
        return
    rows = retired_registry.counted(steps, table)

    def work() -> None:
        with steps.transaction():
            set_aside(steps, table, column, rows=rows)
            kept_definitions.keep(steps, "column", table, column)

    steps.repeat(work)


def is_there(steps: Steps, table: str, column: str) -> bool:
    """Whether the table has a column of that name."""
    return bool(steps.look(COLUMN, name=sql.Identifier(table).as_string(), column=column))


def retired(steps: Steps, table: str, column: str, *, back: bool) -> RetiredItem | None:
    """The column of that name that this revision has set aside, the newest where it did so more than once.

    With `back` one that the other direction set aside, to be taken back now (in a downgrade: what the upgrade retired);
    without, one that this direction has retired already, in a run that was cut off. One whose column is gone, because
    somebody dropped or purged it, does not count.
    """
    for thing in retired_registry.set_aside_by(steps, "column", table, column, back=back):
        home = sql.Identifier(thing.schema, thing.table).as_string()
        if steps.look(COLUMN, name=home, column=thing.stands_as):
            return thing
    return None


def set_aside(steps: Steps, table: str, column: str, *, rows: int | None = None) -> None:
    """Set one column aside in place, inside an open `steps.transaction()`; short, nothing is scanned or copied.

    The column is renamed to `__retired_<revision>_<column>` (a number follows where this revision did it before), its
    NOT NULL is lifted and its default dropped, so that inserts go on without it. Indexes, unique constraints, checks,
    foreign keys from and to it, and triggers on it alone are dropped, their definitions recorded in `retired.things`
    for the way back; sequences get out of the way by name. A view `retired.<table>_<column>_<revision>` shows key and
    value. An identity or generated column goes on filling itself. `rows` is the count where it is known.

    Takes ACCESS EXCLUSIVE on the table and on each that a foreign key joins to it by this column. Runs `SET_UP` itself.
    Offline it is printed as one block. Raises UsageError for a missing table or column, and RefusedError for a column
    of a primary key, partition key or exclusion constraint, or one that a view, policy, function, generated column or
    a trigger about other columns too needs; the transaction is to be rolled back then. `retired(steps, …, back=False)`
    tells what was made.
    """
    with retired_registry.understood():
        for statement in (*retired_registry.SET_UP, set_aside_block(steps, table, column, rows)):
            steps.execute(statement)


def set_aside_block(steps: Steps, table: str, column: str, rows: int | None = None) -> str:
    """The DO block of `set_aside`, which needs `things.SET_UP` before it."""
    return retired_registry.block(
        body(
            table=sql.Literal(table),
            relation=sql.Literal(sql.Identifier(table).as_string()),
            column=sql.Literal(column),
            revision=sql.Literal(steps.revision),
            direction=sql.Literal(steps.direction),
            rows=sql.Literal(rows),
            whatever_needs_it=False,
            **{part: sql.Literal(choice) for part, choice in free_names(table, column, steps.revision).items()},
        )
    )


def body(
    *,
    table: sql.Composable,
    relation: sql.Composable,
    column: sql.Composable,
    whatever_needs_it: bool,
    **values: sql.Composable,
) -> sql.Composed:
    """The body of the block; each value is SQL, `relation` for the quoted name of `table`.

    Nothing of what a revision may not do is refused where it goes `whatever_needs_it`: that follows the column.
    """
    parts = {"lock": LOCK, "constraint": CONSTRAINT, "index": INDEX, "trigger": TRIGGER}
    return sql.SQL(SET_ASIDE).format(
        refusals=_refusals(table, relation, column, asked=False, parts=PLACE if whatever_needs_it else PLACE + REASONS),
        table=table,
        column=column,
        **{name: sql.SQL(text) for name, text in parts.items()},
        **values,
    )


def free_names(table: str, column: str, revision: str) -> dict[str, list[str]]:
    """What the column, its view and its sequences may be called when it is set aside, first choice first."""
    return {
        "names": retired_registry.names(f"{PREFIX}{revision}_{column}"),
        "views": retired_registry.names(f"{table}_{column}_{revision}"),
        "sequences": retired_registry.names(f"{PREFIX}{revision}_{table}_{column}_seq"),
    }


def take_back(steps: Steps, thing: RetiredItem) -> None:
    """Give a retired column its name back, inside an open `steps.transaction()`; short, the inverse of `set_aside`.

    The view goes, column and sequences have their names again, the row in `retired.things` is deleted. What hung
    on the column is *not* made again: its definitions are in `thing.definitions` (each written with the retired name,
    so make it before this), its NOT NULL and default too. The name must be free: set the present column aside first.
    Call `things.tidy(steps)` after the transaction, so that an empty `retired.things` goes as well.
    """
    name_back(steps, thing)
    retired_registry.forget(steps, thing)


def name_back(steps: Steps, thing: RetiredItem) -> None:
    """`take_back`, but for the row in `retired.things`."""
    for statement in names_back(thing):
        steps.execute(statement)


def names_back(thing: RetiredItem) -> Iterator[sql.Composed]:
    """What gives a retired column and its sequences their names back."""
    assert thing.column is not None
    yield sql.SQL("drop view if exists {}").format(sql.Identifier(SCHEMA, thing.readable_as))
    yield sql.SQL("alter table {} rename column {} to {}").format(
        sql.Identifier(thing.schema, thing.table), sql.Identifier(thing.stands_as), sql.Identifier(thing.column)
    )
    for sequence in thing.definitions["sequences"]:
        yield sql.SQL("alter sequence {} rename to {}").format(
            sql.Identifier(thing.schema, sequence["stands_as"]), sql.Identifier(sequence["name"])
        )


def check(steps: Steps, table: str, column: str) -> None:
    """Refuse what `set_aside` would refuse, before anything is begun; offline nothing can be seen.

    Where a run that was cut off has set it aside already, a column of that name is a new one, which stays.
    """
    if not steps.offline and retired(steps, table, column, back=False) is None:
        with retired_registry.understood():
            relation = sql.Identifier(table).as_string()
            refusals = _refusals(sql.Literal(table), sql.Literal(relation), sql.Literal(column), asked=True)
            steps.execute(retired_registry.block(sql.SQL("declare {} end ").format(refusals)))


def _refusals(
    table: sql.Composable,
    relation: sql.Composable,
    column: sql.Composable,
    *,
    asked: bool,
    parts: str = PLACE + REASONS,
) -> sql.Composed:
    return sql.SQL(parts).format(
        table=table,
        column=column,
        relation=relation,
        alone=ALONE,
        asked=sql.Literal(asked),
        wrong=retired_registry.WRONG_USE,
        refused=retired_registry.REFUSED,
    )
