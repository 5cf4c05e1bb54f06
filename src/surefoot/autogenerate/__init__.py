"""Autogenerate: write the difference between the models' and the database's catalogue as online operations.

This Alembic plugin replaces Alembic's own comparisons, which miss CHECK conditions, predicates, enum labels, triggers
and more, and whose operations block users. Both catalogues are complete, so that both directions are too.
"""

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult

from surefoot.autogenerate import compared_sides, docstring, model_differences, render
from surefoot.autogenerate.compared_sides import Direction
from surefoot.autogenerate.directives import Changes
from surefoot.autogenerate.revision_plan import plan
from surefoot.autogenerate.server_queries import ServerQueries

PLUGIN = "surefoot.autogenerate"
"""The name of the plugin, for Alembic's option `autogenerate_plugins`."""

__all__ = ["PLUGIN", "compare", "render"]


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Append to `upgrade_ops` the changes that make the database equal to the models; none where they are equal."""
    compared = model_differences.compared(context.migration_context)
    if compared.difference:
        connection = context.migration_context.connection
        assert connection is not None
        server = ServerQueries(connection)
        models = compared_sides.models(compared.expected, context.opts["target_metadata"])
        database = compared_sides.database(compared.database, connection)
        upgrade = plan(Direction(database, models, server), compared.difference, compared.models.extensions)
        downgrade = plan(Direction(models, database, server), compared.difference)
        upgrade_ops.ops.append(
            Changes(
                [change.operation for change in upgrade],
                [change.operation for change in downgrade],
                compared.difference.lines(),
                docstring.known_parts(upgrade, downgrade),
            )
        )
    return PriorityDispatchResult.CONTINUE


def _register() -> None:
    plugin = Plugin(PLUGIN)
    plugin.add_autogenerate_comparator(compare, "autogenerate")


_register()
