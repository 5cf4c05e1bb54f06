"""DDL for the objects that depend on a column or table, as more than one operation writes it."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import sqlalchemy as sa
from psycopg import sql

from surefoot.online.executor import LONG_LOCK_TIMEOUT, Statement, Steps

DROP_INDEX = sql.SQL("drop index concurrently if exists {}")
TRIGGER_MODES = {"D": "disable trigger", "R": "enable replica trigger", "A": "enable always trigger"}
"""By pg_trigger.tgenabled; a trigger that is simply enabled, O, needs no statement."""


def comment_on(target: sql.Composable, comment: str | None) -> Iterator[sql.Composed]:
    """Yield the COMMENT ON of `target`, such as `index "a"`; nothing where there is no comment."""
    if comment is not None:
        yield sql.SQL("comment on {} is {}").format(target, comment)


def set_trigger_mode(table: sql.Composable, name: sql.Identifier, enabled: str) -> Iterator[sql.Composed]:
    """Yield the ALTER TABLE that gives a trigger, just created, its pg_trigger.tgenabled."""
    if enabled in TRIGGER_MODES:
        yield sql.SQL("alter table {} {} {}").format(table, sql.SQL(TRIGGER_MODES[enabled]), name)


def unique_using_index(index: sql.Identifier, *, deferrable: bool, deferred: bool) -> sql.Composed:
    """Return the body of a unique constraint that takes over `index`."""
    timing = " deferrable initially deferred" if deferred else " deferrable" if deferrable else ""
    return sql.SQL("unique using index {}{}").format(index, sql.SQL(timing))


def build_index(steps: Steps, name: sql.Identifier, is_valid: Callable[[], bool | None], create: Statement) -> None:
    """Build an index by `create`, a CREATE INDEX CONCURRENTLY, unless a valid one is there; drop an INVALID one first.

    `is_valid` returns whether the index is valid, None where there is none. Raises IntegrityError where a unique index
    finds duplicates; what is left of the index is dropped then.
    """

    def work() -> None:
        valid = is_valid()
        if valid is False:
            steps.execute(DROP_INDEX.format(name))
        if not valid:
            steps.execute(create)

    try:
        with steps.lock_timeout(LONG_LOCK_TIMEOUT):
            steps.retry_on_lock(work)
    except sa.exc.IntegrityError:
        with suppress(sa.exc.DBAPIError):
            steps.run(DROP_INDEX.format(name), lock_timeout=LONG_LOCK_TIMEOUT)
        raise
