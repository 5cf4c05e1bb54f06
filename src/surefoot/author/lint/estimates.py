"""Turns what a revision did to a few hundred rows into seconds of the real tables, and those into errors and warnings.

The rates are on the safe side of what an idle server with a solid-state disk does. They are estimates: a rehearsal
measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from surefoot import budgets
from surefoot.author.lint.lint_findings import WARNING, Finding, RevisionFindings
from surefoot.author.lint.row_facts import CHANGE, INDEX, REWRITE, SCAN, Fact, Work
from surefoot.author.lint.table_sizes import TableSizes
from surefoot.budgets import Budget, Raise
from surefoot.operate.rehearse.rehearsal_result import MODES
from surefoot.wording import duration

BY_SIZE = frozenset({
    "adding-foreign-key-constraint", "adding-not-nullable-field", "attach-scans-table", "backfill-in-one-statement",
    "constraint-missing-not-valid", "disallowed-unique-constraint", "exclusion-constraint-scans",
    "lock-held-beside-long-work", "require-concurrent-index-creation", "rewrites-table",
    "validated-in-the-same-transaction",
})  # fmt: skip
"""Rules on what only takes long in a large table."""
OF_TRANSACTION = frozenset({"lock-held-beside-long-work", "validated-in-the-same-transaction"})
"""Rules on all that a transaction does."""
LOCKS = {
    "RowExclusiveLock": "ROW EXCLUSIVE", "ShareLock": "SHARE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """What PostgreSQL does in a second: rows, and bytes of a table with its indexes."""

    rows: int
    bytes: int


RATES = {
    REWRITE: Rate(75_000, 50_000_000),
    INDEX: Rate(200_000, 200_000_000),
    SCAN: Rate(1_000_000, 400_000_000),
    CHANGE: Rate(30_000, 20_000_000),
}


def seconds_of(work: Work, sizes: TableSizes) -> float:
    """Return how long work takes about; 0 where nobody knows the table's size."""
    size, rate = sizes.of(work.table), RATES.get(work.kind)
    if size is None or rate is None:
        return 0.0
    return work.share * max(size.rows / rate.rows, (size.bytes or 0) / rate.bytes)


def judged(found: RevisionFindings, findings: Sequence[Finding], sizes: TableSizes, budget: Budget) -> list[Finding]:
    """Return the findings with an estimate where the sizes tell; what fits into `budget` is a warning."""
    return [_judged(each, found.facts, sizes, budget) for each in findings]


def own_budget(budget: Budget, raises: Sequence[Raise]) -> Budget:
    """Return the budget of a revision: what its comments ask for with a reason is added."""
    for each in raises:
        if each.limits and each.reason:
            budget = budget.raised(each.limits)
    return budget


def raises_of(file: Path) -> list[Raise]:
    """Return what the comments of a revision ask for."""
    return budgets.raises_in(file.read_text("utf-8"))


def _judged(finding: Finding, facts: Sequence[Fact], sizes: TableSizes, budget: Budget) -> Finding:
    here = [each for each in facts if each.direction == finding.direction and each.line == finding.line]
    here = [each for each in here if each.statement == finding.statement] or here
    if finding.rule in OF_TRANSACTION:
        numbers = {each.transaction for each in here}
        here = [each for each in facts if each.direction == finding.direction and each.transaction in numbers]
    work = [each for fact in here for each in fact.work if each.kind in RATES]
    known = [size for each in work if (size := sizes.of(each.table)) is not None]
    if finding.rule not in BY_SIZE or not work or len(known) < len(work):
        return finding
    taken = sum(seconds_of(each, sizes) for each in work)
    mode = max((LOCKS[mode] for fact in here for _, mode in fact.held), key=MODES.index, default="")
    estimate = f"about {duration(taken)} at {max(each.rows for each in known):,} rows{f', {mode}' if mode else ''}"
    rewritten = sum(sizes.rows_of(each.table) for each in work if each.kind == REWRITE)
    limit = budget.readers if mode == MODES[-1] else budget.writers
    fits = limit is not None and taken <= limit and budget.rewritten is not None and rewritten <= budget.rewritten
    return replace(finding, estimate=estimate, level=WARNING if fits else finding.level)
