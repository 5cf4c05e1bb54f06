"""A whole made-up school at the head schema: `seed(connection, Plan(...))`; for trying, showing and measuring."""

from ourschool.seed.plan import LAST_DAY, Plan
from ourschool.seed.seeding import seed
from ourschool.seed.words import SeedMissing

__all__ = ["LAST_DAY", "Plan", "SeedMissing", "seed"]
