"""`purge`, the one command that deletes: retired items older than a given age, after a backup."""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import URL, Connection

from surefoot.database import execute_verbatim
from surefoot.online import retired_registry
from surefoot.online.retire import kept_definitions
from surefoot.operate import retired_items, set_aside_schema
from surefoot.operate.backup import Backup, Reason, backup, backup_access
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.migrator_connection import connect_as_migrator
from surefoot.operate.retired_items import KeptItem
from surefoot.program import program
from surefoot.readonly import read_connection
from surefoot.runtime import journal
from surefoot.settings import Settings

NotDeleted = list[tuple[KeptItem, str]]
"""Items that could not be deleted, each with the reason."""

ORDER = (
    "view",
    "materialized view",
    "column",
    "rows",
    "table",
    "foreign table",
    "sequence",
    "routine",
    "function",
    "procedure",
    "aggregate",
    "domain",
    "type",
)
"""Dependent objects come before what they depend on. An item that something else depends on is tried again at the
end."""
REASONS = (errors.DependentObjectsStillExist, errors.LockNotAvailable, errors.InsufficientPrivilege)
"""Errors that keep one item from being deleted, and not the others."""

DROP_EMPTY_SCHEMAS = f"""
do $tidy$
declare
    space name;
begin
    if to_regclass('{retired_registry.SCHEMA}.things') is not null then
        if not exists (select from {retired_registry.SCHEMA}.things) then
            drop table {retired_registry.SCHEMA}.things;
        end if;
    end if;
    for space in select nspname from pg_namespace where nspname in ('{"', '".join(retired_items.SCHEMAS)}') loop
        if not exists (select from pg_depend where refclassid = 'pg_namespace'::regclass
                          and refobjid = to_regnamespace(quote_ident(space))) then
            execute format('drop schema %I', space);
        end if;
    end loop;
end
$tidy$
"""  # noqa: S608  # constants of ours


def purgeable(url: URL, older_than: dt.timedelta) -> list[KeptItem]:
    """Return the retired items older than `older_than`, without changing anything.

    Items of unknown age are included only if `older_than` is zero. Items kept for a revision that has not run here yet
    are needed by it and never included. Raises what `backup_access.require_backup_rights` raises.
    """
    before = dt.datetime.now(dt.UTC) - older_than
    with read_connection(url, f"{program()} purge") as connection:
        chosen = [
            item
            for item in retired_items.read(connection)
            if not item.still_needed and (item.at < before if item.at else older_than == dt.timedelta())
        ]
    if chosen:
        # refuse before anybody confirms a purge that no backup could precede
        backup_access.require_backup_rights(url)
    return chosen


def purge(
    settings: Settings, url: URL, chosen: Sequence[KeptItem], *, say: Say = lambda _: None
) -> tuple[Backup, NotDeleted]:
    """Make a backup, then delete exactly `chosen`, each item in its own transaction, under the migrators' lock.

    Items that a downgrade restored in the meantime are left alone, and so are items on which something else depends. Of
    columns and tables the definition is kept, so that a downgrade past their revisions creates them again, empty: their
    rows are then only in the backup. Returns the backup, and the items that were not deleted.
    """
    saved, started_at = backup(settings, url, say=say, reason=Reason("purge")), dt.datetime.now(dt.UTC)
    ordered = sorted(chosen, key=lambda item: ORDER.index(item.kind) if item.kind in ORDER else len(ORDER))
    not_deleted: NotDeleted = [(item, "") for item in ordered]
    with connect_as_migrator(settings, url, f"{program()} purge") as connection:
        progress = True
        while not_deleted and progress:
            before = len(not_deleted)
            tried = ((item, _try_delete(connection, item, say)) for item, _ in not_deleted)
            not_deleted = [(item, why) for item, why in tried if why is not None]
            progress = len(not_deleted) < before
        with connection.begin():
            execute_verbatim(connection, DROP_EMPTY_SCHEMAS)
            left = {id(item) for item, _ in not_deleted}
            deleted = [str(item) for item in ordered if id(item) not in left]
            if deleted:
                note = f"{'; '.join(deleted)}; backup {saved.name}"
                journal.record(connection, "purge", note, started_at, settings.project.version)
    return saved, not_deleted


def _try_delete(connection: Connection, item: KeptItem, say: Say) -> str | None:
    """Delete the item; return the reason if that is not possible, else None."""
    try:
        with connection.begin():
            _delete(connection, item)
    except sa.exc.DBAPIError as fault:
        if not isinstance(fault.orig, REASONS):
            raise
        return str(fault.orig.diag.message_detail or fault.orig.diag.message_primary).replace("\n", "; ")
    say(f"Deleted: {item}")
    return None


def _delete(connection: Connection, item: KeptItem) -> None:
    entry = item.registered
    if entry is None:
        set_aside_schema.drop_foreign_keys(connection, item.identifier)
        execute_verbatim(connection, f"drop {item.kind} if exists {item.identifier}")
        return
    row_lock = sa.text("select 1 from retired.things where id = :id for update")
    if connection.execute(row_lock, {"id": entry.id}).first() is None:
        return
    if entry.what == "rows":
        execute_verbatim(connection, f"drop table if exists {item.identifier}")
    elif entry.what == "object":
        execute_verbatim(connection, f"drop {item.kind} if exists {item.identifier}")
    else:
        execute_verbatim(connection, kept_definitions.purge_block(entry.what, entry.id))
    if connection.execute(sa.text("select to_regclass('retired.things')")).scalar_one() is not None:
        connection.execute(sa.text("delete from retired.things where id = :id"), {"id": entry.id})
