"""Backups that prove that they can be restored, and a restore that keeps the old database until the new one is right.

`backup` makes a backup, `backups` lists them, `verify` restores one for a trial, `prune` deletes old ones, `restore`
replaces the database by one, `swap_in` and `drop_old` deal with the databases that a restore has set aside.
"""

from surefoot.operate.backup.backup_dump import backup
from surefoot.operate.backup.database_swap import drop_old, swap_in
from surefoot.operate.backup.manifest import Reason
from surefoot.operate.backup.prune_backups import Rule, prune
from surefoot.operate.backup.replaced_databases import ReplacedDatabase, list_replaced
from surefoot.operate.backup.restore_run import Restored, RestoreOptions, restore
from surefoot.operate.backup.store import Backup, backups, find, latest
from surefoot.operate.backup.verify_backup import Verified, verify, verify_files

__all__ = [
    "Backup",
    "Reason",
    "ReplacedDatabase",
    "RestoreOptions",
    "Restored",
    "Rule",
    "Verified",
    "backup",
    "backups",
    "drop_old",
    "find",
    "latest",
    "list_replaced",
    "prune",
    "restore",
    "swap_in",
    "verify",
    "verify_files",
]
