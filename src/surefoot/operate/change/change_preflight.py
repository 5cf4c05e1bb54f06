"""Checks before a change: other migrations and long transactions, readable rows, and disk space for the backup."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot.errors import RefusedError
from surefoot.operate import repack_leftovers, replication_notices
from surefoot.operate.backup import backup_access
from surefoot.operate.change import open_transactions
from surefoot.program import program, variable
from surefoot.readonly import read_connection
from surefoot.runtime import collation_versions, migrator_lock, preconditions, work_queue
from surefoot.settings import Settings


def preflight(settings: Settings, url: URL, *, with_backup: bool) -> list[str]:
    """Return a sentence for each session that the change waits for, and for what is not as it should be.

    That is who follows the server, what earlier upgrades have left for later, and outdated collations.
    Raises RefusedError if row security hides rows or the disk has no room for the backup, UsageError if no pg_dump can
    make it, and FailedError if the role may not read all rows.
    """
    with read_connection(url, f"{program()} preflight") as connection:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE if with_backup else preconditions.OURS)
        if with_backup:
            backup_access.find_pg_dump(connection, url)
            backup_access.require_readable(connection)
            require_disk_space(settings.backup_folder, connection)
        return list(_blockers(connection))


def _blockers(connection: Connection) -> Iterator[str]:
    for says, remedy in repack_leftovers.read(connection):
        yield f"{says}. {remedy}"
    for says, remedy in replication_notices.read(connection):
        yield f"{says[0].upper()}{says[1:]}. {remedy}"
    holder = migrator_lock.holder(connection)
    if holder:
        yield f"Another migration of this database runs and will be waited for: {holder}."
    left = [each.name for each in work_queue.read(connection) if each.is_open]
    if left:
        yield (
            f"An earlier upgrade has left {', '.join(left)} for later: a revision that needs it is refused until "
            f"python -m {program()} work has done it."
        )
    yield from map(str, collation_versions.find(connection))
    for clause in open_transactions.find(connection):
        yield f"{clause}: what it holds is waited for."


def require_disk_space(folder: Path, connection: Connection) -> None:
    """Raise RefusedError if the disk of `folder` has fewer bytes free than the database has."""
    size = int(connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one())
    folder = next(path for path in (folder, *folder.parents) if path.exists())  # a backup creates the rest
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RefusedError(
            f"The database has {size / 1e9:.1f} GB and {folder} only {free / 1e9:.1f} GB free: its backup may not fit.",
            f"Make room, set {variable('BACKUPS')} to another disk, or back up by other means and say --no-backup.",
        )
