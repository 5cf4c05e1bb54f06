"""Works off the queue, one entry after the other: a backfill in batches, an index CONCURRENTLY.

The migrators' lock is held for a few batches at a time, so that an upgrade gets its turn. Where a batch ended is
written in the transaction of the batch, so that a worker that was killed goes on behind its last one.
"""

import datetime as dt
import logging
import time
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import URL

from surefoot import maintenance_window
from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.errors import FailedError, RefusedError, UsageError
from surefoot.maintenance_window import Window
from surefoot.online import key_ranges, target_table
from surefoot.online.backfill.batch_runner import BatchRunner, estimate_rows
from surefoot.online.backfill.operation import BackfillOp, Fill
from surefoot.online.executor import Steps
from surefoot.online.indexes import index_builder
from surefoot.operate.replica_distance import MAX_LAG, ReplicaDistance
from surefoot.operate.work import work_session
from surefoot.operate.work.batch_recorder import BatchRecorder, refuse_endless
from surefoot.operate.work.work_session import WorkSession
from surefoot.program import program
from surefoot.progress import RowProgress, row_progress
from surefoot.readonly import read_connection
from surefoot.runtime import error_translation, journal, lock_retry, work_queue
from surefoot.runtime.work_queue import Entry
from surefoot.settings import Settings

log = logging.getLogger("surefoot")

TURN = 2.0
"""Seconds of batches under the migrators' lock; then an upgrade that waits gets it."""
REST = 0.5
"""Seconds between two turns. A migrator tries again at least every 0.25 s."""
LONGEST_REST = 8.0
"""Seconds between two turns where others waited for a lock of the last batch."""
LOOK = 1.0
"""Seconds between two looks at replicas that are behind."""
SAY = 30.0
"""Seconds between two lines on what is waited for."""


class _Leave(Exception):
    """The entry is left as it is, for the reason given: nothing is wrong with it."""


@dataclass(frozen=True)
class Limits:
    """When a worker may work: `max_lag` is in seconds, and no batch begins outside of the `window`."""

    window: Window | None = None
    max_lag: float = MAX_LAG

    @property
    def window_closed(self) -> bool:
        """Return whether it is the wrong hour."""
        return self.window is not None and not self.window.is_open(maintenance_window.now())


def read_queue(url: URL) -> tuple[Entry, ...]:
    """Return the queue of the database of `url`, done entries included."""
    with read_connection(url, f"{program()} work") as connection:
        return work_queue.read(connection)


def work_off(settings: Settings, url: URL, limits: Limits) -> tuple[Entry, ...]:
    """Do what is queued, up to the end of the window; return the queue as it is then.

    An entry that cannot be done is marked as failed, with its reason. Raises FailedError where another worker is at
    work, where a migration runs or a table is in use for too long, and where the server is lost: what is done is kept.
    """
    if any(each.state in work_queue.TO_DO for each in read_queue(url)) and not limits.window_closed:
        with work_session.opened(settings, url) as session:
            _Worker(session, limits, settings.project.version).run()
    return read_queue(url)


class _Worker:
    def __init__(self, session: WorkSession, limits: Limits, version: str) -> None:
        self._session = session
        self._limits = limits
        self._version = version
        self._replicas = ReplicaDistance(limits.max_lag)
        self._rest = REST

    def run(self) -> None:
        left_alone: set[int] = set()
        while not self._limits.window_closed:
            queue = work_queue.read(self._session.watcher)
            entry = next((one for one in queue if one.state in work_queue.TO_DO and one.id not in left_alone), None)
            if entry is None:
                return
            left_alone.add(entry.id)
            try:
                _refuse_out_of_turn(entry, queue)
                self._do(entry)
            except _Leave as reason:
                log.info("%s is left for now: %s.", entry.name, reason)

    def _do(self, entry: Entry) -> None:
        work = self._build if entry.kind == work_queue.INDEX else self._fill
        try:
            work(entry)
        except (UsageError, RefusedError) as fault:
            self._failed(entry, fault.message)
        except sa.exc.DBAPIError as fault:
            if lock_retry.is_lock_failure(fault):
                raise FailedError(
                    f"{entry.name} had to wait too long for a table: it is in use by {self._session.monitor.blockers}.",
                    f"What is done is kept: python -m {program()} work goes on there. {self._session.monitor.remedy}",
                ) from fault
            if error_translation.is_interruption(fault) or fault.connection_invalidated:
                raise
            self._failed(entry, f"{error_translation.primary_message(fault)}.")

    def _failed(self, entry: Entry, why: str) -> None:
        log.error("%s failed: %s", entry.name, why)
        work_queue.update(self._session.watcher, entry.id, state=work_queue.FAILED, error=why)

    def _build(self, entry: Entry) -> None:
        started = dt.datetime.now(dt.UTC)
        log.info("Building index %s of revision %s.", entry.name, entry.revision)
        self._wait_for_replicas()
        with self._session.as_migrator() as steps:
            current = self._current(entry)
            work_queue.begin(steps.connection, entry.id)
            index_builder.build_as_queued(steps, current.name, current.arguments)
            self._done(steps, current, started)

    def _fill(self, entry: Entry) -> None:
        started = dt.datetime.now(dt.UTC)
        what = f"Backfill of {entry.arguments['table']} ({', '.join(entry.arguments['values'])})"
        with row_progress(what, entry.rows_total or 0) as progress:
            progress.rows = entry.rows_done
            size: int | None = None
            while size != 0:
                self._wait_for_replicas()
                size = self._turn(entry, progress, size, started)
                time.sleep(self._rest)

    def _turn(self, entry: Entry, progress: RowProgress, size: int | None, started: dt.datetime) -> int:
        """Do a few batches under the migrators' lock, the first of `size` rows.

        Return the size of the next one; 0 where the backfill is done.
        """
        with self._session.as_migrator() as steps:
            current = self._current(entry)
            op = BackfillOp.from_arguments(current.arguments)
            table = target_table.find(steps, op.table_name, writes=True)
            table.require_columns(op.values)
            fill = Fill(steps, table, key_ranges.find(steps, table, op.key), op)
            if current.last_key is None:
                if not fill.left():
                    self._done(steps, current, started)
                    return 0
                refuse_endless(current)
                current = replace(current, rows_done=0, rows_total=estimate_rows(steps, table))
                progress.rows, progress.total = 0, current.rows_total or 0
                fill.check()
            runner = BatchRunner(steps, table, fill.key, fill.batch, progress)
            runner.size = size or runner.size
            work_queue.begin(steps.connection, entry.id)
            self._batches(runner, current)
            return runner.size

    def _batches(self, runner: BatchRunner, current: Entry) -> None:
        until = time.monotonic() + TURN
        while time.monotonic() < until and not self._limits.window_closed:
            recorder = BatchRecorder(runner, current)
            batch = runner.batch(current.last_key, recorder.record)
            if recorder.waiters:
                self._rest = min(self._rest * 2, LONGEST_REST)
                runner.size = max(1, runner.size // 2)
                log.info("%d sessions waited for a batch: smaller ones, with %.1f s between.",
                         recorder.waiters, self._rest)  # fmt: skip
                return
            self._rest = max(self._rest / 2, REST)
            current = recorder.after(batch)
            if batch.end is None:
                return

    def _current(self, entry: Entry) -> Entry:
        """Return the entry as it is now. Raises _Leave where somebody has paused or removed it, or it is too late."""
        current = work_queue.find(self._session.watcher, entry.id)
        if current is None:
            raise _Leave("a downgrade has taken it out of the queue")
        if current.state not in work_queue.TO_DO:
            raise _Leave(f"it is {current.state}")
        if work_queue.is_being_downgraded(self._session.watcher, current.revision):
            raise _Leave(f"a downgrade of {current.revision} was begun and not finished")
        if self._limits.window_closed:
            raise _Leave(f"the window {self._limits.window} has ended")
        return current

    def _wait_for_replicas(self) -> None:
        said = 0.0
        while (far := self._replicas.far(self._session.watcher)) and not self._limits.window_closed:
            if time.monotonic() - said > SAY:
                log.info("Waiting: %s; --max-lag sets how much may be.", "; ".join(far))
                self._session.keep_alive()
                said = time.monotonic()
            time.sleep(LOOK)

    def _done(self, steps: Steps, entry: Entry, started: dt.datetime) -> None:
        with steps.transaction():
            work_queue.update(
                steps.connection, entry.id, state=work_queue.DONE, error=None, rows_done=entry.rows_total or 0
            )
            note = f"{entry.kind} {entry.name} of {entry.revision}"
            if entry.kind == work_queue.BACKFILL:
                note += f": {entry.rows_set:,} rows set"
            journal.record(steps.connection, "work", note, started, self._version)
        log.info("Done: %s.", note)


def _refuse_out_of_turn(entry: Entry, queue: tuple[Entry, ...]) -> None:
    """Raise _Leave for a backfill that may read what one before it in the queue was to write, and has not written."""
    if entry.kind != work_queue.BACKFILL:
        return
    texts = [*entry.arguments["values"].values(), entry.arguments["where"] or ""]
    for one in queue:
        if one.id >= entry.id or one.kind != work_queue.BACKFILL or not one.is_open:
            continue
        table = one.arguments["table"]
        if table == entry.arguments["table"] or any(mentions(text, table) for text in texts):
            raise _Leave(f"{one.name} comes first, and is {one.state}")
