"""What an operator should know before an upgrade of a server whose changes others follow: standbys and subscribers."""

from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim
from surefoot.runtime import lost_subscribers
from surefoot.wording import counted

# Whoever is no member of pg_monitor sees neither name nor address of a standby, but that it is there.
STANDBYS = """
select coalesce(nullif(application_name, ''), host(client_addr)) as name
  from pg_stat_replication
 where pid not in (select active_pid from pg_replication_slots where slot_type = 'logical' and active_pid is not null)
   and coalesce(state, '') <> 'backup'
 order by 1
"""


def read(connection: Connection) -> list[tuple[str, str]]:
    """Return sentence and remedy for the standbys of the server and for each publication of the database."""
    return [*_standbys(connection), *lost_subscribers.notices(connection)]


def _standbys(connection: Connection) -> list[tuple[str, str]]:
    rows = execute_verbatim(connection, STANDBYS).all()
    if not rows:
        return []
    named = ", ".join(dict.fromkeys(row.name for row in rows if row.name))
    servers = counted(len(rows), "standby server") + (f" ({named})" if named else "")
    return [(
        f"{servers} of this one: a lock that shuts out readers, however short, reaches them too. Who reads there at "
        "that moment holds up replay for max_standby_streaming_delay (30 s unless set), and is cancelled then, "
        "hot_standby_feedback or not",
        "Upgrade while nobody reads there for long, or send readers to this server meanwhile.",
    )]  # fmt: skip
