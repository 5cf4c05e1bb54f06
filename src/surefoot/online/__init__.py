"""The online operations: `op.…` directives that block nobody for long and may be interrupted and run again.

Importing this package registers them with Alembic. The engine does that before it runs a revision, so that a revision
file imports nothing of the engine. An operation works in transactions of its own: the revision's transaction is
committed before it and a new one begins after it. Plain operations of the same revision must therefore be able to run
again (`if_not_exists=True`, `if_exists=True`).
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
import surefoot.online.rename.column_rename_operations
import surefoot.online.rename.table_rename_operations
import surefoot.online.retire.retire_operations  # noqa: F401
