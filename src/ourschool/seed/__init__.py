"""Fills a database at head with a made-up school, `seed(connection, Plan(...))`: for trials, demos and benchmarks."""

from ourschool.seed.plan import LAST_DAY, Plan
from ourschool.seed.seeding import seed
from ourschool.seed.words import SeedMissing

__all__ = ["LAST_DAY", "Plan", "SeedMissing", "seed"]
