"""Reads `migration_journal`: when each revision ran, for how long, by whom, and with which outcome."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.runtime.journal import table

EXISTS = sa.text("select to_regclass('migration_journal') is not null")
MEDIAN_SECONDS = sa.text("""
    select revision,
           extract(epoch from percentile_disc(0.5) within group (order by duration))::float as seconds
      from migration_journal
     where direction = 'upgrade'
       and outcome = 'done'
     group by revision
""")


@dataclass(frozen=True)
class JournalEntry:
    """One row of the journal."""

    revision: str
    direction: str
    outcome: str
    started_at: dt.datetime
    seconds: float
    database_user: str
    client_user: str
    client_host: str
    package_version: str
    note: str | None
    error: str | None
    statement: str | None


def entries(connection: Connection) -> list[JournalEntry]:
    """Return all rows of the journal, oldest first; an empty list if the database has no journal."""
    if not connection.execute(EXISTS).scalar_one():
        return []
    names = ("revision", "direction", "outcome", "started_at", "duration", "database_user", "client_user",
             "client_host", "package_version", "note", "error", "statement")  # fmt: skip
    result = connection.execute(sa.select(*(table.c[name] for name in names)).order_by(table.c.id))
    return [
        JournalEntry(**{name: value for name, value in row.items() if name != "duration"},
            seconds=row["duration"].total_seconds())
        for row in result.mappings()
    ]  # fmt: skip


def median_seconds(connection: Connection) -> dict[str, float]:
    """Return the median duration in seconds of the successful upgrades to each revision, by revision."""
    if not connection.execute(EXISTS).scalar_one():
        return {}
    return {row.revision: row.seconds for row in connection.execute(MEDIAN_SECONDS)}
