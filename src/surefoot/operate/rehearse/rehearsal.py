"""The rehearsal: a copy of the real data, the pending revisions on it, up, down and up again, and what it comes to."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from alembic.runtime.migration import MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.operate.backup import server_facts
from surefoot.operate.backup.backup_dump import Say
from surefoot.operate.change import row_counts
from surefoot.operate.change.guarded_upgrade import names_at, reach
from surefoot.operate.pending_names import refuse_taken_names
from surefoot.operate.rehearse import committing_blocks, data_checks, value_hashes
from surefoot.operate.rehearse.copy_database import alone, copied, place
from surefoot.operate.rehearse.copy_source import Asked, chosen
from surefoot.operate.rehearse.measurements import stand
from surefoot.operate.rehearse.rehearsal_result import Cost, Failure, Ran, Rehearsal, WayBack
from surefoot.operate.rehearse.rehearsal_run import Runner
from surefoot.operate.status.revision_list import list_revisions
from surefoot.program import program
from surefoot.readonly import heads
from surefoot.revision_catalogues import build
from surefoot.runtime import interrupted_run, ownership, preconditions, privileges
from surefoot.servers import libpq
from surefoot.settings import Settings
from surefoot.wording import measured


@dataclass
class _Copy:
    """The copy at work: `config` goes up and down, `beside` looks at it in between, without a transaction."""

    ways: Runner
    beside: Connection
    kept: value_hashes.Kept


def rehearse(settings: Settings, url: URL, asked: Asked, *, say: Say) -> Rehearsal | None:
    """Rehearse the upgrade of the database of `url` on a copy of it; None where nothing is pending.

    The real database is only read, and nothing of the copy stays, whatever happens. What fails on the copy is no
    exception, but told in what is returned. Raises what choosing and restoring the source raises.
    """
    script = alembic_api.script(settings)
    history = build.history(script)
    target, wanted = reach(script, asked.target)
    started = dt.datetime.now(dt.UTC)
    with alone(url, say) as real:
        todo = _pending(real, script, history, wanted) if asked.backup is None else []
        if asked.backup is None and not todo:
            return None
        lacking = ownership.lacking(real, names_at(settings, url, heads(real)))
        refuse_taken_names(settings, url, real, todo)
        begun = interrupted_run.find(real, script, heads(real))
        if begun is not None:
            say(begun.sentence)
            asked = replace(asked, fresh=asked.backup is None)  # no backup from before it is of what is there now
        with (
            chosen(settings, url, real, asked, say) as (backup, source),
            copied(url, backup, say) as copy,
            _opened(settings, copy.url, script, say) as opened,
        ):
            at = heads(opened.beside)
            pending = _pending(opened.beside, script, history, wanted)
            if not pending:
                return None
            whole = build.catalogue(settings, url, at[0], history) if begun is not None and len(at) == 1 else None
            found = _Rehearsed(opened, pending, say, whole)
            found.run()
    return Rehearsal(
        database=server_facts.name_of(url),
        server=server_facts.place_of(url),
        server_version=backup.manifest.server_version,
        at=at,
        target=target,
        started_at=started,
        source=source,
        place=place(url, copy.url),
        rows=backup.manifest.total_rows,
        revisions=tuple(found.ran),
        pending=len(pending),
        failure=found.failure,
        values=found.up,
        way_back=found.way_back,
        problems=tuple(found.problems),
        cost=found.cost,
        notes=copy.notes,
        rights=found.rights,
        lacking=lacking,
    )


def _pending(
    connection: Connection, script: ScriptDirectory, history: Sequence[Script], wanted: frozenset[str]
) -> list[Script]:
    """What is to be done, the oldest first. Raises RefusedError where an upgrade would be refused before it begins."""
    at = heads(connection)
    preconditions.unknown_revision(script, at)
    found = [each for each in list_revisions(script, history, at).pending if each.revision in wanted]
    if found:
        preconditions.refuse_hidden_rows(connection, preconditions.EVERYWHERE)
    steps = [MigrationStep.upgrade_from_script(script.revision_map, each) for each in found]
    preconditions.refuse_run(preconditions.RequestedRun(connection, script, at, steps, upward=True, writes=False))
    return found


@contextmanager
def _opened(settings: Settings, copy: URL, script: ScriptDirectory, say: Say) -> Iterator[_Copy]:
    engine = database.engine_for(copy, application_name=f"{program()} rehearse", options=value_hashes.SETTINGS)
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beside,
        psycopg.connect(
            libpq.connection_uri(copy), autocommit=True, application_name=f"{program()} rehearse"
        ) as sampler,
        alembic_api.configured(settings, copy, application_name=f"{program()} rehearsal") as config,
    ):
        say("Remembering every value")
        kept = value_hashes.keep(beside)
        sampler.execute(committing_blocks.MAKE)
        yield _Copy(Runner(config, script, beside, sampler), beside, kept)


class _Rehearsed:
    """One rehearsal on the way; what it has found so far.

    `whole` is what the revision below makes, where the copy begins in the middle of one that was cut off.
    """

    def __init__(self, copy: _Copy, pending: list[Script], say: Say, whole: Catalogue | None) -> None:
        self._copy, self._pending, self._say, self._whole = copy, pending, say, whole
        self.ran: list[Ran] = []
        self.failure: Failure | None = None
        self.up: tuple[value_hashes.Table, ...] = ()
        self.way_back: WayBack | None = None
        self.problems: list[str] = []
        self.rights: tuple[str, ...] = ()
        self.cost = Cost(0, 0, 0, 0, 0, 0, 0)

    def run(self) -> None:
        """Up; and where that went well, down and up again."""
        beside = self._copy.beside
        catalogue, rows, before = read_catalogue(beside), row_counts.count(beside), stand(beside)
        self.failure = self._copy.ways.up(self._pending, self._done)
        self._sum_up(before.size)
        if self.failure is not None:
            self.problems.append(f"Revision {self.failure.revision} failed on the copy: {self.failure.why}")
            return
        self._say("Comparing every value")
        self.up = value_hashes.compare(beside, self._copy.kept)
        self.problems += data_checks.unaccounted(self.up, rows, row_counts.count(beside))
        first, sums = read_catalogue(beside), value_hashes.sums(beside)
        self.problems += data_checks.rights_lost(catalogue, first)
        self.rights = tuple(
            f"{each}. Where that is not meant: {each.statement}" for each in privileges.roles_without_tables(beside)
        )
        self._say(f"Going down {len(self._pending)} revisions, and up again")
        self.way_back = self._back_and_again(catalogue, first, sums)

    def _back_and_again(self, before: Catalogue, first: Catalogue, sums: Mapping[str, str]) -> WayBack:
        """Down and up again; `before` is the catalogue before the upgrade, `first` and `sums` are from after it."""
        beside, ways = self._copy.beside, self._copy.ways
        down_took, failure = ways.go(self._pending[::-1], upgrade=False)
        if failure is not None:
            if not failure.meant:
                self.problems.append(f"The way down of {failure.revision} failed on the copy: {failure.why}")
            return WayBack(down_took, failure)
        whole = self._whole or before
        there = set(map(str, compare(whole, before).deviations))
        deviations = tuple(
            each for each in map(str, compare(whole, read_catalogue(beside)).deviations) if each not in there
        )
        down = value_hashes.compare(beside, self._copy.kept)
        self.problems += data_checks.for_good(self.up, down)
        self.problems += [f"The way down leaves another catalogue: {each}" for each in deviations]
        back = WayBack(
            down_took, None, deviations, tuple(data_checks.by_the_way_down(self.up, down)), data_checks.filled(down)
        )
        again, failure = ways.go(self._pending, upgrade=True)
        if failure is not None:
            self.problems.append(f"Revision {failure.revision} failed on its second way up: {failure.why}")
            return replace(back, again_failure=failure)
        differs = tuple(map(str, compare(first, read_catalogue(beside)).deviations))
        self.problems += [f"The second way up leaves another catalogue: {each}" for each in differs]
        others = tuple(sorted(name for name, total in value_hashes.sums(beside).items() if sums.get(name) != total))
        return replace(back, again=again, again_deviations=differs, again_differs=others)

    def _done(self, ran: Ran) -> None:
        self.ran.append(ran)
        self._say(f"{len(self.ran)} of {len(self._pending)}: {ran.revision} took {measured(ran.seconds)}")

    def _sum_up(self, size: int) -> None:
        sizes = [size, *(each.size for each in self.ran)]
        self.cost = Cost(
            sum(each.seconds for each in self.ran), size, sizes[-1], max(sizes),
            sum(each.wal for each in self.ran), sum(each.rows for each in self.ran),
            sum(table.rows for each in self.ran for table in each.rewritten),
        )  # fmt: skip
