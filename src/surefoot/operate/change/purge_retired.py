"""The one command that deletes: what was set aside, when it is older than asked, after a backup."""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.database import execute_verbatim
from surefoot.online import retired_registry
from surefoot.online.retire import kept_definitions
from surefoot.operate import retired_items, set_aside_schema
from surefoot.operate.backup import Backup, backup, backup_access
from surefoot.operate.change.guarded_upgrade import Say
from surefoot.operate.retired_items import KeptItem
from surefoot.program import program
from surefoot.readonly import read_connection
from surefoot.runtime.migrator_lock import only_migrator
from surefoot.runtime.session import backend_pid, server_settings
from surefoot.settings import Settings

Left = list[tuple[KeptItem, str]]
"""What could not be deleted, and why."""

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
"""What needs another comes before it; what is in the way all the same is tried again after the rest."""
NEEDED, IN_USE, NOT_OURS = "2BP01", "55P03", "42501"

TIDY = f"""
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
    """What a purge would delete; nothing is changed. What nobody knows the age of, only where any age will do.

    What was kept for a revision that has not run here yet is needed by it, and stays.
    """
    before = dt.datetime.now(dt.UTC) - older_than
    with read_connection(url, f"{program()} purge") as connection:
        chosen = [
            each
            for each in retired_items.found(connection)
            if not each.awaited and (each.at < before if each.at else older_than == dt.timedelta())
        ]
    if chosen:
        backup_access.ready(url)  # nobody is asked for what no backup can precede
    return chosen


def purge(
    settings: Settings, url: URL, chosen: Sequence[KeptItem], *, say: Say = lambda _: None
) -> tuple[Backup, Left]:
    """Back up, then delete exactly `chosen`, each in a transaction of its own under the migrators' lock.

    What came back meanwhile is left alone, and so is what something else needs. Of columns and tables the definition is
    kept, so that a downgrade past their revisions makes them again, empty: the backup is what is left of the rows.
    Returns the backup, and what is left with the reason.
    """
    made = backup(settings, url, say=say)
    engine = database.engine_for(url, application_name=f"{program()} purge", options=server_settings(settings))
    waiting = sorted(chosen, key=lambda each: ORDER.index(each.kind) if each.kind in ORDER else len(ORDER))
    try:
        with engine.connect() as first, engine.connect() as connection:
            beside = first.execution_options(isolation_level="AUTOCOMMIT")
            with only_migrator(beside, settings.migrator_deadline, backend_pid(connection)):
                connection.rollback()
                left: Left = [(each, "") for each in waiting]
                while left:
                    again = [(each, why) for each, _ in left if (why := _deleted(connection, each, say)) is not None]
                    if len(again) == len(left):
                        break
                    left = again
                else:
                    again = []
                with connection.begin():
                    execute_verbatim(connection, TIDY)
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    return made, again


def _deleted(connection: Connection, each: KeptItem, say: Say) -> str | None:
    """Delete it; returns why it is still there, or None."""
    try:
        with connection.begin():
            _delete(connection, each)
    except sa.exc.DBAPIError as fault:
        diagnosis = getattr(fault.orig, "diag", None)
        if diagnosis is None or getattr(fault.orig, "sqlstate", None) not in {NEEDED, IN_USE, NOT_OURS}:
            raise
        return str(diagnosis.message_detail or diagnosis.message_primary).replace("\n", "; ")
    say(f"Deleted: {each}")
    return None


def _delete(connection: Connection, each: KeptItem) -> None:
    thing = each.thing
    if thing is None:
        set_aside_schema.let_go(connection, each.quoted)
        execute_verbatim(connection, f"drop {each.kind} if exists {each.quoted}")
        return
    there = sa.text("select 1 from retired.things where id = :id for update")
    if connection.execute(there, {"id": thing.id}).first() is None:
        return
    if thing.what == "rows":
        execute_verbatim(connection, f"drop table if exists {each.quoted}")
    elif thing.what == "object":
        execute_verbatim(connection, f"drop {each.kind} if exists {each.quoted}")
    else:
        execute_verbatim(connection, kept_definitions.purge_block(thing.what, thing.id))
    if connection.execute(sa.text("select to_regclass('retired.things')")).scalar_one() is not None:
        connection.execute(sa.text("delete from retired.things where id = :id"), {"id": thing.id})
