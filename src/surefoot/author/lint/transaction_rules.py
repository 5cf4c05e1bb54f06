"""Rules on what shares a transaction: NOT VALID with VALIDATE, a strong lock with long work or with a pause."""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at_statement
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.statement_info import (
    SHARE,
    actions,
    bound,
    changes,
    constraint_of,
    locks,
    reads,
    scans,
    target,
    targets,
)
from surefoot.author.lint.syntax import UNKNOWN, functions
from surefoot.author.lint.table_state import BLOCKING, State

VALIDATED_AT_ONCE = "validated-in-the-same-transaction"
LOCK_HELD = "lock-held-beside-long-work"
LOCKS = "lock-table"
WAITS = "waits-under-lock"
PAUSE = 0.5
"""Seconds of Python between the statements under a lock that are too long on a scratch database already."""
NOISE = 0.01
"""Seconds of Python between two statements that count for nothing: the machine may be busy."""
SLOW = 1.0
"""The same of one statement."""

WHY_VALIDATED = (
    "NOT VALID and VALIDATE in one transaction keep the strong lock of the first for the scan of the second: users of "
    "the table wait exactly as long as for the plain constraint."
)
WHY_HELD = (
    "{table} is locked ACCESS EXCLUSIVE by line {line} until the transaction ends: nobody reads or writes it while "
    "this runs{more}."
)
WHY_LOCKS = (
    "{table} is locked by hand until the transaction ends: whoever writes it waits, and everybody queues behind the "
    "first who does."
)
WHY_WAITS = "{what} while {table} is locked until the transaction ends: whoever uses the table waits as long."
SAFE_LOCKS = "# leave it out: each statement takes the lock that it needs, for as long as it needs it"
SAFE_WAITS = (
    "# compute and wait before the first statement that locks, or in a revision of its own;\n"
    '# values for the rows: op.backfill("{table}", {{"<column>": "<expression>"}}, "<column> is null")'
)


def validated_at_once(recording: Recording) -> Iterator[Finding]:
    """Find constraints of existing tables that are added NOT VALID and validated in one transaction."""
    added: set[tuple[tuple[int, int], str]] = set()
    for statement in recording.single_statements:
        if statement.online or recording.is_new(target(statement.parsed), statement.after):
            continue
        for action in actions(statement.parsed):
            constraint = constraint_of(action)
            if constraint.get("skip_validation"):
                added.add((statement.transaction, constraint.get("conname", "")))
            elif action["subtype"] == "AT_ValidateConstraint" and (statement.transaction, action["name"]) in added:
                safe = remedies.two_transactions(statement.parsed)
                yield at_statement(recording, statement, VALIDATED_AT_ONCE, WHY_VALIDATED, safe)


def lock_held(recording: Recording) -> Iterator[Finding]:
    """Find changes of rows, index builds and validations after an ACCESS EXCLUSIVE lock in the same transaction.

    Outside DO blocks the locks are those of pg_locks; inside, those that the text implies. There is one finding for
    each transaction, at its first long statement.
    """
    holders: dict[tuple[int, int], tuple[str, Statement]] = {}
    long: dict[tuple[int, int], list[Statement]] = {}
    for statement in recording.single_statements:
        if statement.online:
            continue
        if statement.transaction in holders and _is_long(recording, statement):
            long.setdefault(statement.transaction, []).append(statement)
        if statement.transaction not in holders:
            table = _locked(recording, statement)
            if table is not None:
                holders[statement.transaction] = table, statement
    for transaction, statements in long.items():
        table, holder = holders[transaction]
        more = f", nor during {len(statements) - 1} more after it" if len(statements) > 1 else ""
        why = WHY_HELD.format(table=table, line=holder.line, more=more)
        yield at_statement(recording, statements[0], LOCK_HELD, why, remedies.own_transaction(statements[0].parsed))


def locked_by_hand(recording: Recording) -> Iterator[Finding]:
    """Find each LOCK TABLE on an existing table, in a mode that stops whoever writes."""
    for statement in recording.single_statements:
        if statement.online or statement.parsed.kind != "LockStmt" or statement.parsed.node["mode"] < SHARE:
            continue
        tables = [name for name in targets(statement.parsed) if recording.existing(name, statement.before)]
        if tables:
            why = WHY_LOCKS.format(table=", ".join(tables))
            yield at_statement(recording, statement, LOCKS, why, SAFE_LOCKS)


def waits_under_lock(recording: Recording) -> Iterator[Finding]:
    """Find pg_sleep, and what took long by the clock, in Python or in the server, under a lock that stops writers."""
    held: dict[int, str] = {}
    paused: dict[int, float] = {}
    for statement in recording.statements:
        number = statement.transaction[0]
        table = held.get(number) or _blocked(recording, statement.after)
        sleeps = any("pg_sleep" in name for part in statement.parts() for name, _ in functions(part.parsed))
        if sleeps:
            table = table or _blocked(recording, statement.after, ("RowExclusiveLock",))
        if number in held and statement.idle > NOISE:
            paused[number] = paused.get(number, 0.0) + statement.idle
        what = "The server sleeps" if sleeps else _waited(statement, paused.get(number, 0.0))
        if what and paused.get(number, 0.0) > PAUSE:
            paused[number] = 0.0
        if table is not None and what is not None and not statement.online:
            yield _waiting(recording, statement, what, table)
        if table is not None:
            held[number] = table
    last = recording.statements[-1] if recording.statements else None
    if last is not None and not last.online and recording.idle_at_end > PAUSE and last.transaction[0] in held:
        what = f"Python took {recording.idle_at_end:.1f} s after this"
        yield _waiting(recording, last, what, held[last.transaction[0]])


def _waited(statement: Statement, paused: float) -> str | None:
    """Return what a transaction that holds a lock waited for up to this statement; None where it did not."""
    if statement.seconds > SLOW:
        return f"This took {statement.seconds:.1f} s, with the few rows that are here,"
    if paused > PAUSE:
        return f"Python took {paused:.1f} s before this"
    return None


def _waiting(recording: Recording, statement: Statement, what: str, table: str) -> Finding:
    why = WHY_WAITS.format(what=what, table=table)
    return at_statement(recording, statement, WAITS, why, SAFE_WAITS.format(table=table))


def _blocked(recording: Recording, state: State, modes: tuple[str, ...] = BLOCKING) -> str | None:
    """Return an existing table on which the session holds a lock in one of `modes`."""
    for table in recording.tables():
        now = state.relations.get(table.oid)
        if now is not None and now.modes & set(modes):
            return str(table)
    return None


def _locked(recording: Recording, statement: Statement) -> str | None:
    if statement.inner:
        names = (name for name in locks(statement.parsed) if not recording.is_new(name, statement.after))
        return next(names, None)
    for oid in sorted(statement.after.locked() & recording.start.relations.keys()):
        if recording.start.relations[oid].is_table:
            return str(recording.start.relations[oid])
    return None


def _is_long(recording: Recording, statement: Statement) -> bool:
    parsed = statement.parsed
    if parsed.kind in {"IndexStmt", "ReindexStmt", "ClusterStmt"}:
        return not parsed.node.get("concurrent") and not recording.is_new(target(parsed), statement.before)
    for change in changes(parsed):
        relation = statement.before.find(change.table)
        if change.verb == "insert":
            if any(recording.existing(name, statement.before) or UNKNOWN in name for name in reads(parsed)):
                return True
        elif relation is None or bound(change, relation.keys, relation.column_names, inner=statement.inner) != "row":
            return True
    return not recording.is_new(target(parsed), statement.before) and any(map(scans, actions(parsed)))
