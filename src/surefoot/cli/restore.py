"""`surefoot restore`: puts a backup in the place of the database, lists and drops the databases kept from before."""

from typing import Annotated

import typer
from sqlalchemy.engine import URL

from surefoot import database
from surefoot.cli.backup import Jobs
from surefoot.cli.context import confirm, print_json, settings_and_plain_url
from surefoot.cli.options import AsJson, DatabaseUrl, Yes
from surefoot.errors import UsageError
from surefoot.operate.backup import (
    Backup,
    Restored,
    RestoreOptions,
    drop_old,
    find,
    list_replaced,
    restore,
    restore_run,
    swap_in,
)
from surefoot.operate.backup.server_facts import name_of
from surefoot.program import program
from surefoot.progress import command_steps
from surefoot.runtime import stops
from surefoot.settings import Settings
from surefoot.wording import paragraph, size

AS_IT_WAS = "The database is as it was."


def restore_backup(  # noqa: PLR0913, PLR0917  # an argument for each option
    wanted: Annotated[
        str | None, typer.Argument(metavar="[BACKUP]", help="A name of the list, a folder, or latest.")
    ] = None,
    into: Annotated[
        str | None, typer.Option("--into", metavar="NAME", help="A new database beside; nothing is swapped.")
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Inside the old database, in one transaction.")] = False,
    disconnect: Annotated[bool, typer.Option("--disconnect", help="End the sessions of others.")] = False,
    yes: Yes = False,
    old: Annotated[bool, typer.Option("--old", help="List what restores have set aside.")] = False,
    swap: Annotated[
        str | None, typer.Option("--swap-in", metavar="NAME", help="Put one of these in the place.")
    ] = None,
    drop: Annotated[str | None, typer.Option("--drop-old", metavar="NAME", help="Drop one of these.")] = None,
    as_json: AsJson = False,
    jobs: Jobs = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Put a backup in the place of the database.

    Example: surefoot restore latest

    It is restored beside the old database and proven equal to its manifest; then the two change names. The old one is
    kept as NAME_before_TIME: surefoot restore --swap-in NAME_before_TIME takes it back, --drop-old deletes it.
    """
    if sum(each not in (None, False) for each in (wanted, old, swap, drop)) != 1:
        raise UsageError(
            "restore wants one of these: a backup, --old, --swap-in NAME, --drop-old NAME.",
            f"{program()} backup list shows the backups; {program()} restore latest takes the newest.",
        )
    settings, url = settings_and_plain_url(database_url)
    if old:
        _list(settings, as_json=as_json)
    elif swap is not None:
        _swap_in(url, swap, yes=yes, disconnect=disconnect)
    elif drop is not None:
        _drop_old(url, drop, yes=yes, disconnect=disconnect)
    elif wanted is not None:
        backup = find(settings.backup_folder, wanted, name_of(url) if wanted == "latest" else None)
        options = RestoreOptions(into, in_place, disconnect, jobs)
        _restore(settings, backup, options, yes=yes, as_json=as_json)


def _swap_in(url: URL, name: str, *, yes: bool, disconnect: bool) -> None:
    confirm(f"Put {name} in the place of {name_of(url)}?", yes=yes)
    with stops.nothing_changed(AS_IT_WAS, also_interrupted=False):
        kept = swap_in(url, name, disconnect=disconnect)
    typer.echo(f"{name} is {name_of(url)} now." + _about_the_old(kept))


def _drop_old(url: URL, name: str, *, yes: bool, disconnect: bool) -> None:
    confirm(f"Drop {name} with all that is in it?", yes=yes)
    drop_old(url, name, disconnect=disconnect)
    typer.echo(f"{name} is gone.")


def _restore(settings: Settings, backup: Backup, options: RestoreOptions, *, yes: bool, as_json: bool) -> None:
    if options.into is None:
        confirm(_plan(settings, backup, in_place=options.inside), yes=yes)
    with stops.nothing_changed(AS_IT_WAS, also_interrupted=False), command_steps() as say:
        result = restore(settings, database.url_of(settings), backup, options, say=say)
    _report(result, as_json=as_json)


def _plan(settings: Settings, backup: Backup, *, in_place: bool) -> str:
    url = database.url_of(settings)
    manifest = backup.manifest
    how = (
        "The backup is restored inside the existing database, in one transaction; the present state is backed up first."
        if in_place or restore_run.is_inside(url)
        else "The backup is restored beside the database, which is then kept under another name."
    )
    return (
        f"Restore {backup.name} ({manifest.total_rows:,} rows, revision {manifest.revision or 'none'}) in the place of "
        f"{name_of(url)}?\nWhat was written since {manifest.started_at:%Y-%m-%d %H:%M} UTC will not be in it. "
        f"{how}\nGo on?"
    )


def _report(result: Restored, *, as_json: bool) -> None:
    if as_json:
        output = {
            "database": result.database,
            "backup": result.backup.name,
            "kept": result.kept,
            "saved": result.saved.name if result.saved else None,
            "notes": list(result.notes),
        }
        print_json(output)
        return
    manifest = result.backup.manifest
    for note in result.notes:
        typer.echo(note, err=True)
    sentence = (
        f"{result.database} holds {result.backup.name} now: {manifest.total_rows:,} rows in {len(manifest.rows)} "
        f"tables, equal to its manifest, at revision {manifest.revision or 'none'}."
    )
    typer.echo(paragraph(sentence, "", "  ") + _about_the_old(result.kept))
    if result.saved is not None:
        typer.echo(f"What was there before is in the backup {result.saved.name}.")


def _about_the_old(name: str | None) -> str:
    if name is None:
        return ""
    return f"\nThe old one is kept as {name}. When it is not needed any more:\n  {program()} restore --drop-old {name}"


def _list(settings: Settings, *, as_json: bool) -> None:
    found = list_replaced(database.url_of(settings))
    if as_json:
        print_json(
            [{"name": e.name, "kind": str(e.kind), "since": e.since.isoformat(), "bytes": e.size} for e in found]
        )
        return
    for each in found:
        typer.echo(f"{each.name}  {size(each.size)}")
    if not found:
        typer.echo("No restore has set anything aside.")
