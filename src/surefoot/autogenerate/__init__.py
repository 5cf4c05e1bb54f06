"""What `alembic revision --autogenerate` writes: the catalogue difference, as operations that nobody notices.

An Alembic plugin in the place of its own comparisons: those miss CHECK texts, predicates, labels, triggers and more,
and write operations that stall. Both catalogues are complete, so what is written is complete, in both directions.
"""

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult

from surefoot.autogenerate import compared_sides, docstring, model_differences, render
from surefoot.autogenerate.compared_sides import Way
from surefoot.autogenerate.directives import Changes
from surefoot.autogenerate.revision_plan import plan
from surefoot.autogenerate.server_queries import Facts

PLUGIN = "surefoot.autogenerate"
"""What env.py gives to `autogenerate_plugins`."""

__all__ = ["PLUGIN", "compare", "render"]


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Fill `upgrade_ops` with what makes the database what the models say; nothing where they agree."""
    compared = model_differences.of(context.migration_context)
    if compared.difference:
        connection = context.migration_context.connection
        assert connection is not None
        facts = Facts(connection)
        models = compared_sides.models(compared.expected, context.opts["target_metadata"])
        database = compared_sides.database(compared.found, connection)
        upgrade = plan(Way(database, models, facts), compared.difference)
        downgrade = plan(Way(models, database, facts), compared.difference)
        upgrade_ops.ops.append(
            Changes(
                [change.operation for change in upgrade],
                [change.operation for change in downgrade],
                compared.difference.lines(),
                docstring.filled(upgrade, downgrade),
            )
        )
    return PriorityDispatchResult.CONTINUE


def _register() -> None:
    plugin = Plugin(PLUGIN)
    plugin.add_autogenerate_comparator(compare, "autogenerate")


_register()
