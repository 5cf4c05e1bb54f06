"""Tests a revision on scratch databases: up, down, up again, empty and with rows; then drift and lint."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.author import unwritten_parts
from surefoot.author.forked_call import ForkedCall
from surefoot.author.kept_proofs import KeptProofs
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint import requested_revisions
from surefoot.author.lint.kept_findings import KeptFindings
from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.linted_history import lint
from surefoot.author.sample_rows import round_trip
from surefoot.author.sample_rows.round_trip import TouchedTables, Trial
from surefoot.author.sample_rows.test_steps import Step, timed_step
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import UsageError
from surefoot.program import alembic_command
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings


@dataclass(frozen=True)
class Proof:
    """The result for one revision. Steps after the first with problems were not run."""

    revision: str
    file: Path
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    unwritten: tuple[str, ...] = ()
    """What is left to the author in the file, a line each."""
    tried: bool = True
    """Whether the steps ran now; otherwise they ran before, and nothing has changed since."""

    @property
    def runs(self) -> bool:
        """Whether no step has a problem."""
        return not any(step.problems for step in self.steps)

    @property
    def holds(self) -> bool:
        """Whether no step has a problem, and nothing in the file is left to its author."""
        return self.runs and not self.unwritten


def write(settings: Settings, url: URL, message: str, templates: KeptTemplates | None = None) -> Script | None:
    """Let autogenerate write the revision from head to the models; return None, and write no file, where they agree.

    Head is built in a scratch database on the server of `url`, so that no manual change there gets into the file.
    `templates` are those of the project where the caller has them; they know the new file then.
    """
    with ExitStack() as stack:
        templates = templates or stack.enter_context(KeptTemplates(settings, url, alembic_api.script(settings)))
        scratch = _before(stack, url, templates, requested_revisions.find(templates.script).history)
        config = stack.enter_context(alembic_api.configured(settings, scratch))
        config.attributes["autogenerate"] = True
        written = command.revision(config, message=message, autogenerate=True)
        templates.script = alembic_api.script(settings)
    return written if isinstance(written, Script) else None


def prove(
    settings: Settings, url: URL, revision: str, *, templates: KeptTemplates | None = None, known: bool = False
) -> Proof:
    """Test one revision in scratch databases on the server of `url`. Raises UsageError for an unknown revision.

    The first run has no rows and compares catalogues; the second has rows in every touched table and compares values.
    `templates` are those of the project where the caller has them. With `known` what holds is not tried again where
    nothing has changed of all that it depends on.
    """
    with ExitStack() as stack:
        templates = templates or stack.enter_context(KeptTemplates(settings, url, alembic_api.script(settings)))
        script = _script(templates.script, revision)
        before = requested_revisions.ancestors(templates.script, script)
        kept = KeptProofs(KeptFindings(settings, templates)) if known else None
        beside = _files_beside(settings, templates.script)
        steps = [*(kept.read(before, script.revision, beside) or ())] if kept else []
        again, findings = not steps, tuple[Finding, ...]()
        if again:
            steps, findings = _tried(settings, url, templates, script, known=known)
        if kept and again and not any(step.problems for step in steps):
            kept.write(before, script.revision, beside, steps)
    unwritten = unwritten_parts.find(settings, script)
    return Proof(script.revision, Path(script.path), tuple(steps), findings, unwritten, again)


def _tried(
    settings: Settings, url: URL, templates: KeptTemplates, script: Script, *, known: bool
) -> tuple[list[Step], tuple[Finding, ...]]:
    """Run the revision without rows, with rows, and under lint; return the steps up to the first that has a problem.

    They run beside each other, in copies of this process, where that can be; what they have no result for runs here.
    """
    before = requested_revisions.ancestors(templates.script, script)

    def linted() -> tuple[float, tuple[Finding, ...]]:
        started = time.perf_counter()
        findings = lint(settings, url, [script.revision], templates=templates, known=known).findings
        return time.perf_counter() - started, findings

    with ForkedCall(linted) as under_lint, ExitStack() as stack:
        templates.begin(before, purpose="proof", seeded=False, count=2)
        empty, full = (_before(stack, url, templates, before) for _ in range(2))
        begun: list[ForkedCall[list[Step]]] = []

        def over_rows(tables: TouchedTables) -> None:
            trial = Trial(settings, templates.script, script, tables)
            begun.append(stack.enter_context(ForkedCall(lambda: _over_rows(url, templates, trial, full))))

        steps, tables = _without_rows(settings, empty, templates.script, script, over_rows)
        if tables is not None:
            trial = Trial(settings, templates.script, script, tables)
            steps += begun[0].result() or _over_rows(url, templates, trial, None)
        if any(step.problems for step in steps):
            return steps, ()
        seconds, findings = under_lint.result() or linted()
    problems = tuple(f"line {each.line}: {each.rule}: {each.why}" for each in findings)
    return [*steps, Step("lint", seconds, problems)], findings


def _files_beside(settings: Settings, revisions: ScriptDirectory) -> list[Path]:
    """Return the files on which a proof depends beside revisions and code: whatever else is in the script folder."""
    folder = settings.project.script_folder
    versions = [Path(each.path) for each in revisions.walk_revisions("base", "heads")]
    return [settings.project.ini, *sorted(each for each in folder.glob("*") if each.is_file()), *versions]


def _before(stack: ExitStack, url: URL, templates: KeptTemplates, before: Sequence[str]) -> URL:
    """Return the URL of a database, dropped with `stack`, in which the revisions `before` have run."""
    if not before:
        return stack.enter_context(scratch_database(url, purpose="proof"))
    return stack.enter_context(templates.clone(before, purpose="proof", seeded=False)).url


def _script(revisions: ScriptDirectory, revision: str) -> Script:
    try:
        script = revisions.get_revision(revision)
    except CommandError as fault:
        raise UsageError(f"There is no revision {revision!r}.", f"{alembic_command()} history lists them.") from fault
    assert script is not None
    return script


def _without_rows(
    settings: Settings,
    url: URL,
    revisions: ScriptDirectory,
    script: Script,
    upgraded: Callable[[TouchedTables], object],
) -> tuple[list[Step], TouchedTables | None]:
    """Run up, down, up over empty tables; return the tables to fill as well, None where a step has a problem.

    `upgraded` is told of these tables after the first upgrade.
    """
    steps: list[Step] = []
    tables = round_trip.shapes(url)
    with alembic_api.configured(settings, url, snapshot=False) as config:
        before = _catalogue(config)
        steps.append(timed_step("up", lambda: alembic_api.run_one(config, revisions, script, upgrade=True)))
        if steps[-1].problems:
            return steps, None
        after = _catalogue(config)
        touched = TouchedTables(tables, round_trip.shapes(url), round_trip.touched(before, after))
        upgraded(touched)
        for what, upgrade, expected in (("down", False, before), ("up again", True, after)):
            step = timed_step(what, lambda up=upgrade: alembic_api.run_one(config, revisions, script, upgrade=up))  # type: ignore[misc]
            differences = () if step.problems else compare(expected, _catalogue(config)).deviations
            steps.append(step.with_problems(*map(str, differences)))
            if steps[-1].problems:
                return steps, None
        if script.is_head:
            steps.append(timed_step("no drift from the models", lambda: alembic_api.drift(config)))
    return steps, touched


def _over_rows(url: URL, templates: KeptTemplates, trial: Trial, clone: URL | None) -> list[Step]:
    """Run over all kinds of rows; where the revision refuses them, over rows that satisfy its new rules as well.

    The first time that is in `clone`, where there is one.
    """
    before = requested_revisions.ancestors(templates.script, trial.script)
    steps: list[Step] = []
    for fitting in (False, True):
        with ExitStack() as stack:
            clone = _before(stack, url, templates, before) if clone is None or fitting else clone
            round_trip.set_time_zone(clone)
            run_steps = list(trial.run(clone, fitting=fitting))
        if len(run_steps) > 1 or run_steps[-1].problems:
            return [*steps, *run_steps]
        (refused,) = run_steps
        steps = [Step("up with rows that it refuses, with nothing changed", refused.seconds, (), refused.notes)]
    return steps


def _catalogue(config: Config) -> Catalogue:
    connection = config.attributes["connection"]
    try:
        return read_catalogue(connection)
    finally:
        connection.rollback()
