"""A chain whose second revision leaves a backfill and an index for later, and the queue as a test reads it."""

from pathlib import Path

from tests.support.databases import Database
from tests.surefoot.faults.runs import Run
from tests.surefoot.online.filling import table
from tests.surefoot.online.harness import empty, write

BACKFILL = "op.backfill('t', {'c': 'b'}, 'c is null', later=True)"
INDEX = "op.create_index_online('ix_t_b', 't', ['b'], later=True)"
DROP = "op.drop_index_online('ix_t_b', 't')"
DEFAULTS = "op.execute('alter table t alter column c set default 0')"
SLOW = (
    "create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return null; end $$",
    "create trigger slowly after update on t for each statement execute function slowly()",
)
"""Makes each batch last, and so the batches ever smaller, until the trigger is dropped."""
BUILDS = "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'CREATE INDEX%'"
HALF_DONE = "select from migration_queue where rows_done between 500 and 15000 and name = 't.c'"


def chain(database: Database, project: Path, *operations: str, rows: int = 3000) -> None:
    """The database is at one, with a table t of so many rows; two leaves `operations` for later."""
    table(database, rows=rows)
    write(empty(project), "one", None, "pass")
    write(project, "two", "one", "\n".join(operations or (DEFAULTS, BACKFILL, INDEX)), DROP)
    database.alembic("stamp", "one", cwd=project)


def queue(database: Database, columns: str = "name, state") -> list[tuple[object, ...]]:
    """The entries of the queue; none where there is no queue."""
    if database.value("select to_regclass('migration_queue')") is None:
        return []
    return database.rows(f"select {columns} from migration_queue order by id")


def unfilled(database: Database) -> object:
    return database.value("select count(*) from t where c is null")


def is_built(database: Database) -> bool:
    return bool(database.rows("select from pg_index where indexrelid = to_regclass('ix_t_b') and indisvalid"))


def work(database: Database, project: Path, *options: str, env: dict[str, str] | None = None) -> Run:
    return Run(database, "work", *options, program="ourschool", cwd=project, env=env)
