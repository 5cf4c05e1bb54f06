"""Runs revisions on the copy: the upgrade, measured revision by revision, the downgrade, the second upgrade."""

import hashlib
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationStep, RevisionStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot.database import driver_of
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.operate.rehearse.committing_blocks import RECORD_LOCKS
from surefoot.operate.rehearse.lock_watch import LockMonitor
from surefoot.operate.rehearse.measurements import Snapshot, snapshot
from surefoot.operate.rehearse.rehearsal_result import ChangedRows, Failure, RevisionRun, RewrittenTable
from surefoot.runtime import error_translation

log = logging.getLogger("surefoot")

LAST_DURATION = sa.text("select extract(epoch from duration)::float from migration_journal order by id desc limit 1")


class Runner:
    """Runs revisions on the copy.

    `config` has the connection that migrates, `observer` is another one in AUTOCOMMIT.
    """

    def __init__(
        self, config: Config, script: ScriptDirectory, observer: Connection, sampler: psycopg.Connection
    ) -> None:
        self._config, self._script, self._observer = config, script, observer
        self._connection: Connection = config.attributes["connection"]
        self._monitor = LockMonitor(self._connection, sampler)
        self._overhead = 0.0
        config.attributes["applied"] = self._applied

    def up(self, revisions: Sequence[Script], report: Callable[[RevisionRun], None]) -> Failure | None:
        """Upgrade to each revision in turn, call `report` with its measurements, and return the first failure."""
        before = snapshot(self._observer)
        for script in revisions:
            self._monitor.begin(before.relations)
            failure = self._step(script, MigrationStep.upgrade_from_script)
            if failure is not None:
                return failure
            after = snapshot(self._observer)
            report(self._measured(script, before, after))
            before = after
        return None

    def run_all(self, revisions: Sequence[Script], *, upgrade: bool) -> tuple[float, Failure | None]:
        """Run all revisions in the given order, up or down; return the seconds and the first failure."""
        make = MigrationStep.upgrade_from_script if upgrade else MigrationStep.downgrade_from_script
        self._monitor.begin({})
        started = time.perf_counter()
        with _without_log():
            failures = (self._step(script, make) for script in revisions)
            failure = next((each for each in failures if each is not None), None)
        return time.perf_counter() - started, failure

    def _step(self, script: Script, make: Callable[..., RevisionStep]) -> Failure | None:
        try:
            alembic_api.run(
                self._config, self._script, [self._with_overhead_reset(make(self._script.revision_map, script))]
            )
        except Exception as fault:  # whatever a revision raises
            if _interrupted(fault):
                raise KeyboardInterrupt from fault
            with suppress(sa.exc.DBAPIError):
                self._connection.rollback()
            why = error_translation.translate(fault, None).message.replace(RECORD_LOCKS, "")
            return Failure(script.revision, why, meant=_raised_on_purpose(fault))
        self._flush()
        return None

    def _with_overhead_reset(self, step: RevisionStep) -> RevisionStep:
        """Count the overhead of recording locks from the beginning of the step, as the journal counts its duration."""
        migrate = step.migration_fn

        def begin(**arguments: Any) -> Any:
            self._overhead = -self._monitor.overhead
            self._monitor.step_begins()
            return migrate(**arguments)

        step.migration_fn = begin
        return step

    def _applied(self, *_: object) -> None:
        """End the counting: the journal is about to write the duration of the step."""
        self._overhead += self._monitor.overhead

    def _flush(self) -> None:
        """Let the server publish its statistics now instead of within a second."""
        driver = driver_of(self._connection)
        driver.execute("select pg_stat_force_next_flush()")
        driver.commit()

    def _measured(self, script: Script, before: Snapshot, after: Snapshot) -> RevisionRun:
        changed = _changed(before, after)
        locks = self._monitor.locks({each.table for each in changed if each.updated or each.deleted})
        seconds = float(self._observer.execute(LAST_DURATION).scalar_one()) - self._overhead
        return RevisionRun(
            script.revision,
            script.doc or "",
            hashlib.sha256(Path(script.path).read_bytes()).hexdigest(),
            max([seconds, *(lock.seconds for lock in locks)]),  # the journal's duration ends before the commit
            locks,
            changed,
            _rewritten(before, after),
            after.wal - before.wal,
            after.size,
        )


@contextmanager
def _without_log() -> Iterator[None]:
    """Suppress what revisions log about rows: the first upgrade has logged it."""

    def no(_: logging.LogRecord) -> bool:
        return False

    log.addFilter(no)
    try:
        yield
    finally:
        log.removeFilter(no)


def _changed(before: Snapshot, after: Snapshot) -> tuple[ChangedRows, ...]:
    changed = []
    for oid, now in after.relations.items():
        then = before.relations.get(oid)
        counts = [
            getattr(now, name) - (getattr(then, name) if then else 0) for name in ("inserted", "updated", "deleted")
        ]
        if any(counts) and not now.index:
            changed.append(ChangedRows(now.table, *counts))
    return tuple(sorted(changed, key=lambda each: each.table))


def _rewritten(before: Snapshot, after: Snapshot) -> tuple[RewrittenTable, ...]:
    return tuple(
        RewrittenTable(now.table, before.relations[oid].rows)
        for oid, now in after.relations.items()
        if oid in before.relations and now.filenode is not None and now.filenode != before.relations[oid].filenode
    )


def _raised_on_purpose(fault: BaseException) -> bool:
    """Return whether the revision itself raised the error: by `raise`, in PL/pgSQL, or by an operation that refuses."""
    for cause in _causes(fault):
        if isinstance(cause, RefusedError) or isinstance(getattr(cause, "orig", None), psycopg.errors.RaiseException):
            return True
        frames = traceback.extract_tb(cause.__traceback__)
        if (
            frames
            and Path(frames[-1].filename).parent.name == "versions"
            and (frames[-1].line or "").startswith("raise")
        ):
            return True
    return False


def _interrupted(fault: BaseException) -> bool:
    return any(isinstance(cause, KeyboardInterrupt) for cause in _causes(fault))


def _causes(fault: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    while fault not in causes:
        causes.append(fault)
        if fault.__cause__ is None:
            break
        fault = fault.__cause__
    return causes
