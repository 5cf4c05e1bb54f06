"""`surefoot work`: do after the deploy what revisions left for later, or pause and continue it."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot import maintenance_window
from surefoot.cli import INTERRUPTED
from surefoot.cli.context import log_to_stderr, settings_and_url
from surefoot.cli.options import DatabaseUrl, WindowOption
from surefoot.errors import CheckFailed, FailedError, UsageError
from surefoot.program import program

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from surefoot.operate.work.worker import Limits
    from surefoot.runtime.work_queue import Entry
    from surefoot.settings import Settings

POLL = 5.0
"""Seconds between two looks at a queue in which nothing is to do."""


def work(  # noqa: PLR0913, PLR0917  # an option each
    loop: Annotated[bool, typer.Option("--loop", help="Stay, and do what further upgrades leave.")] = False,
    window: WindowOption = None,
    pause: Annotated[str | None, typer.Option("--pause", metavar="NAME", help="Pause it; nothing is done.")] = None,
    again: Annotated[
        str | None,
        typer.Option("--continue", metavar="NAME", help="Queue it again, paused or failed; nothing is done."),
    ] = None,
    max_lag: Annotated[
        float | None, typer.Option("--max-lag", min=0.1, metavar="SECONDS", help="How far a replica may be behind: 10.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Do what revisions left for later with later=True: fill columns, build indexes.

    Example: surefoot work --window 22:00-05:00

    It gives way to users, replicas and upgrades, and may be stopped at any moment. Exit status 0 when nothing is left
    but what is paused, 1 where something failed, 4 where there is more to do.
    """
    # imported here, because the help does not need it
    from surefoot.operate.work import queue_states, worker  # noqa: PLC0415

    hours = maintenance_window.parse(window) if window is not None else None
    settings, url = settings_and_url(database_url)
    if pause is not None or again is not None:
        if pause is not None and again is not None:
            raise UsageError("--pause and --continue were given together.", "Give one of them.")
        queue_states.change_state(url, pause or again or "", paused=pause is not None, say=typer.echo)
        return
    log_to_stderr("surefoot")
    limits = worker.Limits(hours) if max_lag is None else worker.Limits(hours, max_lag)
    try:
        if loop:
            _stay(settings, url, limits)
        maintenance_window.wait_until_open(hours, lambda text: typer.echo(text, err=True))
        conclude(worker.work_off(settings, url, limits), limits)
    except KeyboardInterrupt:
        typer.echo(
            f"{program()}: Interrupted. What is done is kept: python -m {program()} work goes on there.", err=True
        )
        raise typer.Exit(INTERRUPTED) from None


def _stay(settings: "Settings", url: "URL", limits: "Limits") -> None:
    """Work whenever there is something to do, until Ctrl-C."""
    from surefoot.operate.work import worker  # noqa: PLC0415  # as above

    said = ""
    while True:
        maintenance_window.wait_until_open(limits.window, lambda text: typer.echo(text, err=True))
        try:
            worker.work_off(settings, url, limits)
            said = ""
        except FailedError as fault:  # another worker, a long upgrade, a server that is away: that passes
            if str(fault) != said:
                typer.echo(f"{program()}: {fault}", err=True)
                said = str(fault)
        time.sleep(POLL)


def conclude(queue: "tuple[Entry, ...]", limits: "Limits") -> None:
    """Print that nothing is left to do. Raises CheckFailed where something failed, FailedError where more is to do."""
    from surefoot.runtime import work_queue  # noqa: PLC0415  # as above

    failed = [each for each in queue if each.state == work_queue.FAILED]
    if failed:
        lines = "".join(f"\n  {each.name} of {each.revision}: {each.error}" for each in failed)
        raise CheckFailed(
            f"Not done, because something stands against it:{lines}",
            f"Correct what it names, then python -m {program()} work --continue {failed[0].name}, and work again.",
        )
    left = [each for each in queue if each.state in work_queue.TO_DO]
    if left:
        why = f"The window {limits.window} has ended" if limits.window_closed else "Not all could be done"
        raise FailedError(
            f"{why}: {', '.join(each.name for each in left)} is still to do. What is done is kept.",
            f"Run python -m {program()} work again; python -m {program()} status shows how far it is.",
        )
    paused = [each.name for each in queue if each.state == work_queue.PAUSED]
    typer.echo(f"Nothing to do but what is paused: {', '.join(paused)}." if paused else "Nothing is left to do.")
