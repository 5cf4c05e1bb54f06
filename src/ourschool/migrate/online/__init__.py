"""Online operations: `op.…` directives that never stall the school's users and may be cut off and run again.

Importing this package registers them with Alembic; env.py does, so a revision file imports nothing of ours. Each does
its work in transactions of its own, so the revision's transaction is committed before it and begun anew after it: plain
operations beside them must be able to run again too (`if_not_exists=True`, `if_exists=True`).
"""

import ourschool.migrate.online.backfill.operation
import ourschool.migrate.online.change_types.operation
import ourschool.migrate.online.constraints.checks
import ourschool.migrate.online.constraints.foreign_keys
import ourschool.migrate.online.constraints.not_null
import ourschool.migrate.online.constraints.unique
import ourschool.migrate.online.enums.operations
import ourschool.migrate.online.indexes.building
import ourschool.migrate.online.retire.operations
import ourschool.migrate.online.unfinished  # noqa: F401
