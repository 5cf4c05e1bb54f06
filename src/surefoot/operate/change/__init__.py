"""Upgrade, rollback and purge with what surrounds them: plan, preflight, backup, the change itself, verification."""

from surefoot.operate.change.guarded_rollback import RollbackCost, roll_back, rollback_cost
from surefoot.operate.change.guarded_upgrade import ChangeResult, UpgradePlan, plan_upgrade, upgrade
from surefoot.operate.change.purge_retired import purge, purgeable

__all__ = [
    "ChangeResult",
    "RollbackCost",
    "UpgradePlan",
    "plan_upgrade",
    "purge",
    "purgeable",
    "roll_back",
    "rollback_cost",
    "upgrade",
]
