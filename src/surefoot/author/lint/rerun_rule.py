"""Rule on what is committed before the revision is recorded: a second run must succeed and make the same database.

The second run really happens: the revision is cut off on a copy of the database, and run again.
"""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.history_run import Outcome, Rerun
from surefoot.author.lint.lint_findings import Finding, at_function, at_statement
from surefoot.author.lint.statement_info import alters, name_at, target
from surefoot.author.lint.statement_recorder import Recording, Statement
from surefoot.catalogue.compare import compare

NOT_RERUNNABLE = "not-rerunnable"

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


def not_rerunnable(recording: Recording, uninterrupted: Outcome | None, rerun: Rerun | None) -> Iterator[Finding]:
    """Find what fails in a second run after a cut-off, or is done twice.

    `rerun` is None where nothing is committed early, `uninterrupted` where its outcome cannot be compared.
    """
    yield from _invalid_leftovers(recording)
    if rerun is None:
        return
    if rerun.outcome is None:
        yield from _failed(recording, rerun)
    elif uninterrupted is not None:
        difference = _difference(uninterrupted, rerun.outcome)
        if difference:
            why = WHY_OTHER.format(difference=difference)
            yield at_function(recording, NOT_RERUNNABLE, why, remedies.rerunnable(()))


def commits_early(recording: Recording) -> bool:
    """Return whether a statement of the revision is committed before the revision is recorded."""
    return any(recording.committed(statement) for statement in recording.statements)


def _failed(recording: Recording, rerun: Rerun) -> Iterator[Finding]:
    why = WHY_FAILS.format(fault=rerun.fault)
    failed = rerun.statement
    if failed is None:
        yield at_function(recording, NOT_RERUNNABLE, why, remedies.rerunnable(()))
        return
    yield at_statement(recording, failed, NOT_RERUNNABLE, why, remedies.rerunnable(failed.words))
    matching = [number for number, each in enumerate(recording.statements) if each.sql == failed.sql]
    for statement in recording.statements[matching[0] + 1 if matching else len(recording.statements) :]:
        if recording.committed(statement) and not statement.online and _fails_twice(statement):
            yield at_statement(recording, statement, NOT_RERUNNABLE, WHY_ALSO, remedies.rerunnable(statement.words))


def _fails_twice(statement: Statement) -> bool:
    """Return whether a second run of the statement would fail, by its text: the second run did not reach it."""
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
    """Find each CREATE INDEX CONCURRENTLY IF NOT EXISTS with no DROP of the INVALID index that may be left."""
    dropped: set[str] = set()
    for statement in recording.single_statements():
        words = statement.words
        for place in range(len(words) - 1):
            if words[place : place + 2] == ("drop", "index"):
                after = words[place + 2 :]
                dropped.update(name_at(after, number)[0] or "" for number in range(min(4, len(after))))
        build = words[:1] == ("create",) and "concurrently" in words[:4] and "exists" in words[:7]
        if build and not statement.online and not recording.is_new(target(words), statement.after):
            name = name_at(words, words.index("exists") + 1)[0]
            if name not in dropped:
                yield at_statement(recording, statement, NOT_RERUNNABLE, WHY_INVALID, remedies.create_index(words))


def _difference(uninterrupted: Outcome, rerun: Outcome) -> str:
    found = [str(deviation) for deviation in compare(uninterrupted.catalogue, rerun.catalogue).deviations]
    found += [
        f"{table} has {rerun.rows.get(table, 0)} rows, not {count}"
        for table, count in uninterrupted.rows.items()
        if rerun.rows.get(table, 0) != count
    ]
    return "; ".join(found[:3]) + ("; …" if len(found) > 3 else "")
