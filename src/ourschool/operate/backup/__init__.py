"""Backups that prove themselves, and a restore that leaves the old database serving until the new one is right.

`backup` makes one, `backups` lists what there is, `verify` restores one for a trial, `prune` takes the old ones away,
`restore` puts one in the place of the database, `swap_in` and `drop_old` deal with what a restore set aside.
"""

from ourschool.operate.backup.dumping import backup
from ourschool.operate.backup.pruning import Rule, prune
from ourschool.operate.backup.restoring import How, Restored, restore
from ourschool.operate.backup.stored import Backup, backups, find, latest
from ourschool.operate.backup.swapping import Aside, aside, drop_old, swap_in
from ourschool.operate.backup.verifying import Verified, verify, verify_files

__all__ = [
    "Aside",
    "Backup",
    "How",
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
