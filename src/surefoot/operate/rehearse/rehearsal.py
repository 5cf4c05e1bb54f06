"""The rehearsal: a copy of the real data, the pending revisions on it, up, down and up again, and the verdict."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from alembic.runtime.migration import MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import budgets, database
from surefoot.budgets import Budget
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.operate import replication_notices
from surefoot.operate.backup import server_facts
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import row_counts
from surefoot.operate.change.guarded_upgrade import revisions_up_to, table_names_at
from surefoot.operate.pending_names import refuse_taken_names
from surefoot.operate.rehearse import budget_checks, committing_blocks, data_checks, value_hashes
from surefoot.operate.rehearse.copy_database import describe_place, exclusive, restored_copy
from surefoot.operate.rehearse.copy_source import RehearsalOptions, choose_backup
from surefoot.operate.rehearse.measurements import snapshot
from surefoot.operate.rehearse.rehearsal_result import DowngradeResult, Failure, Rehearsal, RevisionRun, UpgradeCost
from surefoot.operate.rehearse.rehearsal_run import Runner
from surefoot.operate.status.revision_list import list_revisions
from surefoot.program import program
from surefoot.readonly import heads
from surefoot.revision_catalogues import build
from surefoot.runtime import collation_versions, interrupted_run, ownership, preconditions, privileges
from surefoot.servers import libpq
from surefoot.settings import Settings
from surefoot.wording import counted, measured


@dataclass
class _OpenCopy:
    """The copy with its connections: `runner` migrates, `observer` reads in between, in AUTOCOMMIT."""

    runner: Runner
    observer: Connection
    hashes: value_hashes.StoredHashes


def rehearse(settings: Settings, url: URL, options: RehearsalOptions, *, say: Say) -> Rehearsal | None:
    """Rehearse the upgrade of the database of `url` on a copy of it; return None if nothing is pending.

    The real database is only read, and nothing of the copy remains, whatever happens. A failure on the copy raises
    nothing but is part of the result. Raises what choosing and restoring the backup raises.
    """
    script = alembic_api.script(settings)
    history = build.history(script)
    target, up_to_target = revisions_up_to(script, options.target)
    started = dt.datetime.now(dt.UTC)
    with exclusive(url, say) as real:
        pending = _pending(real, script, history, up_to_target) if options.backup is None else []
        if options.backup is None and not pending:
            return None
        replication = tuple(f"{says}. {remedy}" for says, remedy in replication_notices.read(real))
        missing_right = ownership.missing_privilege(real, table_names_at(settings, url, heads(real)))
        collations = tuple(map(str, collation_versions.find(real)))
        refuse_taken_names(settings, url, real, pending)
        cut_off = interrupted_run.find(real, script, heads(real))
        if cut_off is not None:
            say(cut_off.sentence)
            options = replace(options, fresh=options.backup is None)  # earlier backups lack what it has committed
        with (
            choose_backup(settings, url, real, options, say) as (backup, source),
            restored_copy(url, backup, say) as copy,
            _open_copy(settings, copy.url, script, say) as open_copy,
        ):
            at = heads(open_copy.observer)
            pending = _pending(open_copy.observer, script, history, up_to_target)
            if not pending:
                return None
            resumed = cut_off is not None and len(at) == 1
            expected = build.catalogue(settings, url, at[0], history) if resumed else None
            run = _Run(open_copy, pending, say, settings.budget, expected)
            run.run()
    return Rehearsal(
        database=server_facts.name_of(url),
        server=server_facts.address_of(url),
        server_version=backup.manifest.server_version,
        at=at,
        target=target,
        started_at=started,
        source=source,
        place=describe_place(url, copy.url),
        rows=backup.manifest.total_rows,
        revisions=tuple(run.ran),
        pending=len(pending),
        failure=run.failure,
        values=run.up,
        way_back=run.way_back,
        problems=tuple(run.problems),
        cost=run.cost,
        notes=(*collations, *copy.notes),
        rights=run.rights,
        lacking=missing_right,
        replication=replication,
    )


def _pending(
    connection: Connection, script: ScriptDirectory, history: Sequence[Script], up_to_target: frozenset[str]
) -> list[Script]:
    """Return the pending revisions up to the target, oldest first.

    Raises what an upgrade would refuse before it begins.
    """
    at = heads(connection)
    preconditions.refuse_unknown_revision(script, at, connection)
    run = [each for each in list_revisions(script, history, at).pending if each.revision in up_to_target]
    if run:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
    steps = [MigrationStep.upgrade_from_script(script.revision_map, each) for each in run]
    preconditions.refuse_run(preconditions.RequestedRun(connection, script, at, steps, upward=True, writes=False))
    return run


@contextmanager
def _open_copy(settings: Settings, copy: URL, script: ScriptDirectory, say: Say) -> Iterator[_OpenCopy]:
    engine = database.engine_for(copy, application_name=f"{program()} rehearse", options=value_hashes.SETTINGS)
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as observer,
        psycopg.connect(
            libpq.connection_uri(copy), autocommit=True, application_name=f"{program()} rehearse"
        ) as sampler,
        alembic_api.configured(settings, copy, application_name=f"{program()} rehearsal") as config,
    ):
        say("Remembering every value")
        hashes = value_hashes.store_hashes(observer)
        sampler.execute(committing_blocks.SETUP)
        yield _OpenCopy(Runner(config, script, observer, sampler), observer, hashes)


class _Run:
    """A rehearsal in progress, with its results so far.

    `expected_before` is the catalogue of the revision below if the copy begins in the middle of an unfinished one.
    """

    def __init__(
        self, copy: _OpenCopy, pending: list[Script], say: Say, budget: Budget, expected_before: Catalogue | None
    ) -> None:
        self._copy, self._pending, self._say, self._expected_before = copy, pending, say, expected_before
        self._budget = budget
        self._raises = {each.revision: budgets.raises_in(Path(each.path).read_text("utf-8")) for each in pending}
        self.ran: list[RevisionRun] = []
        self.failure: Failure | None = None
        self.up: tuple[value_hashes.TableDifference, ...] = ()
        self.way_back: DowngradeResult | None = None
        self.problems: list[str] = []
        self.rights: tuple[str, ...] = ()
        self.cost = UpgradeCost(0, 0, 0, 0, 0, 0, 0)

    def run(self) -> None:
        """Upgrade; if that succeeds, downgrade and upgrade again."""
        observer = self._copy.observer
        catalogue, rows, before = read_catalogue(observer), row_counts.count(observer), snapshot(observer)
        self.failure = self._copy.runner.up(self._pending, self._done)
        self._set_cost(before.size)
        if self.failure is not None:
            self.problems.append(f"Revision {self.failure.revision} failed on the copy: {self.failure.why}")
            return
        self.problems += budget_checks.exceeded(self._budget, self.ran, self._raises)
        self._say("Comparing every value")
        self.up = value_hashes.compare(observer, self._copy.hashes)
        self.problems += data_checks.lost_rows(self.up, rows, row_counts.count(observer))
        first, sums = read_catalogue(observer), value_hashes.column_sums(observer)
        self.problems += data_checks.rights_lost(catalogue, first)
        lacking = privileges.roles_without_tables(observer)
        self.rights = tuple(f"{each}. Where that is not meant: {each.statement}" for each in lacking)
        self._say(f"Going down {counted(len(self._pending), 'revision')}, and up again")
        self.way_back = self._downgrade_and_repeat(catalogue, first, sums)

    def _downgrade_and_repeat(self, before: Catalogue, first: Catalogue, sums: Mapping[str, str]) -> DowngradeResult:
        """Downgrade and upgrade again.

        `before` is the catalogue before the upgrade, `first` and `sums` are the catalogue and the sums after it.
        """
        observer, runner = self._copy.observer, self._copy.runner
        seconds, failure = runner.run_all(self._pending[::-1], upgrade=False)
        if failure is not None:
            if not failure.meant:
                self.problems.append(f"The way down of {failure.revision} failed on the copy: {failure.why}")
            return DowngradeResult(seconds, failure)
        expected = self._expected_before or before
        known = compare(expected, before).lines()
        deviations = tuple(each for each in compare(expected, read_catalogue(observer)).lines() if each not in known)
        down = value_hashes.compare(observer, self._copy.hashes)
        self.problems += data_checks.irrecoverable_values(self.up, down)
        self.problems += [f"The way down leaves another catalogue: {each}" for each in deviations]
        losses = list(data_checks.lost_by_downgrade(self.up, down))
        count = sum(each.count for each in losses)
        self.problems += budget_checks.lost(self._budget, self.ran, self._raises, count)
        lost = tuple(each.sentence for each in losses)
        downgrade = DowngradeResult(seconds, None, deviations, lost, data_checks.filled_values(down))
        again, failure = runner.run_all(self._pending, upgrade=True)
        if failure is not None:
            self.problems.append(f"Revision {failure.revision} failed on its second way up: {failure.why}")
            return replace(downgrade, again_failure=failure)
        differences = compare(first, read_catalogue(observer)).lines()
        self.problems += [f"The second way up leaves another catalogue: {each}" for each in differences]
        second_sums = value_hashes.column_sums(observer).items()
        changed = tuple(sorted(name for name, total in second_sums if sums.get(name) != total))
        return replace(downgrade, again=again, again_deviations=differences, again_differs=changed)

    def _done(self, ran: RevisionRun) -> None:
        self.ran.append(ran)
        self._say(f"{len(self.ran)} of {len(self._pending)}: {ran.revision} took {measured(ran.seconds)}")

    def _set_cost(self, size: int) -> None:
        sizes = [size, *(each.size for each in self.ran)]
        self.cost = UpgradeCost(
            sum(each.seconds for each in self.ran), size, sizes[-1], max(sizes),
            sum(each.wal for each in self.ran), sum(each.rows for each in self.ran),
            sum(table.rows for each in self.ran for table in each.rewritten),
        )  # fmt: skip
