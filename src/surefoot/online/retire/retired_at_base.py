"""Hide displaced objects from the downgrade of the baseline, which takes all retired items for the project's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from surefoot.database import execute_verbatim
from surefoot.online import retired_registry

BEFORE_BASE = " before base"
"""Ends the revision of items that the downgrade of the baseline leaves: no upgrade restores them."""
COLUMNS = """
    what, schema_name, table_name, column_name, revision, direction, retired_at, retired_by, stands_as, readable_as,
    rows, bytes, definitions, coming_back
"""
HIDE = (
    "create table retired.of_others_meanwhile as"
    " select * from retired.things where direction = 'unknown' and what <> 'column' order by id",
    # items that somebody has dropped by hand, too
    """
    delete from retired.things
     where what <> 'column'
       and (direction = 'unknown' or to_regclass(format('retired.%I', stands_as)) is null)
    """,
)
SHOW = (
    *retired_registry.SET_UP,
    f"insert into retired.things ({COLUMNS}) select {COLUMNS} from retired.of_others_meanwhile",  # noqa: S608  # constants
    "drop table retired.of_others_meanwhile",
    retired_registry.DROP_IF_EMPTY,
)


@contextmanager
def hiding_displaced_items(context: MigrationContext) -> Iterator[None]:
    """Inside the block, `retired.things` has no displaced table or object, which no revision could judge.

    They stay set aside, in the transaction of the downgrade. The table that has their rows meanwhile also prevents that
    the schema is dropped.
    """
    connection = context.connection
    assert connection is not None
    if connection.scalar(sa.text("select to_regclass('retired.things')")) is None:
        yield
        return
    for statement in HIDE:
        execute_verbatim(connection, statement)
    yield
    for statement in SHOW:
        execute_verbatim(connection, statement)
