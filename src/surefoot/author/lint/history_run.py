"""Runs revisions on a scratch database one by one: recorded, cut off before they are recorded as done, run again."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationStep, RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.util.pyfiles import load_python_file
from sqlalchemy.engine import URL

from surefoot import database
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.statement_recorder import CutOff, Recorder
from surefoot.author.sample_rows import many_rows
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import BOOKKEEPING, read_catalogue
from surefoot.environment import alembic_api, snapshot_file
from surefoot.errors import SurefootError
from surefoot.program import program
from surefoot.runtime import error_translation
from surefoot.runtime.session import server_settings
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings

TIME_ZONE_ELSEWHERE = "Asia/Kathmandu"
"""The time zone of the sessions whose result is compared: a quarter of an hour off every other."""
OPTIONS = {"stats_fetch_consistency": "none", "jit": "off", "client_min_messages": "error"}
"""Counters as they are now; no compiling, which takes longer than the queries; no word of revisions on made-up rows."""
TABLES = sa.text("""
    select format('%I.%I', nspname, relname)
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
     where relkind = 'r'
       and nspname not in ('pg_catalog', 'information_schema')
       and nspname !~ '^pg_(toast|temp)'
       and relname <> all (:bookkeeping)
     order by 1
""")


@dataclass(frozen=True)
class Outcome:
    """The database after a step: its catalogue, and the number of rows by table."""

    catalogue: Catalogue
    rows: dict[str, int]


@dataclass(frozen=True)
class Rerun:
    """The second run of a revision that was cut off before: its outcome, or why and at which statement it failed."""

    outcome: Outcome | None
    fault: str = ""
    statement: Statement | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A step in another time zone: its statements and catalogue, or its fault. No catalogue where it was run twice."""

    recording: Recording | None
    catalogue: Catalogue | None
    fault: str = ""


class Scratch:
    """A scratch database, and the revisions that run in it; `elsewhere` gives its sessions another time zone."""

    def __init__(self, settings: Settings, url: URL, script: ScriptDirectory, *, elsewhere: bool = False) -> None:
        self._settings = settings
        self._url = url
        options = server_settings(settings) | OPTIONS
        if elsewhere:
            options["timezone"] = TIME_ZONE_ELSEWHERE
        self._engine = database.engine_for(url, application_name=f"{program()} lint", options=options)
        self._recorder = Recorder(self._engine, states=not elsewhere)
        self.script = script
        self._own_modules = dict[str, Script]() if elsewhere else None

    @contextmanager
    def copy(self, *, elsewhere: bool) -> Iterator["Scratch"]:
        """Yield a copy of the database as it is now; `elsewhere` gives its sessions another time zone."""
        with scratch_database(self._url, purpose="lint_copy", template=self._url.database) as url:
            yield Scratch(self._settings, url, self.script, elsewhere=elsewhere)

    def upgrade_through(self, revisions: Iterable[str]) -> None:
        """Upgrade through `revisions` without recording their statements: by the snapshot as far as that goes."""
        self._recorder.pause()
        revisions = list(revisions)
        snapshot = snapshot_file.usable(self._settings.project.script_folder)
        if snapshot is not None and set(snapshot.stands_for).issubset(revisions):
            with alembic_api.configured(self._settings, self._url, application_name=f"{program()} lint") as config:
                command.upgrade(config, snapshot.revision)
            revisions = [each for each in revisions if each not in snapshot.stands_for]
        steps = [self._step(revision, upgrade=True) for revision in revisions]
        if steps:
            self._run(steps)

    def fill(self) -> list[str]:
        """Insert sample rows into each table that has none; return the names of those that have some now."""
        self._recorder.pause()
        with self._engine.connect() as connection:
            return many_rows.fill_empty(connection)

    def empty(self, tables: Collection[str]) -> None:
        """Delete the rows of tables that were filled."""
        self._recorder.pause()
        with self._engine.connect() as connection:
            many_rows.empty(connection, tables)

    def step(self, revision: str, direction: str) -> Recording:
        """Run one revision and return its statements. Raises the migration's own error."""
        step = self._step(revision, upgrade=direction == "upgrade")
        self._recorder.begin(Path(self._script(revision).path))
        self._run([step])
        return self._recorder.recording(revision, direction)

    def cut_off(self, revision: str, direction: str) -> Recording:
        """Run one revision, and fail just before alembic_version is written; what it has committed stays."""
        self._recorder.cut_off = True
        try:
            return self.step(revision, direction)
        except SurefootError as fault:
            if not isinstance(fault.__cause__, CutOff):
                raise
            return self._recorder.recording(revision, direction)
        finally:
            self._recorder.cut_off = False

    def step_twice(self, revision: str, direction: str) -> tuple[Recording, Rerun | None, Catalogue]:
        """Run one revision; where it commits early, cut it off and run it again. Return what the second run did, too.

        Raises the migration's own error, that of the second run as well.
        """
        self._recorder.cut_off_early = True
        try:
            return self.step(revision, direction), None, self.outcome().catalogue
        except SurefootError as fault:
            if not isinstance(fault.__cause__, CutOff):
                raise
            recording = self._recorder.recording(revision, direction)
        finally:
            self._recorder.cut_off_early = False
        self.step(revision, direction)
        outcome = self.outcome()
        return recording, Rerun(outcome), outcome.catalogue

    def run_again(self, revision: str, direction: str) -> Rerun:
        """Run a revision that was cut off, and return its outcome or why it failed."""
        try:
            self.step(revision, direction)
        except Exception as fault:  # whatever the revision raises
            return Rerun(None, fault_sentence(fault), self._recorder.pending)
        return Rerun(self.outcome())

    def recorded(self, revision: str, direction: str) -> Recording:
        """Return the statements of the last step, up to where it failed."""
        return self._recorder.recording(revision, direction)

    @property
    def failed(self) -> Statement | None:
        """The statement at which the last step failed, None where it was not a statement."""
        return self._recorder.pending

    def outcome(self) -> Outcome:
        """Return the catalogue and the row counts of the database as it is now."""
        with self._engine.connect() as connection:
            tables = connection.execute(TABLES, {"bookkeeping": list(BOOKKEEPING)}).scalars().all()
            counts = ", ".join(f"(select count(*) from {table})" for table in tables)  # noqa: S608  # quoted by format()
            found = database.execute_verbatim(connection, f"select {counts}").one()
            return Outcome(read_catalogue(connection), dict(zip(tables, found, strict=True)))

    def _run(self, steps: list[RevisionStep]) -> None:
        config = self._config()
        with self._engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["later"] = False
            alembic_api.run(config, self.script, steps)

    def _config(self) -> Config:
        return Config(str(self._settings.project.ini))

    def _script(self, revision: str) -> Script:
        script = self.script.get_revision(revision)
        assert script is not None
        if self._own_modules is None:
            return script
        if revision not in self._own_modules:  # what the file remembers of its first run must not reach the second one
            own = self._own_modules[revision] = copy.copy(script)
            own.module = load_python_file(*map(str, (Path(script.path).parent, Path(script.path).name)))
        return self._own_modules[revision]

    def _step(self, revision: str, *, upgrade: bool) -> RevisionStep:
        from_script: Callable[..., RevisionStep] = (
            MigrationStep.upgrade_from_script if upgrade else MigrationStep.downgrade_from_script
        )
        return from_script(self.script.revision_map, self._script(revision))


def fault_sentence(fault: BaseException) -> str:
    """Return one sentence on the first cause of what a run raised, without a full stop."""
    while isinstance(fault, SurefootError) and fault.__cause__ is not None:
        fault = fault.__cause__
    return fault.message.rstrip(".") if isinstance(fault, SurefootError) else error_translation.primary_message(fault)
