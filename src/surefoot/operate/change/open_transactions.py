"""Transactions of others that have been open for long: statements that need their tables wait for them."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

LONG = 60
"""Seconds from which on a transaction is told, and waited for."""

OPEN = sa.text("""
    select pid,
           coalesce(nullif(application_name, ''), 'without a name') as application,
           usename as role,
           application_name like 'pg\\_dump%' as dumps,
           extract(epoch from clock_timestamp() - xact_start)::integer as seconds
      from pg_stat_activity
     where datname = current_database()
       and pid <> pg_backend_pid()
       and backend_type = 'client backend'
       and (application_name like 'pg\\_dump%' or xact_start < clock_timestamp() - make_interval(secs => :long))
     order by xact_start
""")


def find(connection: Connection) -> Iterator[str]:
    """Yield a clause for each session that dumps the database or has a transaction open for long."""
    for row in connection.execute(OPEN, {"long": LONG}):
        who = f"pid {row.pid} (application {row.application}, role {row.role})"
        yield f"{who} dumps the database" if row.dumps else f"{who} has had a transaction open for {row.seconds} s"
