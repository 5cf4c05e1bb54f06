"""A revision proven on a scratch database: up, down, up again, no drift, nothing for the lint to say."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from ourschool.errors import OurSchoolError, UsageError
from ourschool.operate import alembic_here
from ourschool.operate.lint.findings import Finding
from ourschool.operate.lint.history import lint
from ourschool.operate.scratch import scratch_database
from ourschool.schema.catalogue import Catalogue
from ourschool.schema.difference import compare
from ourschool.schema.snapshot import take
from ourschool.settings import Settings


@dataclass(frozen=True)
class Step:
    """One thing that was tried: what, seconds, and what was wrong, or nothing."""

    what: str
    seconds: float
    problems: tuple[str, ...] = ()


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
    with scratch_database(url, purpose="new") as scratch, alembic_here.configured(settings, scratch) as config:
        command.upgrade(config, "head")
        config.attributes["autogenerate"] = True
        written = command.revision(config, message=message, autogenerate=True)
    return written if isinstance(written, Script) else None


def prove(settings: Settings, url: URL, revision: str) -> Proof:
    """Prove one revision, in scratch databases beside the one of `url`. Raises UsageError for one that is not there."""
    found = _find(settings, revision)
    with scratch_database(url, purpose="proof") as scratch, alembic_here.configured(settings, scratch) as config:
        steps = list(_tried(config, found))
    findings: tuple[Finding, ...] = ()
    if not steps[-1].problems:
        started = time.perf_counter()
        findings = lint(settings, url, [found.revision]).findings
        problems = tuple(f"line {each.line}: {each.rule}: {each.why}" for each in findings)
        steps.append(Step("lint", time.perf_counter() - started, problems))
    return Proof(found.revision, Path(found.path), tuple(steps), findings)


def _find(settings: Settings, revision: str) -> Script:
    try:
        found = alembic_here.script(settings).get_revision(revision)
    except CommandError as fault:
        raise UsageError(f"There is no revision {revision!r}.", "python -m alembic history lists them.") from fault
    assert found is not None
    return found


def _tried(config: Config, found: Script) -> Iterator[Step]:
    named = found.down_revision or "base"
    parents = [named] if isinstance(named, str) else list(named)
    for parent in parents:
        command.upgrade(config, parent)
    before = _catalogue(config)
    up = _step("up", lambda: command.upgrade(config, found.revision))
    yield up
    if up.problems:
        return
    after = _catalogue(config)
    down = _step("down", lambda: command.downgrade(config, parents[0]))
    yield down if down.problems else _compared(down, before, _catalogue(config))
    if down.problems:
        return
    again = _step("up again", lambda: command.upgrade(config, found.revision))
    yield again if again.problems else _compared(again, after, _catalogue(config))
    if found.is_head and not again.problems:
        yield _step("no drift from the models", lambda: alembic_here.drift(config))


def _step(what: str, run: Callable[[], tuple[str, ...] | None]) -> Step:
    """Run it; what it returns or raises are the problems."""
    started = time.perf_counter()
    try:
        problems = run() or ()
    except OurSchoolError as fault:
        problems = (fault.message,)
    return Step(what, time.perf_counter() - started, problems)


def _compared(step: Step, expected: Catalogue, found: Catalogue) -> Step:
    return Step(step.what, step.seconds, tuple(map(str, compare(expected, found).deviations)))


def _catalogue(config: Config) -> Catalogue:
    connection = config.attributes["connection"]
    try:
        return take(connection)
    finally:
        connection.rollback()
