"""The way up, one revision after the other and each measured, the way down, and up again."""

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

from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.operate.rehearse.committing_blocks import LOOK
from surefoot.operate.rehearse.lock_watch import LockMonitor
from surefoot.operate.rehearse.measurements import Snapshot, stand
from surefoot.operate.rehearse.rehearsal_result import Changed, Failure, Ran, Rewritten
from surefoot.runtime import error_translation

log = logging.getLogger("surefoot")

TOOK = sa.text("select extract(epoch from duration)::float from migration_journal order by id desc limit 1")
RAISED = "P0001"
"""The SQLSTATE of PL/pgSQL's own RAISE EXCEPTION."""


class Runner:
    """The revisions on the copy. `config` holds the connection that migrates, `beside` another one in AUTOCOMMIT."""

    def __init__(
        self, config: Config, script: ScriptDirectory, beside: Connection, sampler: psycopg.Connection
    ) -> None:
        self._config, self._script, self._beside = config, script, beside
        self._connection: Connection = config.attributes["connection"]
        self._watch = LockMonitor(self._connection, sampler)
        self._looked = 0.0
        config.attributes["applied"] = self._applied

    def up(self, revisions: Sequence[Script], each: Callable[[Ran], None]) -> Failure | None:
        """Each revision, measured; `each` is told of those that are done. Returns where it failed."""
        before = stand(self._beside)
        for script in revisions:
            self._watch.begin(before.relations)
            failure = self._step(script, MigrationStep.upgrade_from_script)
            if failure is not None:
                return failure
            after = stand(self._beside)
            each(self._measured(script, before, after))
            before = after
        return None

    def go(self, revisions: Sequence[Script], *, upgrade: bool) -> tuple[float, Failure | None]:
        """All of them, up or down, in the order given: seconds, and where it failed."""
        make = MigrationStep.upgrade_from_script if upgrade else MigrationStep.downgrade_from_script
        self._watch.begin({})
        started = time.perf_counter()
        with _silent():
            failure = next((each for each in (self._step(script, make) for script in revisions) if each), None)
        return time.perf_counter() - started, failure

    def _step(self, script: Script, make: Callable[..., RevisionStep]) -> Failure | None:
        try:
            alembic_api.run(self._config, self._script, [self._timed(make(self._script.revision_map, script))])
        except Exception as fault:  # whatever a revision raises
            if _interrupted(fault):
                raise KeyboardInterrupt from fault
            with suppress(sa.exc.DBAPIError):
                self._connection.rollback()
            why = error_translation.translate(fault, None).message.replace(LOOK, "")
            return Failure(script.revision, why, meant=_meant(fault))
        self._flush()
        return None

    def _timed(self, step: RevisionStep) -> RevisionStep:
        """From here on our looking is in the time that the journal will have of it; not what was before."""
        migrate = step.migration_fn

        def begun(**arguments: Any) -> Any:
            self._looked = -self._watch.looked
            return migrate(**arguments)

        step.migration_fn = begun
        return step

    def _applied(self, *_: object) -> None:
        """The journal is about to write how long it took; what of that was our looking is known now."""
        self._looked += self._watch.looked

    def _flush(self) -> None:
        """Have the server count what was done now; else it does so within a second."""
        driver = self._connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        driver.execute("select pg_stat_force_next_flush()")
        driver.commit()

    def _measured(self, script: Script, before: Snapshot, after: Snapshot) -> Ran:
        changed = _changed(before, after)
        held = self._watch.held({each.table for each in changed if each.updated or each.deleted})
        took = float(self._beside.execute(TOOK).scalar_one()) - self._looked
        return Ran(
            script.revision,
            script.doc or "",
            hashlib.sha256(Path(script.path).read_bytes()).hexdigest(),
            max([took, *(each.seconds for each in held)]),  # the journal's line stands before the commit
            held,
            changed,
            _rewritten(before, after),
            after.wal - before.wal,
            after.size,
        )


@contextmanager
def _silent() -> Iterator[None]:
    """What the revisions tell of the rows was told on the first way up."""

    def no(_: logging.LogRecord) -> bool:
        return False

    log.addFilter(no)
    try:
        yield
    finally:
        log.removeFilter(no)


def _changed(before: Snapshot, after: Snapshot) -> tuple[Changed, ...]:
    found = []
    for oid, now in after.relations.items():
        then = before.relations.get(oid)
        counts = [
            getattr(now, name) - (getattr(then, name) if then else 0) for name in ("inserted", "updated", "deleted")
        ]
        if any(counts) and not now.index:
            found.append(Changed(now.table, *counts))
    return tuple(sorted(found, key=lambda each: each.table))


def _rewritten(before: Snapshot, after: Snapshot) -> tuple[Rewritten, ...]:
    return tuple(
        Rewritten(now.table, before.relations[oid].rows)
        for oid, now in after.relations.items()
        if oid in before.relations and now.filenode is not None and now.filenode != before.relations[oid].filenode
    )


def _meant(fault: BaseException) -> bool:
    """Whether the revision said no by itself: by a `raise` of its own, in PL/pgSQL, or by an operation that refuses."""
    for cause in _causes(fault):
        if isinstance(cause, RefusedError) or getattr(getattr(cause, "orig", None), "sqlstate", None) == RAISED:
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
    found: list[BaseException] = []
    while fault not in found:
        found.append(fault)
        if fault.__cause__ is None:
            break
        fault = fault.__cause__
    return found
