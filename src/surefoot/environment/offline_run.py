"""A command in offline mode (`--sql`): its steps are printed for psql, with neither a connection nor a lock."""

from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from surefoot import private_members
from surefoot.database import RELIED_ON
from surefoot.environment import revision_wrapper
from surefoot.project import Project
from surefoot.runtime.migration_plan import Plan


@dataclass(frozen=True)
class OfflineRun:
    """What online operations need of their run in offline mode: the plan, which knows the current revision."""

    plan: Plan


def prepare_offline(context: MigrationContext, project: Project) -> None:
    """Wrap the steps of `context` and give online operations an OfflineRun, because names contain the revision's id.

    First prints a SET, by which the printed SQL fails where row security would hide rows from the role that runs it.
    """
    context.impl.static_output(f"SET row_security = {RELIED_ON['row_security']};")
    command = private_members.steps_of_command(context)
    plan = Plan(command, prepare=lambda steps, plan: revision_wrapper.wrap_steps(steps, context, plan, project))
    private_members.replace_steps(context, plan)
    context.opts["run"] = OfflineRun(plan)
