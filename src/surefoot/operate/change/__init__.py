"""Upgrade, rollback and purge with what surrounds them: plan, preflight, backup, the change itself, verification."""

from surefoot.operate.change.guarded_rollback import RollbackCost, roll_back, rollback_cost
from surefoot.operate.change.guarded_upgrade import ChangeResult, UpgradePlan, plan_upgrade, upgrade
from surefoot.operate.change.kept_files import KeptFiles, kept_files
from surefoot.operate.change.purge_retired import purge, purgeable

__all__ = [
    "ChangeResult",
    "KeptFiles",
    "RollbackCost",
    "UpgradePlan",
    "kept_files",
    "plan_upgrade",
    "purge",
    "purgeable",
    "roll_back",
    "rollback_cost",
    "upgrade",
]
