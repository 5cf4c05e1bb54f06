"""A revision proven on scratch databases: up, down, up again, empty and with rows; no drift, nothing for the lint."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.linted_history import lint
from surefoot.author.sample_rows import round_trip
from surefoot.author.sample_rows.round_trip import Both, Trial
from surefoot.author.sample_rows.test_steps import Step, tried
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import UsageError
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings


@dataclass(frozen=True)
class Proof:
    """What came of it. Steps after the first that went wrong were not tried."""

    revision: str
    file: Path
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not any(step.problems for step in self.steps)


def write(settings: Settings, url: URL, message: str) -> Script | None:
    """Let autogenerate write the revision from head to the models; None, and no file, where they agree.

    Head is built in a scratch database beside the one of `url`: what somebody changed there by hand is not taken along.
    """
    with scratch_database(url, purpose="new") as scratch, alembic_api.configured(settings, scratch) as config:
        command.upgrade(config, "head")
        config.attributes["autogenerate"] = True
        written = command.revision(config, message=message, autogenerate=True)
    return written if isinstance(written, Script) else None


def prove(settings: Settings, url: URL, revision: str) -> Proof:
    """Prove one revision, in scratch databases beside the one of `url`. Raises UsageError for one that is not there.

    First without rows, where catalogues are compared; then over rows in every table that it touches, where values are.
    """
    found = _find(settings, revision)
    named = found.down_revision or "base"
    parents = [named] if isinstance(named, str) else list(named)
    with scratch_database(url, purpose="proof") as parent:
        with alembic_api.configured(settings, parent) as config:
            for each in parents:
                command.upgrade(config, each)
        with _copy(parent) as empty:
            steps, both = _without_rows(settings, empty, found, parents[0])
        if both is not None:
            steps += _over_rows(settings, parent, Trial(settings, parent, found.revision, parents[0], both))
    findings: tuple[Finding, ...] = ()
    if not any(step.problems for step in steps):
        started = time.perf_counter()
        findings = lint(settings, url, [found.revision]).findings
        problems = tuple(f"line {each.line}: {each.rule}: {each.why}" for each in findings)
        steps.append(Step("lint", time.perf_counter() - started, problems))
    return Proof(found.revision, Path(found.path), tuple(steps), findings)


def _copy(parent: URL) -> AbstractContextManager[URL]:
    return scratch_database(parent, purpose="proof_copy", template=parent.database)


def _find(settings: Settings, revision: str) -> Script:
    try:
        found = alembic_api.script(settings).get_revision(revision)
    except CommandError as fault:
        raise UsageError(f"There is no revision {revision!r}.", "python -m alembic history lists them.") from fault
    assert found is not None
    return found


def _without_rows(settings: Settings, url: URL, found: Script, parent: str) -> tuple[list[Step], Both | None]:
    """Up, down, up over empty tables; and what is to be proven on rows, where nothing was wrong so far."""
    steps: list[Step] = []
    tables = round_trip.shapes(url)
    with alembic_api.configured(settings, url) as config:
        before = _catalogue(config)
        steps.append(tried("up", lambda: command.upgrade(config, found.revision)))
        if steps[-1].problems:
            return steps, None
        after = _catalogue(config)
        for what, run, target, expected in (
            ("down", command.downgrade, parent, before),
            ("up again", command.upgrade, found.revision, after),
        ):
            step = tried(what, lambda run=run, target=target: run(config, target))  # type: ignore[misc]
            apart = () if step.problems else compare(expected, _catalogue(config)).deviations
            steps.append(step.found(*map(str, apart)))
            if steps[-1].problems:
                return steps, None
        if found.is_head:
            steps.append(tried("no drift from the models", lambda: alembic_api.drift(config)))
    return steps, Both(tables, round_trip.shapes(url), round_trip.touched(before, after))


def _over_rows(settings: Settings, parent: URL, trial: Trial) -> list[Step]:
    """Rows of every kind that the tables take; where the revision refuses those, rows that it must take as well."""
    steps: list[Step] = []
    for fitting in (False, True):
        with _copy(parent) as url:
            round_trip.elsewhere(url)
            trial = Trial(settings, url, trial.revision, trial.parent, trial.both)
            tried_now = list(trial.run(fitting=fitting))
        if len(tried_now) > 1 or tried_now[-1].problems:
            return [*steps, *tried_now]
        (refused,) = tried_now
        steps = [Step("up with rows that it refuses, with nothing changed", refused.seconds, (), refused.notes)]
    return steps


def _catalogue(config: Config) -> Catalogue:
    connection = config.attributes["connection"]
    try:
        return read_catalogue(connection)
    finally:
        connection.rollback()
