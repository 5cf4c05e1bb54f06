"""`surefoot backup`, `backup list`, `backup verify` and `backup prune`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from surefoot.cli.context import load_settings, print_json, settings_and_plain_url
from surefoot.cli.options import AsJson, DatabaseUrl
from surefoot.operate.backup import Backup, Rule, backup, find, prune, store, verify, verify_files
from surefoot.operate.backup.server_facts import name_of
from surefoot.operate.interrupted_notice import unfinished
from surefoot.program import program
from surefoot.progress import command_steps
from surefoot.wording import paragraph, size

app = typer.Typer(invoke_without_command=True, add_completion=False)

Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Connections at once; 4 at most without.")]


@app.callback()
def make(context: typer.Context, jobs: Jobs = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Back up the database while the application goes on.

    Example: surefoot backup --jobs 2

    A backup is a folder under SUREFOOT_BACKUPS (./backups): the dump and a manifest of what it holds. It counts once
    it was read back.
    """
    if context.invoked_subcommand is not None:
        return
    chosen, url = settings_and_plain_url(database_url)
    with command_steps() as say:
        made = backup(chosen, url, jobs=jobs, say=say)
    if as_json:
        print_json(as_object(made))
    else:
        typer.echo(made.path)
    begun = unfinished(chosen, url)
    if begun is not None:
        typer.echo(paragraph(f"The backup is good, and of a database that is half-way. {begun.sentence}"), err=True)


@app.command("list")
def list_backups(as_json: AsJson = False) -> None:
    """List the backups, oldest first.

    Example: surefoot backup list --json
    """
    folder = load_settings().backup_folder  # needs no database
    listing = store.listing(folder)
    damaged = [{"name": path.name, "path": str(path), "fault": fault.message} for path, fault in listing.damaged]
    if as_json:
        objects = [as_object(each) for each in listing.backups]
        partial = [str(path) for path in listing.partial]
        print_json({"backups": objects, "damaged": damaged, "partial": partial})
    else:
        for line in _table(listing.backups, folder):
            typer.echo(line)
        for each in listing.backups:
            if each.manifest.not_proven:
                typer.echo(paragraph(f"not proven: {each.name}: {each.manifest.not_proven}", "", "  "))
        if any(each.manifest.not_proven for each in listing.backups):
            typer.echo(f"  → {program()} backup verify NAME restores one for a trial, which proves it.")
        for path in listing.partial:
            typer.echo(f"not finished: {path.name} (being made, or cut off; it does not count)")
        for one in damaged:
            typer.echo(f"damaged: {one['fault']}")
    raise typer.Exit(1 if damaged else 0)


@app.command("verify")
def verify_backup(
    wanted: Annotated[
        str, typer.Argument(metavar="[BACKUP]", help="A name of the list, a folder, or latest.")
    ] = "latest",
    files_only: Annotated[bool, typer.Option("--files-only", help="Only read it back; needs no server.")] = False,
    jobs: Jobs = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Restore a backup into a scratch database and compare.

    Example: surefoot backup verify latest
    """
    if files_only:
        chosen = find(load_settings().backup_folder, wanted)
        verify_files(chosen, jobs)
        if as_json:
            print_json(as_object(chosen) | {"restored": False, "notes": []})
        else:
            typer.echo(f"{chosen.name}: every file is as it was written.")
        return
    loaded, url = settings_and_plain_url(database_url)
    chosen = find(loaded.backup_folder, wanted, name_of(url) if wanted == "latest" else None)
    with command_steps() as say:
        proven = verify(url, chosen, jobs=jobs, say=say)
    if as_json:
        print_json(as_object(chosen) | {"restored": True, "notes": list(proven.notes)})
        return
    for note in proven.notes:
        typer.echo(note, err=True)
    compared = f"{proven.rows:,} rows in {proven.tables} tables"
    typer.echo(paragraph(f"{chosen.name}: restores to {compared}, equal to its manifest.", "", "  "))


@app.command("prune")
def prune_backups(  # noqa: PLR0913, PLR0917  # an argument for each option
    keep: Annotated[int, typer.Option("--keep", min=0, help="So many of the newest.")] = 0,
    daily: Annotated[int, typer.Option("--daily", min=0, help="The last one of each of so many days.")] = 0,
    weekly: Annotated[int, typer.Option("--weekly", min=0, help="The last one of each of so many weeks.")] = 0,
    monthly: Annotated[int, typer.Option("--monthly", min=0, help="The last one of each of so many months.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the last one before an upgrade.")] = False,
) -> None:
    """Delete old backups.

    Example: surefoot backup prune --keep 3 --daily 7 --weekly 5 --monthly 12

    What any of the options names is kept, for each database by itself, and so is the last backup that was made before
    an upgrade.
    """
    folder = load_settings().backup_folder  # needs no database
    done = prune(folder, Rule(keep, daily, weekly, monthly), rehearse=dry_run, force=force)
    word = "would delete" if dry_run else "deleted"
    for name in [*(each.name for each in done.deleted), *(path.name for path in done.partial)]:
        typer.echo(f"{word} {name}")
    for each in done.guarded:
        typer.echo(f"kept {each.name}: the last one {each.manifest.reason}; --force deletes it, too")
    typer.echo(f"{len(done.kept)} kept, {len(done.deleted)} {'to delete' if dry_run else 'deleted'}.")


def as_object(each: Backup) -> dict[str, Any]:
    """Return the backup as an object for JSON; sizes are bytes, durations seconds."""
    made = each.manifest
    return {
        "name": each.name,
        "path": str(each.path),
        "database": made.database,
        "server": made.server,
        "server_version": made.server_version,
        "reason": str(made.reason) if made.reason else None,
        "revision": made.revision,
        "fingerprint": made.fingerprint,
        "rows": made.total_rows,
        "tables": len(made.rows),
        "bytes": made.size,
        "proven": made.not_proven is None,
        "proof_seconds": round(made.proof.seconds, 3) if made.proof else None,
        "not_proven": made.not_proven,
        "started_at": made.started_at.isoformat(),
        "finished_at": made.finished_at.isoformat(),
        "age_seconds": int(each.age.total_seconds()),
    }


def _table(backups: tuple[Backup, ...], folder: Path) -> list[str]:
    if not backups:
        return [paragraph(f"No backup in {folder}.", "", "  "), f"Make one: python -m {program()} backup"]
    cells = [
        (
            each.name,
            each.manifest.revision or "none",
            f"{each.manifest.total_rows:,}",
            size(each.manifest.size),
            _age(each),
            each.cause.replace("hand", ""),
        )
        for each in backups
    ]
    head = ("backup", "revision", "rows", "size", "age", "before")
    widths = [max(len(row[column]) for row in [head, *cells]) for column in range(len(head))]
    return [
        "  ".join(
            text.rjust(width) if 2 <= column <= 4 else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *cells]
    ]


def _age(each: Backup) -> str:
    minutes = int(each.age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
