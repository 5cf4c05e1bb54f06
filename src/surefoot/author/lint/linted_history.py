"""Lints revisions: what runs of them have found, now or before, and no comment acknowledges."""

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import URL

from surefoot.author import releases
from surefoot.author.forked_call import POSSIBLE, ForkedCall
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint import acknowledgements, released_findings, requested_revisions
from surefoot.author.lint.kept_findings import KeptFindings
from surefoot.author.lint.lint_findings import ERROR, Finding, RevisionFindings
from surefoot.author.lint.table_sizes import NO_SIZES, TableSizes
from surefoot.environment import alembic_api
from surefoot.settings import Settings

LONG = 8
"""Revisions in a row that are run in two halves at once; of fewer it would take longer to build where half begins."""


@dataclass(frozen=True)
class Report:
    """The revisions that were linted, and their findings: ordered as the history is, then by line."""

    revisions: tuple[str, ...]
    statements: int
    version: str
    findings: tuple[Finding, ...]
    unread: int = 0
    """The number of statements that squawk could not parse: only our own rules have checked them."""
    sizes: str = ""
    """What the sizes of real tables are from, by which findings were judged; empty where none are known."""

    @property
    def errors(self) -> int:
        """Return the number of findings that are no warnings."""
        return sum(each.level == ERROR for each in self.findings)


def lint(  # noqa: PLR0913  # what is linted, by what, and what is known of it
    settings: Settings,
    url: URL,
    requested: Sequence[str] = (),
    *,
    templates: KeptTemplates | None = None,
    known: bool = False,
    sizes: TableSizes = NO_SIZES,
) -> Report:
    """Lint the revisions `requested` (ids, `head`, ranges `a:b`), or all of them.

    The revisions run in scratch databases on the server of `url`; its own database is not touched. `templates` are
    those of the project where the caller has them. With `known` a revision does not run again where nothing has changed
    of all that its findings depend on. By the `sizes` of real tables what takes long in a large one is an error or a
    warning, and a revision that exceeds the budget is found, unless it is released. Raises UsageError for an unknown
    revision, and the migration's own error for one whose upgrade fails.
    """
    with ExitStack() as stack:
        templates = templates or stack.enter_context(KeptTemplates(settings, url, alembic_api.script(settings)))
        wanted = requested_revisions.find(templates.script, requested)
        kept = KeptFindings(settings, templates) if known else None
        found: list[RevisionFindings] = []
        done: list[str] = []
        for is_selected, group in itertools.groupby(wanted.history, key=wanted.selected.__contains__):
            revisions = list(group)
            if is_selected:
                found += _found(settings, url, templates, kept, done, revisions)
            done += revisions
    released = releases.listed(settings)
    known_rules = released_findings.acknowledged(settings)
    findings: list[Finding] = []
    for each in found:
        own = [finding for finding in each.own if (finding.revision, finding.rule) not in known_rules]
        file = Path(templates.script.get_revision(each.revision).path).resolve()
        is_released = each.revision in released
        left = _unacknowledged(each.revision, file, [*each.of_squawk, *own], released=is_released)
        findings += _by_size(settings, each, file, left, sizes, released=is_released) if sizes.tables else left
    return Report(
        tuple(each.revision for each in found), sum(each.statements for each in found), templates.version,
        tuple(findings), sum(each.unread for each in found), sizes.source,
    )  # fmt: skip


def _found(  # noqa: PLR0913, PLR0917  # what runs, and where
    settings: Settings,
    url: URL,
    templates: KeptTemplates,
    kept: KeptFindings | None,
    before: Sequence[str],
    revisions: Sequence[str],
) -> list[RevisionFindings]:
    """Return what is found in `revisions`, which follow those `before`: as kept, as far as it is, and by running."""
    found: list[RevisionFindings] = []
    done, left = [*before], [*revisions]
    while kept is not None and left and (more := kept.read(done, left)):
        found += more
        done, left = [*done, *left[: len(more)]], left[len(more) :]
    half = len(left) // 2 if POSSIBLE and len(left) >= LONG else len(left)
    parts = [(done, left[:half]), ([*done, *left[:half]], left[half:])]

    def run(before: list[str], revisions: list[str]) -> list[RevisionFindings]:
        """Return what is found in some of the revisions; it is kept as well."""
        if not revisions:
            return []
        templates.begin(before, purpose="lint", seeded=True, count=2)
        from surefoot.author.lint import history_findings  # noqa: PLC0415  # while the server makes the clones

        ran = history_findings.find(settings, url, templates, before, revisions)
        if kept is not None:
            kept.write(before, ran)
        return ran

    if not parts[1][1]:
        return found + run(*parts[0])
    with ForkedCall(lambda: run(*parts[1])) as beside:
        first = run(*parts[0])
        return found + first + (beside.result() or run(*parts[1]))


def _by_size(  # noqa: PLR0913  # the findings, and what they are judged by
    settings: Settings,
    found: RevisionFindings,
    file: Path,
    findings: list[Finding],
    sizes: TableSizes,
    *,
    released: bool,
) -> list[Finding]:
    """Return the findings as the sizes of real tables make them, with what exceeds the budget there."""
    from surefoot.author.lint import budget_rule, estimates  # noqa: PLC0415  # most have no sizes

    raises = estimates.raises_of(file)
    judged = estimates.judged(found, findings, sizes, estimates.own_budget(settings.budget, raises))
    exceeded = () if released else budget_rule.over_budget(found, file, sizes, settings.budget, raises)
    return sorted([*judged, *exceeded], key=lambda each: (each.line, each.rule, each.direction))


def _unacknowledged(revision: str, file: Path, findings: list[Finding], *, released: bool) -> list[Finding]:
    """Return what no comment acknowledges, each rule once a line and direction."""
    own = [each for each in findings if each.revision == revision]
    left = acknowledgements.unacknowledged(file, revision, own, released=released)
    left.sort(key=lambda each: (each.line, each.rule, each.direction))
    groups = [
        list(group) for _, group in itertools.groupby(left, key=lambda each: (each.line, each.rule, each.direction))
    ]
    return [replace(group[0], more=len(group) - 1) for group in groups]
