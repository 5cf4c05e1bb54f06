"""Lets DO blocks that commit on their way, as backfills do, record the locks they hold before each commit."""

import re
from dataclasses import dataclass

import psycopg

from surefoot.operate.rehearse.value_hashes import SCHEMA

SETUP = f"""
    create unlogged table {SCHEMA}.seen (relation oid, mode text, held interval);
    create unlogged table {SCHEMA}.looked (took interval);
    create function {SCHEMA}.look() returns void language plpgsql as $$
    declare
        started constant timestamptz := clock_timestamp();
    begin
        insert into {SCHEMA}.seen
        select l.relation, l.mode, started - transaction_timestamp()
          from pg_catalog.pg_locks l
         where l.pid = pg_backend_pid()
           and l.locktype = 'relation'
           and l.granted;
        insert into {SCHEMA}.looked values (clock_timestamp() - started);
    end
    $$
"""  # noqa: S608
RECORD_LOCKS = f"perform {SCHEMA}.look(); "
TAKE_LOCKS = f"""
    with gone as (delete from {SCHEMA}.seen returning relation, mode, held)
    select relation::bigint, mode, extract(epoch from max(held))::float, count(*) from gone group by relation, mode
"""  # noqa: S608  # a constant of ours
TAKE_OVERHEAD = f"""
    with gone as (delete from {SCHEMA}.looked returning took)
    select coalesce(extract(epoch from sum(took)), 0)::float from gone
"""  # noqa: S608
COMMITTING_BLOCK = re.compile(r"\s*do\b.*\bcommit\s*;", re.IGNORECASE | re.DOTALL)
COMMIT = re.compile(r"\bcommit\s*;", re.IGNORECASE)
END = re.compile(r"\bend\s*;?\s*(\$\w*\$[^$]*)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedLock:
    """A lock on a relation: the longest of its transactions in seconds, and the number of transactions that held it."""

    relation: int
    mode: str
    seconds: float
    times: int


def recording_locks(block: str) -> str:
    """Return the block with a call that records its locks before each COMMIT and before its END."""
    return END.sub(rf"{RECORD_LOCKS}end \1", COMMIT.sub(f"{RECORD_LOCKS}commit;", block))


def take_recorded(driver: psycopg.Connection) -> tuple[list[RecordedLock], float]:
    """Return the locks that the last block recorded, and the seconds that recording cost; both are deleted."""
    locks = [RecordedLock(row[0], row[1], row[2], row[3]) for row in driver.execute(TAKE_LOCKS).fetchall()]
    row = driver.execute(TAKE_OVERHEAD).fetchone()
    return locks, float(row[0]) if row else 0.0
