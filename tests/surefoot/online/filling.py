"""Tables to backfill, whatever their key, and a chain of revisions that does."""

from pathlib import Path

from tests.support.databases import Database
from tests.surefoot.online.harness import empty, write

KEYS = {
    "integer": "id integer primary key",
    "uuid": "id uuid primary key default gen_random_uuid()",
    "text": "id text primary key default md5(random()::text)",
    "composite": "a integer not null, id text not null, primary key (id, a)",
    "unique index": "id integer not null unique",
    "timestamp": "id timestamptz primary key",
}
FILL = {
    "integer": "insert into t (id, b) select n, n from generate_series(1, {}) as n",
    "composite": "insert into t (a, id, b) select n, n % 7, n from generate_series(1, {}) as n",
    "timestamp": "insert into t (id, b) select now() + n * interval '1 s', n from generate_series(1, {}) as n",
    "unique index": "insert into t (id, b) select -n, n from generate_series(1, {}) as n",
}


def table(database: Database, key: str = "integer", rows: int = 3000) -> None:
    database.execute(
        f"create table t ({KEYS[key]}, b integer, c integer, n numeric(6, 1), j json)",
        FILL.get(key, "insert into t (b) select n from generate_series(1, {}) as n").format(rows),
    )


def chain(database: Database, project: Path) -> None:
    """Revision two fills the table; the database stands at one."""
    write(empty(project), "one", None, "pass")
    write(project, "two", "one", "op.backfill('t', {'c': 'b'}, 'c is null and b is not null')")
    database.alembic("stamp", "one", cwd=project)
