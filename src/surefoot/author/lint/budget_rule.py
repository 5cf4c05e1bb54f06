"""Rule on the budget: what a revision would cost whoever uses tables as large as the real ones."""

import re
from collections.abc import Iterator
from pathlib import Path

from surefoot.author.lint.estimates import LOCKS, seconds_of
from surefoot.author.lint.lint_findings import OVER_BUDGET, Finding, RevisionFindings
from surefoot.author.lint.row_facts import LOST, REWRITE
from surefoot.author.lint.span import Span
from surefoot.author.lint.table_sizes import TableSizes
from surefoot.budgets import Budget, Raise
from surefoot.operate.rehearse import budget_checks
from surefoot.operate.rehearse.rehearsal_result import MODES, HeldLock, RevisionRun, RewrittenTable

ASKED = re.compile(r"# budget: (\S+)")


def over_budget(
    found: RevisionFindings, file: Path, sizes: TableSizes, budget: Budget, raises: list[Raise]
) -> Iterator[Finding]:
    """Yield a finding for each limit that the revision exceeds, as a rehearsal does, and for each wrong comment."""
    run = _run(found, sizes)
    lost = {work.table for each in found.facts for work in each.work if work.kind == LOST}
    rows = sum(size.rows for table in lost if (size := sizes.of(table)) is not None)
    asked = {found.revision: raises}
    for direction, sentences in (
        ("upgrade", budget_checks.exceeded(budget, [run], asked)),
        ("downgrade", budget_checks.lost(budget, [run], asked, rows)),
    ):
        for said in sentences:
            limit = ASKED.search(said)
            safe = "# split it into revisions of their own, or work in batches, with op.backfill and op.*_online; or:\n"
            safe += f"# budget: {limit[1] if limit else 'readers=3'} <why it does no harm here>"
            why = f"{said}. This is an estimate, for the rows of {sizes.source}."
            yield Finding(OVER_BUDGET, found.revision, file, direction, (_function(file, direction),), "", why, safe)


def _run(found: RevisionFindings, sizes: TableSizes) -> RevisionRun:
    """Return what a rehearsal on tables of these sizes would measure about: of tables of unknown size nothing."""
    upgrade = [each for each in found.facts if each.direction == "upgrade"]
    held: dict[tuple[tuple[int, int], str], str] = {}
    spent: dict[tuple[tuple[int, int], str], float] = {}
    for fact in upgrade:
        taken = sum(seconds_of(each, sizes) for each in fact.work)
        for table, mode in fact.held:
            held[fact.transaction, table] = max(LOCKS[mode], held.get((fact.transaction, table), ""), key=_strength)
        for key in held:
            if key[0] == fact.transaction:
                spent[key] = spent.get(key, 0.0) + taken
    rewritten = dict.fromkeys(work.table for each in upgrade for work in each.work if work.kind == REWRITE)
    return RevisionRun(
        revision=found.revision, message="", sha256="",
        seconds=sum(seconds_of(work, sizes) for each in upgrade for work in each.work),
        locks=tuple(
            HeldLock(key[1].removeprefix("public."), mode, spent.get(key, 0.0), 1, changes=mode == "ROW EXCLUSIVE")
            for key, mode in held.items()
        ),
        changed=(),
        rewritten=tuple(RewrittenTable(each.removeprefix("public."), sizes.rows_of(each)) for each in rewritten),
        wal=0, size=0,
    )  # fmt: skip


def _strength(mode: str) -> int:
    return MODES.index(mode) if mode else -1


def _function(file: Path, direction: str) -> Span:
    lines = file.read_text("utf-8").splitlines()
    number = next((number for number, each in enumerate(lines, 1) if each.startswith(f"def {direction}(")), 1)
    return Span(number, number)
