"""A whole made-up school at the head schema: `seed(connection, Plan(...))`; for trying, showing and measuring."""

from ourschool.operate.seed.plan import LAST_DAY, Plan
from ourschool.operate.seed.seeding import seed
from ourschool.operate.seed.words import SeedMissing

__all__ = ["LAST_DAY", "Plan", "SeedMissing", "seed"]
