"""A restore inside the old database, for a role that may not create one: all of it in one transaction."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from ourschool import database
from ourschool.errors import FailedError, RefusedError
from ourschool.operate.backup import archive, contents, dumping, servers, swapping, tools
from ourschool.operate.backup.stored import Backup
from ourschool.operate.backup.verifying import unequal
from ourschool.settings import Settings

# The schema public stays, which is nobody's to drop; what an extension brought stays with it.
CLEAN = sa.text("""
do $$
declare
    command text;
begin
    for command in
        select format('drop schema %I cascade', nspname)
          from pg_namespace n
         where nspname !~ '^pg_'
           and nspname not in ('information_schema', 'public')
           and not exists (
               select from pg_depend where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e'
           )
    loop
        execute command;
    end loop;
    for command in
        with thing (class, id, kind, name) as (
            select 'pg_class'::regclass, oid,
                   case relkind
                       when 'v' then 'view'
                       when 'm' then 'materialized view'
                       when 'S' then 'sequence'
                       when 'f' then 'foreign table'
                       when 'c' then 'type'
                       else 'table'
                   end,
                   oid::regclass::text
              from pg_class
             where relnamespace = 'public'::regnamespace
               and relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
            union all
            select 'pg_type'::regclass, oid, case typtype when 'd' then 'domain' else 'type' end, oid::regtype::text
              from pg_type
             where typnamespace = 'public'::regnamespace
               and typtype in ('e', 'd', 'r')
            union all
            select 'pg_proc'::regclass, oid, 'routine', oid::regprocedure::text
              from pg_proc
             where pronamespace = 'public'::regnamespace
        )
        select format('drop %s if exists %s cascade', kind, name)
          from thing
         where not exists (select from pg_depend where classid = class and objid = id and deptype in ('e', 'i'))
         order by kind <> 'table'
    loop
        execute command;
    end loop;
end
$$
""")


@dataclass(frozen=True)
class Place:
    """The database to restore inside, and how."""

    settings: Settings
    url: URL
    disconnect: bool
    jobs: int
    say: dumping.Say


def restore(place: Place, backup: Backup) -> tuple[Backup | None, list[str]]:
    """Back up what is there, then put `backup` in its place; others see the whole of it or nothing.

    Returns the backup of what was there (None where there was nothing) and what could not be had, in words.
    """
    engine = database.engine_for(
        place.url, application_name=servers.APPLICATION, options={"lock_timeout": str(place.settings.lock_timeout)}
    )
    name = servers.name_of(place.url)
    with engine.connect() as connection:
        _possible(connection, backup, name, disconnect=place.disconnect)
        connection.rollback()
        held = contents.contents(connection)
    saved = dumping.backup(place.settings, place.url, jobs=place.jobs, say=place.say) if held.rows else None
    with engine.connect() as connection, swapping.alone(connection, name):
        if place.disconnect:
            servers.disconnect(connection, name)
        else:
            swapping.nobody_in(connection, name)
        place.say(f"Restoring inside {name}, in one transaction")
        contents.unlimited(connection)
        _clean(connection, name)
        options, notes = archive.left_out(connection, backup.manifest)
        binary = tools.program("pg_restore", archive.reader(backup.manifest))
        archive.play(connection, binary, backup, options)
        place.say("Counting its rows and comparing it with the manifest")
        faults = list(unequal(backup.manifest, contents.contents(connection)))
        if faults:
            raise FailedError(
                f"What was restored from {backup.name} is not what its manifest says: {'; '.join(faults)}. "
                "Everything was rolled back.",
                "Take another backup: ourschool backup list shows what there is.",
            )
        connection.commit()
    return saved, notes


def _possible(connection: Connection, backup: Backup, name: str, *, disconnect: bool) -> None:
    archive.not_newer(backup, servers.rights(connection).major)
    if archive.has_large_objects(archive.readable(backup.dump, archive.reader(backup.manifest))):
        raise RefusedError(
            f"{backup.name} holds large objects, which cannot be restored in place.",
            "Let a superuser run: alter role … createdb; then it is restored beside the old database.",
        )
    if not disconnect:
        swapping.nobody_in(connection, name)


def _clean(connection: Connection, name: str) -> None:
    """Take away all that the dump is to bring. Raises RefusedError where a table is in use."""
    try:
        connection.execute(CLEAN)
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != "55P03":
            raise
        connection.rollback()
        who = servers.connected(connection, name)
        raise RefusedError(
            f"Somebody uses a table of {name}{': ' + servers.listed(who) if who else ''}. Nothing was changed.",
            "Stop the application and run the same command again, or add --disconnect, which ends its sessions.",
        ) from fault
