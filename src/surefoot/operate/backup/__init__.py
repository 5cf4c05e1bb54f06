"""Backups that prove themselves, and a restore that leaves the old database serving until the new one is right.

`backup` makes one, `backups` lists what there is, `verify` restores one for a trial, `prune` takes the old ones away,
`restore` puts one in the place of the database, `swap_in` and `drop_old` deal with what a restore set aside.
"""

from surefoot.operate.backup.backup_dump import backup
from surefoot.operate.backup.database_swap import ReplacedDatabase, aside, drop_old, swap_in
from surefoot.operate.backup.prune_backups import Rule, prune
from surefoot.operate.backup.restore_run import Restored, RestoreOptions, restore
from surefoot.operate.backup.store import Backup, backups, find, latest
from surefoot.operate.backup.verify_backup import Verified, verify, verify_files

__all__ = [
    "Backup",
    "ReplacedDatabase",
    "RestoreOptions",
    "Restored",
    "Rule",
    "Verified",
    "aside",
    "backup",
    "backups",
    "drop_old",
    "find",
    "latest",
    "prune",
    "restore",
    "swap_in",
    "verify",
    "verify_files",
]
