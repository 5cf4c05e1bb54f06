"""The guarded upgrade: what is pending, a backup, Alembic's own upgrade, and proof that it did what it should."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from alembic import command
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from ourschool.errors import AttentionError, OurSchoolError
from ourschool.migrate import faults
from ourschool.operate import alembic_here
from ourschool.operate.backup import Backup, backup
from ourschool.operate.change import accounting
from ourschool.operate.change.accounting import Rows
from ourschool.operate.change.preflight import preflight
from ourschool.operate.expected import built
from ourschool.operate.free_names import refuse_strangers
from ourschool.operate.looking import heads, look
from ourschool.operate.rehearse import kept
from ourschool.operate.status import journal
from ourschool.operate.status.revisions import Pending, line, pending
from ourschool.schema.difference import compare
from ourschool.schema.snapshot import take
from ourschool.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What an upgrade to `target` would do, and what it will have to wait for."""

    database: str
    at: tuple[str, ...]
    target: str
    pending: tuple[Pending, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """What was done: seconds, the backup made before it, and the rows before and after."""

    revision: str
    seconds: float
    backup: Backup | None
    before: Rows
    after: Rows


def plan(settings: Settings, url: URL, target: str = "head", *, with_backup: bool = True) -> Plan:
    """Look at what is pending up to `target`, and whether anything is in the way; nothing is changed.

    Raises UsageError for a target that is not there, RefusedError where a backup would not fit on the disk, or where
    something of somebody else's has a name that is about to be made.
    """
    script = alembic_here.script(settings)
    revision, wanted = reach(script, target)
    with look(url, "ourschool upgrade") as connection:
        at, took = heads(connection), journal.took(connection)
        todo = line(script, built.history(script), at).pending
        if at:  # what has tables and no revision is refused for that
            refuse_strangers(settings, url, connection, [each for each in todo if each.revision in wanted])
    rehearsed = kept.took(settings, url, todo)
    warnings = preflight(settings, url, with_backup=with_backup)
    return Plan(
        str(url.database), at, revision,
        tuple(pending(each, took, rehearsed) for each in todo if each.revision in wanted), tuple(warnings),
    )  # fmt: skip


def reach(script: ScriptDirectory, target: str) -> tuple[str, frozenset[str]]:
    """The revision that `target` means, and all that are behind it, itself included. Raises UsageError for none."""
    try:
        found = script.get_revision(target)
        assert found is not None
        behind = script.iterate_revisions(found.revision, "base", inclusive=True)
        return found.revision, frozenset(each.revision for each in behind)
    except CommandError as fault:
        raise faults.understood(fault, None) from fault


def upgrade(settings: Settings, url: URL, chosen: Plan, *, with_backup: bool = True, say: Say = lambda _: None) -> Done:
    """Back up, upgrade to the plan's target, and prove catalogue and rows; stops at the first failure.

    Raises what the backup raises (nothing was changed then), what a migration raises, with the way to restore in its
    remedy, and AttentionError where the upgrade ran but the database is not what it should be.
    """
    with look(url, "ourschool upgrade") as connection:
        before, drifted = accounting.count(connection), set(_drift(settings, url, chosen.at))
    made = backup(settings, url, say=say) if with_backup else None
    back = f"To go back to where it was: python -m ourschool restore {made.name}" if made else "No backup was made."
    started = time.perf_counter()
    say(f"Upgrading to {chosen.target}")
    try:
        with alembic_here.configured(settings, url, application_name="ourschool upgrade") as config:
            command.upgrade(config, chosen.target)
    except OurSchoolError as fault:
        raise type(fault)(fault.message, f"{fault.remedy} {back}") from fault
    seconds = time.perf_counter() - started
    say("Verifying")
    with look(url, "ourschool upgrade") as connection:
        after = accounting.count(connection)
    wrong = [*(each for each in _drift(settings, url, (chosen.target,)) if each not in drifted)]
    wrong += accounting.missing(before, after)
    if wrong:
        lines = "".join(f"\n  {each}" for each in wrong)
        raise AttentionError(
            f"The upgrade to {chosen.target} ran to its end, but not all is as it should be:{lines}",
            f"Rows may have been deleted by people who worked meanwhile; look at each line. {back}",
        )
    return Done(chosen.target, seconds, made, before, after)


def _drift(settings: Settings, url: URL, at: tuple[str, ...]) -> list[str]:
    """What sets the database apart from what its one revision makes."""
    if len(at) != 1:
        return []
    expected = built.catalogue(settings, url, at[0])
    with look(url, "ourschool upgrade") as connection:
        return [str(each) for each in compare(expected, take(connection)).deviations]
