"""Rule on what is committed before the revision is recorded: a second run must succeed and make the same database.

The second run really happens: the revision is cut off on a copy of the database, and run again.
"""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.history_run import Outcome, Rerun
from surefoot.author.lint.lint_findings import Finding, at_function, at_statement
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.statement_info import actions, constraint_of, target
from surefoot.author.lint.syntax import Parsed, nodes, strings, whole
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
            yield at_function(recording, NOT_RERUNNABLE, why, remedies.rerunnable(Parsed("")))


def commits_early(recording: Recording) -> bool:
    """Return whether a statement of the revision is committed before the revision is recorded."""
    return any(recording.committed(statement) for statement in recording.statements)


def _failed(recording: Recording, rerun: Rerun) -> Iterator[Finding]:
    why = WHY_FAILS.format(fault=rerun.fault)
    failed = rerun.statement
    if failed is None:
        yield at_function(recording, NOT_RERUNNABLE, why, remedies.rerunnable(Parsed("")))
        return
    yield at_statement(recording, failed, NOT_RERUNNABLE, why, remedies.rerunnable(failed.parsed))
    matching = [number for number, each in enumerate(recording.statements) if each.sql == failed.sql]
    for statement in recording.statements[matching[0] + 1 if matching else len(recording.statements) :]:
        if recording.committed(statement) and not statement.online and _fails_twice(statement.parsed):
            yield at_statement(recording, statement, NOT_RERUNNABLE, WHY_ALSO, remedies.rerunnable(statement.parsed))


def _fails_twice(parsed: Parsed) -> bool:
    """Return whether a second run of the statement would fail, by its text: the second run did not reach it."""
    node = parsed.node
    if parsed.kind.startswith("Create") or parsed.kind in {"IndexStmt", "ViewStmt", "DefineStmt"}:
        return not any(node.get(guard) for guard in ("if_not_exists", "replace"))
    if parsed.kind == "DropStmt":
        return not node.get("missing_ok")
    return parsed.kind == "RenameStmt" or any(
        action["subtype"].startswith(("AT_Add", "AT_Drop"))
        and not action.get("missing_ok")
        and (action["subtype"] in {"AT_AddColumn", "AT_DropColumn", "AT_DropConstraint"} or constraint_of(action))
        for action in actions(parsed)
    )


def _invalid_leftovers(recording: Recording) -> Iterator[Finding]:
    """Find each CREATE INDEX CONCURRENTLY IF NOT EXISTS with no DROP of the INVALID index that may be left."""
    dropped: set[str] = set()
    for statement in recording.single_statements:
        node = statement.parsed.node
        for _, drop in nodes(whole(statement.parsed), "DropStmt"):
            if drop["removeType"] == "OBJECT_INDEX":
                dropped.update(strings(each["List"]["items"])[-1] for each in drop["objects"])
        build = statement.parsed.kind == "IndexStmt" and node.get("concurrent") and node.get("if_not_exists")
        new = recording.is_new(target(statement.parsed), statement.after)
        if build and not statement.online and not new and node.get("idxname") not in dropped:
            safe = remedies.create_index(statement.parsed)
            yield at_statement(recording, statement, NOT_RERUNNABLE, WHY_INVALID, safe)


def _difference(uninterrupted: Outcome, rerun: Outcome) -> str:
    found = [str(deviation) for deviation in compare(uninterrupted.catalogue, rerun.catalogue).deviations]
    found += [
        f"{table} has {rerun.rows.get(table, 0)} rows, not {count}"
        for table, count in uninterrupted.rows.items()
        if rerun.rows.get(table, 0) != count
    ]
    return "; ".join(found[:3]) + ("; …" if len(found) > 3 else "")
