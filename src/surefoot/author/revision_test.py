"""Tests a revision on scratch databases: up, down, up again, empty and with rows; then drift and lint."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.author import unwritten_parts
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

    @property
    def runs(self) -> bool:
        """Whether no step has a problem."""
        return not any(step.problems for step in self.steps)

    @property
    def holds(self) -> bool:
        """Whether no step has a problem, and nothing in the file is left to its author."""
        return self.runs and not self.unwritten


def write(settings: Settings, url: URL, message: str) -> Script | None:
    """Let autogenerate write the revision from head to the models; return None, and write no file, where they agree.

    Head is built in a scratch database on the server of `url`, so that no manual change there gets into the file.
    """
    with scratch_database(url, purpose="new") as scratch, alembic_api.configured(settings, scratch) as config:
        command.upgrade(config, "head")
        config.attributes["autogenerate"] = True
        written = command.revision(config, message=message, autogenerate=True)
    return written if isinstance(written, Script) else None


def prove(settings: Settings, url: URL, revision: str) -> Proof:
    """Test one revision in scratch databases on the server of `url`. Raises UsageError for an unknown revision.

    The first run has no rows and compares catalogues; the second has rows in every touched table and compares values.
    """
    script = _script(settings, revision)
    named = script.down_revision or "base"
    parents = [named] if isinstance(named, str) else list(named)
    with scratch_database(url, purpose="proof") as parent:
        with alembic_api.configured(settings, parent) as config:
            for each in parents:
                command.upgrade(config, each)
        with _copy(parent) as empty:
            steps, tables = _without_rows(settings, empty, script, parents[0])
        if tables is not None:
            steps += _over_rows(settings, parent, Trial(settings, parent, script.revision, parents[0], tables))
    findings: tuple[Finding, ...] = ()
    if not any(step.problems for step in steps):
        started = time.perf_counter()
        findings = lint(settings, url, [script.revision]).findings
        problems = tuple(f"line {each.line}: {each.rule}: {each.why}" for each in findings)
        steps.append(Step("lint", time.perf_counter() - started, problems))
    unwritten = unwritten_parts.find(settings, script)
    return Proof(script.revision, Path(script.path), tuple(steps), findings, unwritten)


def _copy(parent: URL) -> AbstractContextManager[URL]:
    return scratch_database(parent, purpose="proof_copy", template=parent.database)


def _script(settings: Settings, revision: str) -> Script:
    try:
        script = alembic_api.script(settings).get_revision(revision)
    except CommandError as fault:
        raise UsageError(f"There is no revision {revision!r}.", f"{alembic_command()} history lists them.") from fault
    assert script is not None
    return script


def _without_rows(settings: Settings, url: URL, script: Script, parent: str) -> tuple[list[Step], TouchedTables | None]:
    """Run up, down, up over empty tables; return the tables to fill as well, None where a step has a problem."""
    steps: list[Step] = []
    tables = round_trip.shapes(url)
    with alembic_api.configured(settings, url, snapshot=False) as config:
        before = _catalogue(config)
        steps.append(timed_step("up", lambda: command.upgrade(config, script.revision)))
        if steps[-1].problems:
            return steps, None
        after = _catalogue(config)
        for what, run, target, expected in (
            ("down", command.downgrade, parent, before),
            ("up again", command.upgrade, script.revision, after),
        ):
            step = timed_step(what, lambda run=run, target=target: run(config, target))  # type: ignore[misc]
            differences = () if step.problems else compare(expected, _catalogue(config)).deviations
            steps.append(step.with_problems(*map(str, differences)))
            if steps[-1].problems:
                return steps, None
        if script.is_head:
            steps.append(timed_step("no drift from the models", lambda: alembic_api.drift(config)))
    return steps, TouchedTables(tables, round_trip.shapes(url), round_trip.touched(before, after))


def _over_rows(settings: Settings, parent: URL, trial: Trial) -> list[Step]:
    """Run over all kinds of rows; where the revision refuses them, over rows that satisfy its new rules as well."""
    steps: list[Step] = []
    for fitting in (False, True):
        with _copy(parent) as url:
            round_trip.set_time_zone(url)
            trial = Trial(settings, url, trial.revision, trial.parent, trial.tables)
            run_steps = list(trial.run(fitting=fitting))
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
