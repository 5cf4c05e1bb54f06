"""Runs squawk on the recorded statements, and keeps its findings on tables that the revision did not make."""

import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from surefoot.author.lint import remedies, squawk_program
from surefoot.author.lint.lint_findings import Finding, at_statement
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.statement_info import actions, constraint_of, target, targets
from surefoot.author.lint.syntax import Parsed, nodes
from surefoot.errors import FailedError

LEFT_OUT = {
    "adding-field-with-default": "rewrites-table has seen whether the table was rewritten",
    "ban-alter-identity": "a matter of design",
    "ban-char-field": "a matter of design",
    "ban-drop-": "loses-data has seen what is gone; the rest takes no time, and comes back by the downgrade",
    "ban-truncate-cascade": "loses-data",
    "changing-column-type": "rewrites-table has seen whether the table was rewritten",
    "prefer-": "matters of design; whether a statement runs twice was tried by not-rerunnable",
    "require-enum-value-ordering": "a matter of design",
    "require-lock-timeout": "env.py sets it for the session",
    "require-statement-timeout": "env.py sets it for the session",
    "require-timeout-settings": "env.py sets them for the session",
    "syntax-error": "the server has run it",
}
"""Rules of squawk that are not reported, by the beginning of the rule's name, and why."""

CHECKED_AT_ONCE = "constraint-missing-not-valid"
REPORTED_TWICE = frozenset({"CONSTR_FOREIGN", "CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION"})
"""Kinds of constraint that squawk reports by that rule although another, of exclusions one of ours, does so too."""
INLINE = frozenset({"CONSTR_FOREIGN", "CONSTR_NULL"})
FOREIGN_KEY = frozenset({"adding-foreign-key-constraint", CHECKED_AT_ONCE})

SAFE: dict[str, Callable[[Parsed], str]] = {
    "adding-foreign-key-constraint": remedies.add_constraint,
    "adding-not-nullable-field": remedies.set_not_null,
    "adding-required-field": remedies.set_not_null,
    "ban-concurrent-index-creation-in-transaction": remedies.create_index,
    "adding-serial-primary-key-field": remedies.primary_key,
    "constraint-missing-not-valid": remedies.add_constraint,
    "disallowed-unique-constraint": remedies.add_constraint,
    "require-concurrent-index-creation": remedies.create_index,
    "require-concurrent-index-deletion": remedies.drop_index,
    "renaming-column": remedies.rename,
    "renaming-table": remedies.rename,
}
NOT_SENT = frozenset({"TransactionStmt", "DoStmt"})
"""Statements that squawk is not given: transactions are marked anew, and it does not read blocks."""


@dataclass(frozen=True)
class _Section:
    """The file for squawk with the statements of one step in their transactions; `statements` has their first lines."""

    recording: Recording
    statements: tuple[tuple[int, Statement], ...]
    text: str

    def at(self, line: int) -> Statement | None:
        before = [statement for first, statement in self.statements if first <= line]
        return before[-1] if before else None

    def without(self, lines: set[int]) -> "_Section":
        """Return the section without the statements on those lines: one that squawk cannot parse hides all findings."""
        unread = {id(self.at(line)) for line in lines}
        return _section(self.recording, [each for _, each in self.statements if id(each) not in unread])


def findings(recordings: list[Recording], version: str) -> tuple[list[Finding], list[int]]:
    """Return what squawk finds in the statements, for a server of that `version` (such as 18.1).

    The second value has for each recording the number of statements that squawk cannot parse; statements of DO blocks,
    which are PL/pgSQL in part, do not count. Raises UsageError where squawk is not installed, FailedError where it
    fails.
    """
    sections = [_section(each, list(each.single_statements)) for each in recordings]
    whole = [_readable(each) for each in sections]
    program = squawk_program.find()
    while True:
        reports = _run(program, sections, version)
        unread: list[set[int]] = [set() for _ in sections]
        for number, report in reports:
            if report["rule_name"] == "syntax-error":
                unread[number].add(int(report["line"]))
        if not any(unread):
            break
        fewer = [section.without(lines) for section, lines in zip(sections, unread, strict=True)]
        if sum(len(each.statements) for each in fewer) == sum(len(each.statements) for each in sections):
            raise FailedError(
                "squawk cannot read the recorded SQL, and does not say which statement it is.",
                "Check it with squawk --version; this is tested with 2.70.",
            )
        sections = fewer
    found = [_finding(sections[number], report) for number, report in reports]
    unreadable = [before - _readable(each) for before, each in zip(whole, sections, strict=True)]
    return [each for each in found if each is not None], unreadable


def _readable(section: _Section) -> int:
    return sum(not statement.inner for _, statement in section.statements)


def _finding(section: _Section, report: dict[str, str]) -> Finding | None:
    rule = report["rule_name"]
    statement = section.at(int(report["line"]))
    if rule.startswith(tuple(LEFT_OUT)) or statement is None or statement.online:
        return None
    parsed = statement.parsed
    if rule == CHECKED_AT_ONCE and _constraints(parsed) & REPORTED_TWICE:
        return None
    if _is_of_new_tables(section.recording, statement) or (rule in FOREIGN_KEY and _skips_the_scan(statement)):
        return None
    new = _new_column_that_refers(section.recording, statement) if rule in FOREIGN_KEY else None
    if new is not None:
        safe = remedies.inline_reference(target(parsed) or "...", new)
    elif rule in SAFE:
        safe = SAFE[rule](parsed)
    else:
        safe = report["help"] or f"read squawk's page on {rule}, and split or guard the statement"
    return at_statement(section.recording, statement, rule, report["message"], safe)


def _constraints(parsed: Parsed) -> set[str]:
    return {constraint["contype"] for _, constraint in nodes({parsed.kind: parsed.node}, "Constraint")}


def _is_of_new_tables(recording: Recording, statement: Statement) -> bool:
    """Return whether the revision made the tables of a statement itself; of one not understood, any that it names."""
    if not statement.parsed.kind:
        return not any(recording.existing(word, statement.before) for word in statement.words)
    return any(
        recording.is_new(name, state)
        for name in targets(statement.parsed)
        for state in (statement.before, statement.after)
    )


def _skips_the_scan(statement: Statement) -> bool:
    """Return whether PostgreSQL believes a foreign key without a look: inline, of a new column that is NULL everywhere.

    So it does where ADD COLUMN has no default, and no other action of the statement adds a foreign key.
    """
    added = [action for action in actions(statement.parsed) if action["subtype"] == "AT_AddColumn"]
    others = [constraint_of(action).get("contype") for action in actions(statement.parsed)]
    relation = statement.after.find(target(statement.parsed) or "")
    names = {action["def"]["ColumnDef"]["colname"] for action in added}
    filled = any(column.filled for column in relation.columns.values() if column.name in names) if relation else True
    only_keys = "CONSTR_FOREIGN" in (kinds := _constraints(statement.parsed)) and kinds <= INLINE
    return bool(added) and only_keys and "CONSTR_FOREIGN" not in others and not filled


def _new_column_that_refers(recording: Recording, statement: Statement) -> str | None:
    """Return the column of a foreign key that the revision itself has added, without a default."""
    table = recording.existing(target(statement.parsed), statement.after)
    if table is None:
        return None
    former = recording.start.relations[table.oid].columns
    for oid, key in statement.after.constraints.items():
        if key.kind == "f" and key.table == table.oid and oid not in statement.before.constraints:
            column = table.columns.get(str(key.columns[0]))
            if column and len(key.columns) == 1 and str(key.columns[0]) not in former and not column.filled:
                return column.name
    return None


def _section(recording: Recording, statements: list[Statement]) -> _Section:
    lines: list[str] = []
    lines_of: list[tuple[int, Statement]] = []
    sent = [each for each in statements if each.parsed.kind not in NOT_SENT]
    for _, group in itertools.groupby(sent, key=lambda each: each.transaction):
        together = list(group)
        alone = len(together) == 1 and recording.committed(together[0])
        lines += [] if alone else ["begin;"]
        for statement in together:
            lines_of.append((len(lines), statement))
            lines += f"{statement.sql};".split("\n")
        lines += [] if alone else ["commit;"]
    return _Section(recording, tuple(lines_of), "\n".join(lines) + "\n")


def _run(program: str, sections: list[_Section], version: str) -> list[tuple[int, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="surefoot-lint-") as folder:
        files = [Path(folder) / f"{number}.sql" for number in range(len(sections))]
        for file, section in zip(files, sections, strict=True):
            file.write_text(section.text, encoding="utf-8")
        command = [program, "--reporter", "json", "--pg-version", version, "--no-assume-in-transaction"]
        done = subprocess.run(
            [*command, *map(str, files)], capture_output=True, text=True, encoding="utf-8", check=False, cwd=folder
        )
        try:
            return [(int(Path(report["file"]).stem), report) for report in json.loads(done.stdout or "[]")]
        except ValueError as fault:
            raise FailedError(
                f"squawk failed ({done.returncode}): {(done.stderr or done.stdout).strip()[:300]}.",
                "Check it with squawk --version; this is tested with 2.70.",
            ) from fault
