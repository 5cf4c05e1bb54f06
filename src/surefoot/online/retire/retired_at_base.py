"""The baseline's way down takes all that is set aside for the project's own; what others made is out of its sight."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from surefoot.database import execute_verbatim
from surefoot.online import retired_registry

BEFORE_BASE = " before base"
"""What the baseline's way down writes behind the revision of what stays: no way up takes that back."""
COLUMNS = """
    what, schema_name, table_name, column_name, revision, direction, retired_at, retired_by, stands_as, readable_as,
    rows, bytes, definitions, coming_back
"""
HIDE = (
    "create table retired.of_others_meanwhile as"
    " select * from retired.things where direction = 'unknown' and what <> 'column' order by id",
    # and what somebody has dropped by hand: nothing is left to judge
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
    retired_registry.TIDY,
)


@contextmanager
def left_to_others(context: MigrationContext) -> Iterator[None]:
    """Inside, `retired.things` has nothing that somebody else made and that no revision can judge: a view, a function.

    It stays set aside, in the transaction of the way down. The table that keeps it meanwhile also keeps the schema.
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
