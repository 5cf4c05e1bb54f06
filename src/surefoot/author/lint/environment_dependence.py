"""Rule A11: what a revision reads of its environment may decide about data, never about the schema.

The rule checks the revision's source, its statements, and what it did in a session with another time zone.
"""

import ast
import itertools
from collections.abc import Iterator

from surefoot.author.lint.history_run import TIME_ZONE_ELSEWHERE, Elsewhere, Outcome
from surefoot.author.lint.lint_findings import Finding, at_function, at_statement
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.source_file import SourceFile
from surefoot.author.lint.source_flow import Dependence, Effect, Flow
from surefoot.author.lint.span import Span
from surefoot.author.lint.sql_tokens import DDL, block_body, words
from surefoot.catalogue.compare import compare

BRANCHES = "schema-branches-on-environment"
ELSEWHERE = f"in the time zone {TIME_ZONE_ELSEWHERE}"

WHY_SOURCE = {
    Effect.WHETHER: "The schema depends on where the revision runs: {read} decides whether this is run. Two databases "
    "at the same revision are then not the same.",
    Effect.WHAT: "The schema depends on where the revision runs: {read} is part of this statement. Two databases at "
    "the same revision are then not the same.",
    Effect.FAILURE: "The revision may run here, and fail elsewhere: {read} decides it in line {line}.",
}
WHY_STATEMENTS = (
    "The schema depends on where the revision runs: {elsewhere}, this statement {fate}. Two databases at the same "
    "revision are then not the same."
)
WHY_FAILS = "The revision runs here, and fails elsewhere ({elsewhere}): {fault}."
WHY_CATALOGUE = "The same statements made different schemas ({elsewhere}): {difference}."
WHY_ASKS = (
    "The statement asks the server where it is ({asked}) and what follows may depend on the answer: a schema must not."
)
SAFE = """# one schema everywhere; let the data depend on the environment, where something must:
op.add_column("settings", sa.Column("banner", sa.Text(), server_default=""), if_not_exists=True)
if os.environ.get("DEMO"):
    op.execute("insert into ... on conflict do nothing")"""

ASKS = frozenset({"current_database", "current_user", "session_user", "current_role", "current_catalog",
                  "inet_server_addr", "inet_client_addr", "inet_server_port", "pg_postmaster_start_time"})  # fmt: skip


def dependences(recording: Recording, outcome: Outcome, other: Elsewhere | None) -> Iterator[Finding]:
    """Yield what in the source depends on the environment, and the statements that ask the server where it is.

    Where the revision ran in a session elsewhere as well, yield the first difference to that run.
    """
    for each in Flow(SourceFile(recording.file)).dependences(recording.direction):
        yield _in_source(recording, each)
    difference = _difference(recording, outcome, other) if other is not None else None
    if difference is not None:
        yield difference
    for statement in recording.statements:
        asked = sorted(ASKS & _called(statement))
        if asked and not statement.online:
            yield at_statement(recording, statement, BRANCHES, WHY_ASKS.format(asked=", ".join(asked)), SAFE)


def _in_source(recording: Recording, dependence: Dependence) -> Finding:
    here = dependence.calls[0]
    why = WHY_SOURCE[dependence.effect].format(read=dependence.read, line=here.lineno)
    if dependence.effect is Effect.FAILURE:
        return at_function(recording, BRANCHES, why, SAFE)
    spans = tuple(Span(each.lineno, each.end_lineno or each.lineno) for each in dependence.calls)
    return Finding(
        BRANCHES, recording.revision, recording.file, recording.direction, spans, ast.unparse(here), why, SAFE
    )


def _difference(recording: Recording, outcome: Outcome, other: Elsewhere) -> Finding | None:
    if other.recording is None:
        why = WHY_FAILS.format(elsewhere=ELSEWHERE, fault=other.fault)
        return at_function(recording, BRANCHES, why, SAFE)
    here, there = _schema_changes(recording), _schema_changes(other.recording)
    for mine, theirs in itertools.zip_longest(here, there):
        if mine is None or theirs is None or mine.words != theirs.words:
            missing = mine is not None and mine.words not in {each.words for each in there}
            fate = "is not run" if missing else "is run" if theirs is not None else "is run in another order"
            shown = theirs if theirs is not None and not missing else mine
            assert shown is not None
            return at_statement(recording, shown, BRANCHES, WHY_STATEMENTS.format(elsewhere=ELSEWHERE, fate=fate), SAFE)
    difference = compare(outcome.catalogue, other.catalogue) if other.catalogue is not None else None
    if difference:
        shown_difference = "; ".join(str(deviation) for deviation in difference.deviations[:3])
        why = WHY_CATALOGUE.format(elsewhere=ELSEWHERE, difference=shown_difference)
        return at_function(recording, BRANCHES, why, SAFE)
    return None


def _schema_changes(recording: Recording) -> list[Statement]:
    return [statement for statement in recording.single_statements if statement.words[:1] and statement.words[0] in DDL]


def _called(statement: Statement) -> set[str]:
    """Return the words of a SELECT, or of a block that changes the schema; a change of rows may know its author."""
    if statement.parsed.kind == "SelectStmt":
        return set(statement.words)
    if statement.parsed.kind == "DoStmt" and any(part.words[:1] and part.words[0] in DDL for part in statement.parts()):
        return set(words(block_body(statement.sql)))
    return set()
