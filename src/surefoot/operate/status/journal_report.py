"""What `migration_journal` tells: when each revision ran, how long, by whom, and how it ended."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.runtime.journal import table

EXISTS = sa.text("select to_regclass('migration_journal') is not null")
TOOK = sa.text("""
    select revision,
           extract(epoch from percentile_disc(0.5) within group (order by duration))::float as seconds
      from migration_journal
     where direction = 'upgrade'
       and outcome = 'done'
     group by revision
""")


@dataclass(frozen=True)
class Ran:
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


def rows(connection: Connection) -> list[Ran]:
    """All of the journal, oldest first; nothing where there is none."""
    if not connection.execute(EXISTS).scalar_one():
        return []
    names = ("revision", "direction", "outcome", "started_at", "duration", "database_user", "client_user",
             "client_host", "package_version", "note", "error", "statement")  # fmt: skip
    found = connection.execute(sa.select(*(table.c[name] for name in names)).order_by(table.c.id))
    return [
        Ran(**{name: value for name, value in row.items() if name != "duration"},
            seconds=row["duration"].total_seconds())
        for row in found.mappings()
    ]  # fmt: skip


def took(connection: Connection) -> dict[str, float]:
    """Seconds that each revision took on its way up, the median of its good runs."""
    if not connection.execute(EXISTS).scalar_one():
        return {}
    return {row.revision: row.seconds for row in connection.execute(TOOK)}
