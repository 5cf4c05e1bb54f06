"""Upgrade, rollback and purge with everything around them: plan, preflight, backup, the change itself, verification."""

from surefoot.operate.change.guarded_rollback import Cost, cost, roll_back
from surefoot.operate.change.guarded_upgrade import Done, Plan, plan, upgrade
from surefoot.operate.change.purge_retired import purge, purgeable

__all__ = ["Cost", "Done", "Plan", "cost", "plan", "purge", "purgeable", "roll_back", "upgrade"]
