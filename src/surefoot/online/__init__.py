"""Online operations: `op.…` directives that never stall the users and may be cut off and run again.

Importing this package registers them with Alembic; env.py does, so a revision file imports nothing of ours. Each does
its work in transactions of its own, so the revision's transaction is committed before it and begun anew after it: plain
operations beside them must be able to run again too (`if_not_exists=True`, `if_exists=True`).
"""

import surefoot.online.backfill.operation
import surefoot.online.change_types.operation
import surefoot.online.constraints.check_constraints
import surefoot.online.constraints.foreign_keys
import surefoot.online.constraints.not_null
import surefoot.online.constraints.unique_constraints
import surefoot.online.enums.enum_operations
import surefoot.online.indexes.index_builder
import surefoot.online.placeholders
import surefoot.online.retire.retire_operations  # noqa: F401
