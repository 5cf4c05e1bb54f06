"""Says for whom a server process waits, why, and which statement ends it; in the words of the server's own views."""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

GLANCE = """
    select coalesce(state, ''),
           state_change,
           coalesce(wait_event = 'SyncRep', false) or pg_blocking_pids($1::integer) <> '{}'
      from pg_stat_get_activity($1::integer)
"""
"""The state of server process $1, since when, and whether QUERY has more to say of it, at a fraction of its cost."""
QUERY = """
    with awaited as (
        select locktype, database, relation, transactionid, virtualxid
          from pg_locks
         where pid = $1::integer
           and not granted
         limit 1
    ),
    held as (
        select p.gid, p.owner, p.prepared
          from pg_prepared_xacts p
          join pg_locks own
            on own.pid is null
           and own.transactionid = p.transaction
          join pg_locks l
            on l.pid is null
           and l.virtualtransaction = own.virtualtransaction
          join awaited a
            on (l.locktype, l.database, l.relation) is not distinct from (a.locktype, a.database, a.relation)
           and l.transactionid is not distinct from a.transactionid
    )
    select json_build_object(
        'locktype', (select locktype from awaited),
        'standbys', (
            select current_setting('synchronous_standby_names')
              from pg_stat_get_activity($1::integer)
             where wait_event = 'SyncRep'
        ),
        'prepared', (
            select json_agg(json_build_object(
                       'gid', gid, 'owner', owner,
                       'seconds', extract(epoch from clock_timestamp() - prepared)::integer
                   ) order by prepared)
              from held
        ),
        'sessions', (
            select json_agg(json_build_object(
                       'pid', blocker.pid, 'application', activity.application_name, 'role', activity.usename,
                       'kind', activity.backend_type, 'state', activity.state,
                       'seconds', extract(epoch from clock_timestamp()
                                          - coalesce(activity.xact_start, activity.backend_start))::integer
                   ) order by activity.xact_start)
              from (select distinct unnest(pg_blocking_pids($1::integer)) as pid) as blocker
              left join pg_stat_activity as activity using (pid)
             where blocker.pid <> 0
        )
    )::text
"""
"""One row of JSON about the server process $1.

A prepared transaction blocks as pid 0, and its locks have no pid: the one on its own number leads to the others.
"""


def describe(found: Mapping[str, Any], *, ends: bool = False) -> str:
    """Return who holds what is waited for, from a row of QUERY; an empty text where nobody does.

    With `ends`, each is followed by the statement that ends it.
    """
    sessions, prepared = found.get("sessions") or (), found.get("prepared") or ()
    holders = [_prepared(row) + (f"; {_rollback(row)} ends it" if ends else "") for row in prepared]
    holders += [
        _session(row) + (f"; select pg_terminate_backend({row['pid']}); ends it" if ends and row["role"] else "")
        for row in sessions
    ]
    if found.get("locktype") == "virtualxid" and holders:
        holders[-1] += ", in a transaction that began before and has to end first"
    return ", ".join(holders)


def describe_standby(found: Mapping[str, Any]) -> str:
    """Return why a commit waits for a synchronous standby, and the way out; an empty text where it does not."""
    names = found.get("standbys")
    if not names:
        return ""
    return (
        f"A commit waits for a synchronous standby ({names}), and none confirms it; on this server it is done. Start "
        "the standby, or let commits do without: alter system set synchronous_standby_names = ''; "
        "select pg_reload_conf();"
    )


def _prepared(row: Mapping[str, Any]) -> str:
    return f"prepared transaction {row['gid']!r} (role {row['owner']}, since {row['seconds']} s)"


def _rollback(row: Mapping[str, Any]) -> str:
    return sql.SQL("rollback prepared {};").format(row["gid"]).as_string()


def _session(row: Mapping[str, Any]) -> str:
    if row["role"] is None and row["kind"] is not None:
        return f"pid {row['pid']} ({row['kind']}, a process of the server)"
    if row["state"] is None:
        return f"pid {row['pid']} (role {row['role']}; with pg_read_all_stats this role would see more)"
    application = row["application"] or "without a name"
    return f"pid {row['pid']} (application {application}, role {row['role']}, {row['state']} since {row['seconds']} s)"
