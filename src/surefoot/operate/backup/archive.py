"""A dump into a database: by pg_restore with several jobs, or over one connection inside one transaction."""

import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import client_programs, database
from surefoot.errors import RefusedError, UsageError
from surefoot.operate.backup import (
    database_settings,
    dump_programs,
    dump_proof,
    replay,
    server_facts,
    table_of_contents,
)
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.manifest import Manifest
from surefoot.operate.backup.store import Backup
from surefoot.program import program

TRANSACTION_TIMEOUT = 17
"""Since this version the programs set a setting that older servers do not know, and stumble over that."""

MISSING = sa.text("""
    select name
      from unnest(cast(:names as text[])) as wanted (name)
      left join pg_roles on rolname = name
     where rolname is null
     order by name
""")
MAY_NOT_BE = sa.text("""
    select rolname
      from pg_roles
     where rolname = any(cast(:names as text[]))
       and not pg_has_role(current_user, oid, 'MEMBER')
     order by rolname
""")

DEFAULTS = re.compile(r"^(\d+); \d+ \d+ DEFAULT ACL .* DEFAULT PRIVILEGES FOR [A-Z]+(?: [A-Z]+)? (.+)$", re.MULTILINE)
"""An entry of pg_restore's list: its number, and the role whose default privileges it sets."""
MAY_SET = sa.text("""
    select rolname::text from pg_roles where rolname = any (:names) and pg_has_role(current_user, oid, 'USAGE')
""")


def reader(made: Manifest, server_major: int = 0) -> int:
    """The oldest pg_restore that can read the dump and speak to the server."""
    return max(dump_programs.major(made.tool), server_major)


def not_newer(backup: Backup, server_major: int) -> None:
    """Refuse a dump from a newer server than the one that is to hold it: PostgreSQL promises nothing for that way."""
    theirs = backup.manifest.server_major
    if theirs > server_major:
        raise RefusedError(
            f"{backup.name} is from PostgreSQL {theirs}, and this server is {server_major}: a dump from a newer server "
            "cannot be relied on.",
            f"Restore it on PostgreSQL {theirs} or newer, or take a backup that was made on {server_major}.",
        )


def restore_into(url: URL, backup: Backup, jobs: int) -> list[str]:
    """Restore into the empty database of `url`; what could not be had there is returned, in words.

    Raises RefusedError for a dump from a newer server, FailedError where pg_restore fails: the database holds a part
    then, and is of no use.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")
    with ExitStack() as stack:
        with engine.connect() as connection:
            held = server_facts.rights(connection)
            not_newer(backup, held.major)
            options, notes = left_out(connection, backup.manifest)
            binary, connects = _program(connection, url, reader(backup.manifest, held.major))
            like = database_settings.read(connection, server_facts.name_of(url))
            assert like is not None  # we are connected to it
            asked = not held.superuser or backup.manifest.server != server_facts.place_of(url)
            listing = readable(backup.dump, reader(backup.manifest))
            barred = defaults_of_others(connection, listing) if asked else {}
            pulling = table_of_contents.subscriptions(listing)
        if asked:
            # pg_restore stops at the first thing that this role or this server cannot have: it is asked before
            chosen, more = stack.enter_context(within_reach(url, backup, like, listing, barred))
            options, notes = [*options, *chosen], [*notes, *more]
        elif pulling:
            options.append(stack.enter_context(only_these(listing, pulling.keys())))
        notes += not_pulling(pulling)
        if not connects or dump_programs.major(dump_programs.version(binary)) >= TRANSACTION_TIMEOUT > held.major:
            with engine.begin() as connection:
                replay.play(connection, binary, backup, options)
            return notes
        arguments = [
            *options, f"--jobs={jobs}", "--exit-on-error", "--no-password",
            f"--dbname={dump_programs.connection_string(url)}", str(backup.dump),
        ]  # fmt: skip
        _run(dump_programs.start(binary, arguments, url), url)
        return notes


def _program(connection: Connection, url: URL, at_least: int) -> tuple[Path, bool]:
    """pg_restore, and whether it can connect to `url` itself; else it writes what is run over our connection."""
    try:
        return client_programs.for_connection("pg_restore", at_least, connection, url), True
    except UsageError:
        return dump_programs.program("pg_restore", at_least), False


def _run(restoring: "subprocess.Popen[bytes]", url: URL) -> None:
    try:
        _, complaint = restoring.communicate()
    except BaseException:
        restoring.kill()
        restoring.communicate()
        raise
    if restoring.returncode:
        raise dump_programs.failed(
            restoring,
            complaint,
            url,
            "Mend what it names and run the same command again; the old database was not touched.",
        )


@contextmanager
def within_reach(
    url: URL, backup: Backup, like: Properties, listing: str, barred: dict[int, str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Options by which pg_restore leaves out what this role may not make beside `url`, and what that is, in words.

    Found by building the schema for a trial, in a database like that of `url`; `barred` is known before, by number.
    Raises FailedError where the dump itself is at fault.
    """
    binary = dump_programs.program("pg_restore", reader(backup.manifest))
    with dump_proof.trial(url, like) as trial:
        built = dump_proof.built_in(trial.url(), backup.dump, listing, binary)
    pulling = table_of_contents.subscriptions(listing)
    if not built.refused and not barred and not pulling:
        yield [], []
        return
    notes = [f"Not restored: {fault}." for fault in (*built.roots, *sorted(set(barred.values())))]
    with only_these(listing, built.skipped | barred.keys() | pulling.keys()) as option:
        yield [option], notes


@contextmanager
def only_these(listing: str, without: Collection[int]) -> Iterator[str]:
    """The option by which pg_restore restores what `listing` has, `without` the entries of these numbers."""
    kept = [line for line in listing.splitlines() if _number(line) not in without]
    with tempfile.NamedTemporaryFile("w", prefix="surefoot-list-", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(kept) + "\n")
        file.flush()
        yield f"--use-list={file.name}"


def not_pulling(subscriptions: Mapping[int, str | None], there: Collection[str] = ()) -> list[str]:
    """What becomes of subscriptions of a dump, in words; those `there` stand in the database that it comes into."""
    names = sorted(name for name in subscriptions.values() if name is not None)
    left = [name for name in names if name in there]
    gone = [name for name in names if name not in there]
    notes = []
    if gone:
        notes.append(
            f"Not restored: subscription {', '.join(gone)}, so that no copy pulls from the publisher. Where this "
            "database is to take the place of the old one, create it again."
        )
    if left:
        notes.append(
            f"Left as it is: subscription {', '.join(left)}. It brings nothing into the restored tables before: alter "
            f"subscription {sql.Identifier(left[0]).as_string()} refresh publication;"
        )
    return notes


def defaults_of_others(connection: Connection, listing: str) -> dict[int, str]:
    """Default privileges of roles that are not here, or for which this role may not set them: by number, in words."""
    found = {int(each[1]): each[2] for each in DEFAULTS.finditer(listing)}
    if not found:
        return {}
    mine = set(connection.execute(MAY_SET, {"names": list(found.values())}).scalars())
    return {number: f"default privileges of role {name}" for number, name in found.items() if name not in mine}


def _number(line: str) -> int:
    match = table_of_contents.LISTED.match(line)
    return int(match[1]) if match else 0


def left_out(connection: Connection, made: Manifest) -> tuple[list[str], list[str]]:
    """What pg_restore must leave out here, as its options, and what that means, in words.

    A role is the server's and not the database's. Where one is missing, or may not be given things by us, everything
    belongs to who restores; privileges are of no use without their owners.
    """
    options, notes = [], []
    gone = connection.execute(MISSING, {"names": list(made.owners)}).scalars().all()
    barred = connection.execute(MAY_NOT_BE, {"names": list(made.owners)}).scalars().all()
    if gone or barred:
        options.append("--no-owner")
        why = f"there is no role {', '.join(gone)} here" if gone else f"this role may not act for {', '.join(barred)}"
        notes.append(f"Owners were not restored: {why}. Everything belongs to who restored it.")
    unknown = connection.execute(MISSING, {"names": list(made.grantees)}).scalars().all()
    if unknown:
        options.append("--no-privileges")
        notes.append(
            f"Privileges were not restored: there is no role {', '.join(unknown)} here. Create it and restore again, "
            "or grant what it needs."
        )
    return options, notes


def readable(dump: Path, tool: int) -> str:
    """What pg_restore lists of a dump that pg_dump of version `tool` made. Raises RefusedError where it cannot."""
    binary = dump_programs.program("pg_restore", tool)
    listing = dump_programs.start(binary, ["--list", str(dump)])
    told, complaint = listing.communicate()
    if listing.returncode:
        fault = dump_programs.failed(
            listing, complaint, None, f"Take another backup: {program()} backup list shows them."
        )
        raise RefusedError(f"The dump {dump} cannot be read. {fault.message}", fault.remedy)
    return told.decode("utf-8", "replace")
