"""Rules on what stands together in one transaction: NOT VALID with VALIDATE, ACCESS EXCLUSIVE beside long work."""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at
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
    """A constraint that is added NOT VALID and validated in one transaction, on a table that was there before."""
    added: set[tuple[tuple[int, int], str]] = set()
    for piece in recording.pieces():
        if piece.online or recording.is_new(target(piece.words), piece.after):
            continue
        for subject in alters(piece.words):
            if subject[:2] == ("add", "constraint") and subject[-2:] == ("not", "valid"):
                added.add((piece.transaction, subject[2]))
            elif subject[:2] == ("validate", "constraint") and (piece.transaction, subject[2]) in added:
                safe = remedies.two_transactions(piece.words)
                yield at(recording, piece, VALIDATED_AT_ONCE, WHY_VALIDATED, safe)


def lock_held(recording: Recording) -> Iterator[Finding]:
    """Data statements, index builds or validation after an ACCESS EXCLUSIVE lock in the same transaction.

    Outside DO blocks the locks are those that the session really held (pg_locks); inside, what the text asks for.
    One finding a transaction: its first long statement.
    """
    holders: dict[tuple[int, int], tuple[str, Statement]] = {}
    long: dict[tuple[int, int], list[Statement]] = {}
    for piece in recording.pieces():
        if piece.online:
            continue
        if piece.transaction in holders and _is_long(recording, piece):
            long.setdefault(piece.transaction, []).append(piece)
        if piece.transaction not in holders:
            table = _locked(recording, piece)
            if table is not None:
                holders[piece.transaction] = table, piece
    for transaction, statements in long.items():
        table, holder = holders[transaction]
        more = f", nor during {len(statements) - 1} more after it" if len(statements) > 1 else ""
        why = WHY_HELD.format(table=table, line=holder.line, more=more)
        yield at(recording, statements[0], LOCK_HELD, why, remedies.apart(statements[0].words))


def _locked(recording: Recording, piece: Statement) -> str | None:
    if piece.inner:
        name = locks(piece.words)
        return name if name is not None and not recording.is_new(name, piece.after) else None
    for oid in sorted(piece.after.locked() & recording.start.relations.keys()):
        if recording.start.relations[oid].is_table:
            return str(recording.start.relations[oid])
    return None


def _is_long(recording: Recording, piece: Statement) -> bool:
    words = piece.words
    written = data_target(words)
    if written is not None and written[0] in {"update", "delete"}:
        relation = piece.before.find(written[1])
        return key_condition(condition(words), relation.keys if relation else frozenset({"id"})) != "row"
    if written is not None:
        return any(recording.existing(name, piece.before) or UNKNOWN in name for name in reads(words))
    if words[:2] in {("create", "index"), ("create", "unique")} or words[:1] in {("reindex",), ("cluster",)}:
        return "concurrently" not in words and not recording.is_new(target(words), piece.before)
    if recording.is_new(target(words), piece.before):
        return False
    return any(
        subject[:1] == ("validate",) or (_scans(subject) and subject[-2:] != ("not", "valid"))
        for subject in alters(words)
    )


def _scans(subject: tuple[str, ...]) -> bool:
    """Whether adding this constraint looks at every row; a plain column's own constraints do not count here."""
    return subject[:2] == ("add", "constraint") and not {"using"} & set(subject[:5])
