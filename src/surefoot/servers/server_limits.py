"""Explains what a server raises when it is at a limit of its own, is going down, or cannot read its files.

None of it is the fault of a statement, so the remedy is never to mend the revision or the rows.
"""

from dataclasses import dataclass

import psycopg

AGAIN = "then run the same command again: it goes on from the last good revision."


@dataclass(frozen=True)
class Limit:
    """What the server is short of, in words, and what helps. In both `{where}` stands for the database."""

    message: str
    remedy: str
    passes: bool = True
    """Whether the same command can go on afterwards, without anything being corrected in the database."""


ENDED = Limit("The server ended the connection to {where}", "Wait until it answers, ")
LIMITS = {
    "08003": ENDED,
    "08006": ENDED,
    "53000": Limit("The server of {where} has too little of something", "Let who keeps the server make room, "),
    "53100": Limit(
        "The disk of the server of {where} is full",
        "Make room where the server keeps its data (its data folder, the tablespace, or pg_wal where a replication "
        "slot holds that), ",
    ),
    "53200": Limit(
        "The server of {where} has no memory left for this",
        "Give it more memory, or lower work_mem and maintenance_work_mem of the database, ",
    ),
    "53300": Limit(
        "The server of {where} has no connection free",
        "Wait until others have left, or raise max_connections (or the connection limit of the role or the database; a "
        "migration needs two), ",
    ),
    "53400": Limit(
        "A limit that is set for {where} was reached",
        "Let a superuser raise the limit that it names (temp_file_limit, for this database: alter database ... set "
        "temp_file_limit = -1), ",
    ),
    "55P03": Limit(
        "Somebody holds what a statement in {where} needs",
        "Find out who (select pid, relation::regclass, mode from pg_locks where granted and mode ~ 'Exclusive'; "
        "without a pid it is one of pg_prepared_xacts, which rollback prepared 'gid' ends) and let them end, ",
    ),
    "57014": Limit(
        "A statement in {where} was cancelled",
        "Find out who cancelled it (statement_timeout of the role or the database, or somebody's pg_cancel_backend), ",
    ),
    "25P03": Limit(
        "The server ended the connection to {where}, which was idle for longer than it allows",
        "Wait until it answers, ",
    ),
    "25P04": Limit(
        "A transaction in {where} took longer than the server allows",
        "Set transaction_timeout = 0 for the role or the database, ",
    ),
    "57P01": Limit(
        "The server ended the connection to {where}: it is being stopped, or somebody ended it",
        "Wait until it answers, ",
    ),
    "57P02": Limit("The server of {where} crashed and is recovering", "Wait until it has recovered, "),
    "57P03": Limit("The server of {where} is starting, stopping or recovering", "Wait until it accepts connections, "),
    "57P04": Limit("The database was dropped while this ran: {where}", "Restore it from a backup, "),
    "57P05": Limit(
        "The server ended the connection to {where}, which was idle for longer than it allows",
        "Wait until it answers, ",
    ),
    "58030": Limit(
        "The server of {where} cannot read or write one of its files",
        "Let who keeps the server look at its disk and its log first, ",
    ),
    "58P01": Limit(
        "The server of {where} misses one of its files",
        "Let who keeps the server look at its disk and its log first; a backup that is proven brings the rows back "
        "where it stays so, ",
        passes=False,
    ),
    "XX001": Limit(
        "The server of {where} found damaged data",
        "Change nothing more there: let who keeps the server check the disk (pg_amcheck), or restore a backup that is "
        "proven, ",
        passes=False,
    ),
    "XX002": Limit(
        "The server of {where} found a damaged index",
        "Build the index that it names anew: reindex index concurrently NAME; ",
        passes=False,
    ),
    "22P05": Limit(
        "The encoding of {where} has no such character",
        "Write it in characters that the encoding has, or move the school into a database in UTF8 (backup, createdb "
        "--encoding UTF8, restore), ",
        passes=False,
    ),
}
"""By SQLSTATE."""
LOCKS = Limit(
    "The server of {where} can hold no more locks",
    "Raise max_locks_per_transaction in its configuration and restart it, ",
)
"""SQLSTATE 53200 where the memory shared by all sessions is meant, which holds the locks."""
PASSING = frozenset({"25006", *(state for state, limit in LIMITS.items() if limit.passes)})
"""The SQLSTATEs after which a revision only has to run again."""


def explain(fault: BaseException | None, where: str) -> tuple[str, str] | None:
    """Return the message and the remedy for an error of the server; None where it is at no limit.

    The message ends with the server's own words.
    """
    state = getattr(fault, "sqlstate", None)
    limit = LIMITS.get(state or "")
    if limit is None or not isinstance(fault, psycopg.Error):
        return None
    hint = fault.diag.message_hint or ""
    if state == "53200" and "max_locks_per_transaction" in hint:
        limit = LOCKS
    said = (fault.diag.message_primary or str(fault).partition("\n")[0]).rstrip(".")
    return f"{limit.message.format(where=where)}: {said}.", f"{limit.remedy}{AGAIN}"
