"""DO blocks that commit on their way, as backfills are: on the copy they note what they hold before each commit."""

import re
from dataclasses import dataclass

import psycopg

from surefoot.operate.rehearse.value_hashes import SCHEMA

MAKE = f"""
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
LOOK = f"perform {SCHEMA}.look(); "
SEEN = f"""
    with gone as (delete from {SCHEMA}.seen returning relation, mode, held)
    select relation::bigint, mode, extract(epoch from max(held))::float, count(*) from gone group by relation, mode
"""  # noqa: S608  # a constant of ours
LOOKED = f"""
    with gone as (delete from {SCHEMA}.looked returning took)
    select coalesce(extract(epoch from sum(took)), 0)::float from gone
"""  # noqa: S608
COMMITS = re.compile(r"\s*do\b.*\bcommit\s*;", re.IGNORECASE | re.DOTALL)
COMMIT = re.compile(r"\bcommit\s*;", re.IGNORECASE)
END = re.compile(r"\bend\s*;?\s*(\$\w*\$[^$]*)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """A lock on a relation: the longest of its transactions, from their beginning, and how many they were."""

    relation: int
    mode: str
    seconds: float
    times: int


def noting(block: str) -> str:
    """The block with a look before each commit and before its end."""
    return END.sub(rf"{LOOK}end \1", COMMIT.sub(f"{LOOK}commit;", block))


def seen(driver: psycopg.Connection) -> tuple[list[Seen], float]:
    """What the last block noted, and the seconds that this took it; both are forgotten."""
    found = [Seen(row[0], row[1], row[2], row[3]) for row in driver.execute(SEEN).fetchall()]
    row = driver.execute(LOOKED).fetchone()
    return found, float(row[0]) if row else 0.0
