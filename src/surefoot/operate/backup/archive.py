"""Restores a dump into a database: by pg_restore with several jobs, or over one connection inside one transaction."""

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import client_programs, database
from surefoot.errors import RefusedError, SurefootError, UsageError
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
from surefoot.operate.backup.table_of_contents import Entry
from surefoot.program import program

TRANSACTION_TIMEOUT = 17
"""Since this major version the programs set `transaction_timeout`, which older servers reject."""

NO_PRIVILEGES = "--no-privileges"
MISSING_ROLES = sa.text("""
    select name
      from unnest(cast(:names as text[])) as wanted (name)
      left join pg_roles on rolname = name
     where rolname is null
     order by name
""")
NOT_A_MEMBER = sa.text("""
    select rolname
      from pg_roles
     where rolname = any(cast(:names as text[]))
       and not pg_has_role(current_user, oid, 'MEMBER')
     order by rolname
""")

DEFAULT_PRIVILEGES = re.compile(
    r"^(\d+); \d+ \d+ DEFAULT ACL .* DEFAULT PRIVILEGES FOR [A-Z]+(?: [A-Z]+)? (.+)$", re.MULTILINE
)
"""An entry of `pg_restore --list`: its number, and the role whose default privileges it sets."""
OWN_ROLES = sa.text("""
    select rolname::text from pg_roles where rolname = any (:names) and pg_has_role(current_user, oid, 'USAGE')
""")


def pg_restore_major(manifest: Manifest, server_major: int = 0) -> int:
    """Return the oldest major version of pg_restore that can read the dump and connect to the server."""
    return max(dump_programs.major(manifest.tool), server_major)


def refuse_newer(backup: Backup, server_major: int) -> None:
    """Raise RefusedError for a dump from a newer server than this one, which PostgreSQL does not support."""
    theirs = backup.manifest.server_major
    if theirs > server_major:
        raise RefusedError(
            f"{backup.name} is from PostgreSQL {theirs}, and this server is {server_major}: a dump from a newer server "
            "cannot be relied on.",
            f"Restore it on PostgreSQL {theirs} or newer, or take a backup that was made on {server_major}.",
        )


def restore_into(url: URL, backup: Backup, jobs: int) -> list[str]:
    """Restore into the empty database of `url`; return in words what could not be restored there.

    Raises RefusedError for a dump from a newer server, and FailedError if pg_restore fails: the database then holds a
    part and is useless.
    """
    engine = database.engine_for(url, application_name=f"{program()} backup")
    granted: list[Entry] = []
    with ExitStack() as stack:
        with engine.connect() as connection:
            rights = server_facts.rights(connection)
            refuse_newer(backup, rights.major)
            options, notes = ownership_options(connection, backup.manifest)
            binary, can_connect = _program(connection, url, pg_restore_major(backup.manifest, rights.major))
            properties = database_settings.read(connection, server_facts.name_of(url))
            assert properties is not None  # we are connected to it
            try_first = not rights.superuser or backup.manifest.server != server_facts.address_of(url)
            listing = read_listing(backup.dump, pg_restore_major(backup.manifest))
            foreign_defaults = foreign_default_privileges(connection, listing) if try_first else {}
            subscriptions = table_of_contents.subscriptions(listing)
        if try_first:
            # pg_restore stops at the first entry that this role may not create or this server does not support
            if not rights.superuser and NO_PRIVILEGES not in options:
                granted = _granted_by_others(binary, backup, listing)
            more_options, more_notes = stack.enter_context(
                options_within_rights(
                    url, backup, properties, listing, foreign_defaults | {each.id: "" for each in granted}
                )
            )
            options, notes = [*options, *more_options], [*notes, *more_notes, *granted_notes(granted)]
        elif subscriptions:
            options.append(stack.enter_context(use_list(listing, subscriptions.keys())))
        notes += subscription_notes(subscriptions)
        if not can_connect or dump_programs.major(dump_programs.version(binary)) >= TRANSACTION_TIMEOUT > rights.major:
            with engine.begin() as connection:
                replay.replay(connection, binary, backup, options)
                _grant(connection, granted)
            return notes
        arguments = [
            *options, f"--jobs={jobs}", "--exit-on-error", "--no-password",
            f"--dbname={dump_programs.connection_string(url)}", str(backup.dump),
        ]  # fmt: skip
        remedy = "Mend what it names and run the same command again; the old database was not touched."
        dump_programs.run(binary, arguments, remedy, url)
        if granted:
            with engine.begin() as connection:
                _grant(connection, granted)
        return notes


def _granted_by_others(binary: Path, backup: Backup, listing: str) -> list[Entry]:
    numbers = table_of_contents.entry_numbers(listing)
    return [
        entry
        for section in ("pre-data", "post-data")
        for entry in table_of_contents.read_section(binary, backup.dump, section, numbers, ())
        if entry.granted_by_others
    ]


def _grant(connection: Connection, granted: list[Entry]) -> None:
    for entry in granted:
        database.execute_verbatim(connection, entry.granted_by_one().sql)


def granted_notes(granted: Iterable[Entry]) -> list[str]:
    """Return the note on privileges that this role grants now, which are not its own grants in the dump."""
    names = [entry.name for entry in granted]
    return [f"Granted by this role now, not by whom they were granted: privileges on {', '.join(names)}."] * bool(names)


def _program(connection: Connection, url: URL, at_least: int) -> tuple[Path, bool]:
    """Return pg_restore, and whether it can connect to `url` itself; if not, its script is run over our connection."""
    try:
        return client_programs.for_connection("pg_restore", at_least, connection, url), True
    except UsageError:
        return dump_programs.program("pg_restore", at_least), False


@contextmanager
def options_within_rights(
    url: URL, backup: Backup, properties: Properties, listing: str, known: dict[int, str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the options by which pg_restore omits what this role may not create on the server of `url`, and notes.

    What that is, is found by building the schema in a scratch database with these `properties`. `known` are entries
    to omit in any case, by number, with what a note calls them, if there is to be one. Raises FailedError if the dump
    itself is broken.
    """
    binary = dump_programs.program("pg_restore", pg_restore_major(backup.manifest))
    with dump_proof.trial(url, properties) as trial:
        built = dump_proof.build_schema(trial.url(), backup.dump, listing, binary)
    subscriptions = table_of_contents.subscriptions(listing)
    if not built.refused and not known and not subscriptions:
        yield [], []
        return
    notes = [f"Not restored: {fault}." for fault in (*built.roots, *sorted(set(filter(None, known.values()))))]
    without = table_of_contents.with_dependents(_list(backup.dump, binary, "--verbose"), built.skipped)
    with use_list(listing, without.union(known, subscriptions)) as option:
        yield [option], notes


@contextmanager
def use_list(listing: str, without: Collection[int]) -> Iterator[str]:
    """Yield the option by which pg_restore restores what `listing` has, except the entries `without`, by number."""
    kept = [line for line in listing.splitlines() if _entry_number(line) not in without]
    with tempfile.NamedTemporaryFile("w", prefix="surefoot-list-", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(kept) + "\n")
        file.flush()
        yield f"--use-list={file.name}"


def subscription_notes(subscriptions: Mapping[int, str | None], present: Collection[str] = ()) -> list[str]:
    """Return notes on the subscriptions of a dump. Those in `present` exist in the database that is restored."""
    names = sorted(name for name in subscriptions.values() if name is not None)
    existing = [name for name in names if name in present]
    omitted = [name for name in names if name not in present]
    notes = []
    if omitted:
        notes.append(
            f"Not restored: subscription {', '.join(omitted)}, so that no copy pulls from the publisher. Where this "
            "database is to take the place of the old one, create it again."
        )
    if existing:
        notes.append(
            f"Left as it is: subscription {', '.join(existing)}. It brings nothing into the restored tables before: "
            f"alter subscription {sql.Identifier(existing[0]).as_string()} refresh publication;"
        )
    return notes


def foreign_default_privileges(connection: Connection, listing: str) -> dict[int, str]:
    """Return default privileges of roles that are missing or that this role may not act for: in words, by number."""
    roles = {int(each[1]): each[2] for each in DEFAULT_PRIVILEGES.finditer(listing)}
    if not roles:
        return {}
    own = set(connection.execute(OWN_ROLES, {"names": list(roles.values())}).scalars())
    return {number: f"default privileges of role {name}" for number, name in roles.items() if name not in own}


def _entry_number(line: str) -> int:
    match = table_of_contents.LISTED.match(line)
    return int(match[1]) if match else 0


def ownership_options(connection: Connection, manifest: Manifest) -> tuple[list[str], list[str]]:
    """Return the options of pg_restore, and notes: it omits owners or privileges whose roles are missing here.

    Roles belong to the server and not to the database. If one is missing, or this role may not act for it, everything
    belongs to the restoring role; privileges are useless without their grantees.
    """
    options, notes = [dump_proof.ROW_SECURITY], []
    absent = connection.execute(MISSING_ROLES, {"names": list(manifest.owners)}).scalars().all()
    barred = connection.execute(NOT_A_MEMBER, {"names": list(manifest.owners)}).scalars().all()
    if absent or barred:
        options.append("--no-owner")
        reason = f"this role may not act for {', '.join(barred)}"
        if absent:
            reason = f"there is no role {', '.join(absent)} on this server"
        notes.append(f"Ownership could not be restored: {reason}. Everything belongs to who restored it.")
    missing = connection.execute(MISSING_ROLES, {"names": list(manifest.grantees)}).scalars().all()
    if missing:
        options.append(NO_PRIVILEGES)
        notes.append(
            f"Privileges could not be restored: there is no role {', '.join(missing)} on this server. Create it "
            "and restore again, or grant what it needs."
        )
    return options, notes


def read_listing(dump: Path, tool: int) -> str:
    """Return what `pg_restore --list` prints for a dump made by pg_dump of major version `tool`.

    Raises RefusedError if the dump cannot be read.
    """
    try:
        return _list(dump, dump_programs.program("pg_restore", tool))
    except SurefootError as fault:
        raise RefusedError(f"The dump {dump} cannot be read. {fault.message}", fault.remedy) from fault


def _list(dump: Path, binary: Path, *options: str) -> str:
    remedy = f"Take another backup: {program()} backup list shows them."
    return dump_programs.run(binary, ["--list", *options, str(dump)], remedy).decode("utf-8", "replace")
