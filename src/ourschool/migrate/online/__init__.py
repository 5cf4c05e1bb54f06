"""Online operations: `op.…` directives that never stall the school's users and may be cut off and run again.

Importing this package registers them with Alembic; env.py does, so a revision file imports nothing of ours. Each does
its work in transactions of its own, so the revision's transaction is committed before it and begun anew after it: plain
operations beside them must be able to run again too (`if_not_exists=True`, `if_exists=True`).
"""

from ourschool.migrate.online import (
    backfill,
    change_types,
    checks,
    enum_types,
    foreign_keys,
    indexes,
    not_null,
    retire,
    unfinished,
    unique,
)

__all__ = [
    "backfill",
    "change_types",
    "checks",
    "enum_types",
    "foreign_keys",
    "indexes",
    "not_null",
    "retire",
    "unfinished",
    "unique",
]
