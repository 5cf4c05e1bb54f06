"""Upgrade, rollback and purge with everything around them: plan, preflight, backup, the change itself, verification."""

from ourschool.operate.change.purging import doomed, purge
from ourschool.operate.change.rolling_back import Cost, cost, roll_back
from ourschool.operate.change.upgrading import Done, Plan, plan, upgrade

__all__ = ["Cost", "Done", "Plan", "cost", "doomed", "plan", "purge", "roll_back", "upgrade"]
