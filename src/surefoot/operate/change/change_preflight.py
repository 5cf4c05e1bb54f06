"""What is looked at before a change: who migrates or holds a transaction, and whether a backup has room."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot.errors import RefusedError
from surefoot.operate.backup import backup_access
from surefoot.program import program, variable
from surefoot.readonly import read_connection
from surefoot.runtime import migrator_lock, preconditions
from surefoot.settings import Settings

LONG_SECONDS = 60
"""A transaction that is older holds up what waits for its table, and every index that is built concurrently."""

LONG_ONES = sa.text("""
    select pid,
           coalesce(nullif(application_name, ''), 'without a name') as application,
           usename as role,
           extract(epoch from clock_timestamp() - xact_start)::integer as seconds
      from pg_stat_activity
     where datname = current_database()
       and pid <> pg_backend_pid()
       and xact_start < clock_timestamp() - make_interval(secs => :least)
     order by xact_start
""")


def preflight(settings: Settings, url: URL, *, with_backup: bool) -> list[str]:
    """Sentences on what will make the change wait.

    Raises what would stop the change: RefusedError where row security hides rows or the disk has no room for the
    backup, UsageError where no program can make it, FailedError where rows may not be read.
    """
    with read_connection(url, f"{program()} preflight") as connection:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE if with_backup else preconditions.OURS)
        if with_backup:
            backup_access.programs(connection, url)
            backup_access.readable(connection)
            room(settings.backup_folder, connection)
        return list(_in_the_way(connection))


def _in_the_way(connection: Connection) -> Iterator[str]:
    holder = migrator_lock.holder(connection)
    if holder:
        yield f"Another migration of this database runs and will be waited for: {holder}."
    for row in connection.execute(LONG_ONES, {"least": LONG_SECONDS}):
        yield (
            f"pid {row.pid} (application {row.application}, role {row.role}) has had a transaction open for "
            f"{row.seconds} s: what it holds is waited for."
        )


def room(folder: Path, connection: Connection) -> None:
    """Raise RefusedError where the disk of `folder` has no room for a backup of the database."""
    size = int(connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one())
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise RefusedError(
            f"The database has {size / 1e9:.1f} GB and {there} only {free / 1e9:.1f} GB free: its backup may not fit.",
            f"Make room, set {variable('BACKUPS')} to another disk, or back up by other means and say --no-backup.",
        )
