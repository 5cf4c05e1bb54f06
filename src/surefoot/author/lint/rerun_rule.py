"""Rule on what is committed before the revision is recorded: a second run must pass and end in the same database.

It is tried, not guessed: the revision is cut off on a copy of the database and run again.
"""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.history_run import Outcome, Rerun
from surefoot.author.lint.lint_findings import Finding, at, in_general
from surefoot.author.lint.statement_info import alters, name_at, target
from surefoot.author.lint.statement_recorder import Recording, Statement
from surefoot.catalogue.compare import compare

NOT_TWICE = "not-rerunnable"

WHY_FAILS = (
    "This is committed before the revision is recorded. Cut off afterwards and run again, the revision stops at this "
    "statement for ever: {fault}."
)
WHY_ALSO = "This is committed before the revision is recorded, and by its text it fails when it is there already."
WHY_INVALID = (
    "A concurrent build that was cut off leaves an INVALID index under this name; IF NOT EXISTS takes it for the "
    "index, and queries never use it."
)
WHY_OTHER = "Cut off before it was recorded and run again, the revision leaves another database: {difference}."

NAMED = frozenset({
    "aggregate", "domain", "extension", "function", "index", "policy", "procedure", "role", "rule", "schema",
    "sequence", "statistics", "table", "trigger", "type", "view",
})  # fmt: skip


def not_twice(recording: Recording, straight: Outcome | None, rerun: Rerun | None) -> Iterator[Finding]:
    """What a second run after a cut-off stumbles over, or does twice. None where nothing is committed early."""
    yield from _invalid_leftovers(recording)
    if rerun is None:
        return
    if rerun.outcome is None:
        yield from _failed(recording, rerun)
    elif straight is not None:
        difference = _difference(straight, rerun.outcome)
        if difference:
            why = WHY_OTHER.format(difference=difference)
            yield in_general(recording, NOT_TWICE, why, remedies.rerunnable(()))


def commits_early(recording: Recording) -> bool:
    """Whether a statement of the revision is committed before the revision is recorded."""
    return any(recording.committed(statement) for statement in recording.statements)


def _failed(recording: Recording, rerun: Rerun) -> Iterator[Finding]:
    why = WHY_FAILS.format(fault=rerun.fault)
    failed = rerun.statement
    if failed is None:
        yield in_general(recording, NOT_TWICE, why, remedies.rerunnable(()))
        return
    yield at(recording, failed, NOT_TWICE, why, remedies.rerunnable(failed.words))
    reached = [number for number, each in enumerate(recording.statements) if each.sql == failed.sql]
    for statement in recording.statements[reached[0] + 1 if reached else len(recording.statements) :]:
        if recording.committed(statement) and not statement.online and _fails_twice(statement):
            yield at(recording, statement, NOT_TWICE, WHY_ALSO, remedies.rerunnable(statement.words))


def _fails_twice(statement: Statement) -> bool:
    """By its text, for what the second run did not reach."""
    words = statement.words
    if words[:1] == ("create",):
        kind = next((word for word in words[1:4] if word in NAMED), None)
        return (
            kind is not None
            and words[3:5] != ("not", "exists")
            and "exists" not in words[:7]
            and "replace" not in words[:3]
        )
    if words[:1] == ("drop",):
        return "if" not in words[:4]
    return any(
        (action[:1] in {("add",), ("drop",)} and "if" not in action[:3]) or action[:1] == ("rename",)
        for action in alters(words)
    )


def _invalid_leftovers(recording: Recording) -> Iterator[Finding]:
    """CREATE INDEX CONCURRENTLY IF NOT EXISTS without a word about the INVALID index that may be there."""
    dropped: set[str] = set()
    for piece in recording.pieces():
        words = piece.words
        for place in range(len(words) - 1):
            if words[place : place + 2] == ("drop", "index"):
                after = words[place + 2 :]
                dropped.update(name_at(after, number)[0] or "" for number in range(min(4, len(after))))
        build = words[:1] == ("create",) and "concurrently" in words[:4] and "exists" in words[:7]
        if build and not piece.online and not recording.is_new(target(words), piece.after):
            name = name_at(words, words.index("exists") + 1)[0]
            if name not in dropped:
                yield at(recording, piece, NOT_TWICE, WHY_INVALID, remedies.create_index(words))


def _difference(straight: Outcome, rerun: Outcome) -> str:
    found = [str(deviation) for deviation in compare(straight.catalogue, rerun.catalogue).deviations]
    found += [
        f"{table} has {rerun.rows.get(table, 0)} rows, not {count}"
        for table, count in straight.rows.items()
        if rerun.rows.get(table, 0) != count
    ]
    return "; ".join(found[:3]) + ("; …" if len(found) > 3 else "")
