"""`surefoot upgrade`, `rollback` and `purge`: show the plan, ask for confirmation, back up, then change."""

import datetime as dt
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot import maintenance_window
from surefoot.cli.context import confirm, log_to_stderr, settings_and_url
from surefoot.cli.options import DatabaseUrl, WindowOption, Yes
from surefoot.errors import RefusedError
from surefoot.progress import command_steps
from surefoot.runtime import repeated_warnings
from surefoot.wording import counted, paragraph

if TYPE_CHECKING:
    from collections import Counter

    from surefoot.operate.change.guarded_rollback import RollbackCost
    from surefoot.operate.change.guarded_upgrade import ChangeResult, UpgradePlan

EMPTY_AFTER_PURGE = "A downgrade past their revisions makes their columns and tables again, empty."
DELETED = "Deleted; only the backup that is made first will have them:"
SET_ASIDE = "Kept in schema retired, where the application does not see it:"
LOGGERS = ("surefoot", "alembic.runtime.migration")
"""What tells a line for each revision."""


def upgrade(
    target: Annotated[str, typer.Argument(help="How far: head, or a revision.")] = "head",
    yes: Yes = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="You have backed up by other means.")] = False,
    window: WindowOption = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what is pending, ask, back up, apply, verify; stop at the first failure.

    Example: surefoot upgrade

    With --window it waits for its hour, then for quiet: no transaction older than a minute, no pg_dump, replicas near.
    When the window ends it stops between two revisions, with status 4 where there is more to do.
    """
    from surefoot.operate import change  # noqa: PLC0415  # the help does not need it
    from surefoot.runtime import stops  # noqa: PLC0415  # as above

    hours = maintenance_window.parse(window) if window is not None else None
    settings, url = settings_and_url(database_url)
    with stops.nothing_changed():
        plan = change.plan_upgrade(settings, url, target, with_backup=not no_backup)
    if plan.cut_off is not None:
        typer.echo(paragraph(plan.cut_off.sentence))
    if not plan.pending:
        typer.echo(f"Nothing to do: {plan.database} is at {' and '.join(plan.at)}.")
        if plan.newer:
            typer.echo(paragraph(plan.newer))
        return
    _show(plan)
    apply = f"Apply {counted(len(plan.pending), 'revision')} to {plan.database}"
    if plan.rehearsal:
        typer.echo(paragraph(f"! {plan.rehearsal}", "  ", "    "), err=yes)
        apply = f"The last rehearsal failed. {apply} all the same"
    confirm(f"{apply}?", yes=yes)
    log_to_stderr(*LOGGERS)
    with repeated_warnings.kept() as warnings, command_steps() as say:
        done = change.upgrade(settings, url, plan, with_backup=not no_backup, say=say, window=hours)
    _summary(done, warnings)


def rollback(
    target: Annotated[str, typer.Argument(help="-1, a revision, or base; <head>-1 of several heads.")],
    yes: Yes = False,
    with_kept_files: Annotated[
        bool,
        typer.Option("--with-kept-files", help="Run the files of newer revisions, from the database's journal."),
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Count what going back costs, ask (twice where it costs something), back up, go back.

    Example: surefoot rollback -1
    """
    from surefoot.operate import change  # noqa: PLC0415  # the help does not need it
    from surefoot.runtime import stops  # noqa: PLC0415  # as above

    settings, url = settings_and_url(database_url)
    with change.kept_files(settings, url) if with_kept_files else nullcontext() as kept:
        if kept is not None:
            typer.echo("Files that the journal keeps run here, with your rights on this machine:")
            for line in kept.listed():
                typer.echo(paragraph(line, "  ", "    "))
            confirm("Whoever may write the journal may have changed them. Run them?", yes=yes)
        with stops.nothing_changed():
            cost = change.rollback_cost(settings, url, target, kept)
        _confirm_cost(cost, yes=yes)
        log_to_stderr(*LOGGERS)
        with repeated_warnings.kept() as warnings, command_steps() as say:
            done = change.roll_back(settings, url, cost, kept, say=say)
    _summary(done, warnings)


def purge(
    older_than: Annotated[int, typer.Option("--older-than", min=0, metavar="DAYS", help="Days since set aside.")] = 365,
    yes: Yes = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Delete what revisions set aside long ago, after a backup.

    Example: surefoot purge --older-than 730
    """
    from surefoot.operate import change  # noqa: PLC0415  # the help does not need it

    settings, url = settings_and_url(database_url)
    found = change.purgeable(url, dt.timedelta(days=older_than))
    if not found:
        typer.echo(f"Nothing was set aside more than {older_than} days ago.")
        return
    for title, several in (
        ("With rows:", [each for each in found if each.holds_rows]),
        ("Without rows:", [each for each in found if not each.holds_rows]),
    ):
        if several:
            typer.echo(title)
        for each in several:
            typer.echo(paragraph(str(each), "  ", "    "))
    if any(each.recreatable for each in found):
        typer.echo(EMPTY_AFTER_PURGE)
    which = "this item" if len(found) == 1 else f"these {len(found):,} items"
    confirm(f"Delete {which} permanently? This cannot be undone.", yes=yes)
    with command_steps() as say:
        made, left = change.purge(settings, url, found, say=say)
    typer.echo(paragraph(f"Deleted {len(found) - len(left)}. The backup from before: {made.path}", "", "  "))
    if left:
        raise RefusedError(
            f"{len(left)} of {len(found)} were not deleted:" + "".join(f"\n  {each.name}: {why}" for each, why in left),
            "Drop or change what needs them, and run the same command again; the others are deleted.",
        )


def _show(plan: "UpgradePlan") -> None:
    typer.echo(f"{plan.database} is at {' and '.join(plan.at) or 'no revision'}; pending up to {plan.target}:")
    for each in plan.pending:
        before = "" if each.took is None else f", took {each.took:.1f} s before"
        rehearsed = each.rehearsed
        in_rehearsal = f", took {rehearsed.seconds:.1f} s in the rehearsal of {rehearsed.on}" if rehearsed else ""
        how = "online" if each.online else "one transaction"
        typer.echo(paragraph(f"{each.revision}  {each.message} ({how}{before}{in_rehearsal})", "  ", "    "))
    for warning in plan.warnings:
        typer.echo(paragraph(f"! {warning}", "  ", "    "))


def _confirm_cost(cost: "RollbackCost", *, yes: bool) -> None:
    """Show what going back costs, and ask. Raises RefusedError for no."""
    at, left = " and ".join(cost.at), " and ".join(cost.left) or cost.target
    typer.echo(f"{cost.database} goes back from {at} to {left}, {counted(len(cost.steps), 'revision')}:")
    for step in cost.steps:
        typer.echo(f"  {step}")
    if not cost.losses and not cost.deleted:
        typer.echo("No data is lost.")
    for title, several in ((DELETED, cost.deleted), (SET_ASIDE, cost.losses)):
        if several:
            typer.echo(title)
        for each in several:
            typer.echo(f"  {each}")
    confirm(f"Take back {counted(len(cost.steps), 'revision')} of {cost.database}?", yes=yes)
    if cost.deleted:
        confirm("The rows of these tables are deleted; only the backup will have them. Are you certain?", yes=yes)
    elif cost.losses:
        confirm("The application will not see what is listed above. Are you certain?", yes=yes)


def _summary(done: "ChangeResult", warnings: "Counter[str]") -> None:
    before, rows = sum(done.before.present.values()), sum(done.after.present.values())
    retired = max(sum(done.after.retired.values()) - sum(done.before.retired.values()), 0)
    deleted = f", {before - rows - retired:,} deleted" if done.revision == "base" else ""
    typer.echo(f"Done: at {done.revision} in {done.seconds:.1f} s.")
    typer.echo(f"Rows: {before:,} before, {rows:,} now, {retired:,} set aside{deleted}.")
    if done.backup is not None:
        typer.echo(paragraph(f"Backup from before: {done.backup.path}", "", "  "))
    for line in repeated_warnings.lines(warnings):
        typer.echo(paragraph(line.strip(), "  " if line.startswith(" ") else "", "    "))
