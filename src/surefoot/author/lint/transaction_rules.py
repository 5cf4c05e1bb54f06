"""Rules on what shares a transaction: NOT VALID with VALIDATE, an ACCESS EXCLUSIVE lock with long work."""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at_statement
from surefoot.author.lint.sql_tokens import UNKNOWN
from surefoot.author.lint.statement_info import alters, condition, data_target, key_condition, locks, reads, target
from surefoot.author.lint.statement_recorder import Recording, Statement

VALIDATED_AT_ONCE = "validated-in-the-same-transaction"
LOCK_HELD = "lock-held-beside-long-work"

WHY_VALIDATED = (
    "NOT VALID and VALIDATE in one transaction keep the strong lock of the first for the scan of the second: users of "
    "the table wait exactly as long as for the plain constraint."
)
WHY_HELD = (
    "{table} is locked ACCESS EXCLUSIVE by line {line} until the transaction ends: nobody reads or writes it while "
    "this runs{more}."
)


def validated_at_once(recording: Recording) -> Iterator[Finding]:
    """Find constraints of existing tables that are added NOT VALID and validated in one transaction."""
    added: set[tuple[tuple[int, int], str]] = set()
    for statement in recording.single_statements():
        if statement.online or recording.is_new(target(statement.words), statement.after):
            continue
        for subject in alters(statement.words):
            if subject[:2] == ("add", "constraint") and subject[-2:] == ("not", "valid"):
                added.add((statement.transaction, subject[2]))
            elif subject[:2] == ("validate", "constraint") and (statement.transaction, subject[2]) in added:
                safe = remedies.two_transactions(statement.words)
                yield at_statement(recording, statement, VALIDATED_AT_ONCE, WHY_VALIDATED, safe)


def lock_held(recording: Recording) -> Iterator[Finding]:
    """Find changes of rows, index builds and validations after an ACCESS EXCLUSIVE lock in the same transaction.

    Outside DO blocks the locks are those of pg_locks; inside, those that the text implies. There is one finding for
    each transaction, at its first long statement.
    """
    holders: dict[tuple[int, int], tuple[str, Statement]] = {}
    long: dict[tuple[int, int], list[Statement]] = {}
    for statement in recording.single_statements():
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
        yield at_statement(recording, statements[0], LOCK_HELD, why, remedies.own_transaction(statements[0].words))


def _locked(recording: Recording, statement: Statement) -> str | None:
    if statement.inner:
        name = locks(statement.words)
        return name if name is not None and not recording.is_new(name, statement.after) else None
    for oid in sorted(statement.after.locked() & recording.start.relations.keys()):
        if recording.start.relations[oid].is_table:
            return str(recording.start.relations[oid])
    return None


def _is_long(recording: Recording, statement: Statement) -> bool:
    words = statement.words
    written = data_target(words)
    if written is not None and written[0] in {"update", "delete"}:
        relation = statement.before.find(written[1])
        return key_condition(condition(words), relation.keys if relation else frozenset({"id"})) != "row"
    if written is not None:
        return any(recording.existing(name, statement.before) or UNKNOWN in name for name in reads(words))
    if words[:2] in {("create", "index"), ("create", "unique")} or words[:1] in {("reindex",), ("cluster",)}:
        return "concurrently" not in words and not recording.is_new(target(words), statement.before)
    if recording.is_new(target(words), statement.before):
        return False
    return any(
        subject[:1] == ("validate",) or (_scans(subject) and subject[-2:] != ("not", "valid"))
        for subject in alters(words)
    )


def _scans(subject: tuple[str, ...]) -> bool:
    """Return whether adding this constraint scans the table; USING INDEX does not."""
    return subject[:2] == ("add", "constraint") and not {"using"} & set(subject[:5])
