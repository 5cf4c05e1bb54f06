"""Runs one Alembic command on a database: its connections, its checks, its steps and its record."""

import logging
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from types import ModuleType
from typing import Any, NoReturn

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database, private_members, search_path
from surefoot.environment import from_snapshot, revision_wrapper
from surefoot.environment.models_on_demand import TableNames
from surefoot.errors import Stop, SurefootError, UsageError
from surefoot.program import alembic_command, program
from surefoot.runtime import (
    baseline,
    collation_versions,
    created_objects,
    interrupts,
    kept_revisions,
    lock_retry,
    lost_subscribers,
    ownership,
    preconditions,
    publications,
    repeated_warnings,
    stops,
    work_queue,
)
from surefoot.runtime.callers_connection import refuse_other_server, without_options
from surefoot.runtime.journal import Entry
from surefoot.runtime.kept_revisions import Newer
from surefoot.runtime.migration_plan import Plan, Step, Steps
from surefoot.runtime.migrator_lock import only_migrator
from surefoot.runtime.privileges import NewObjectPrivileges
from surefoot.runtime.recorder import Record
from surefoot.runtime.session import (
    backend_pid,
    connect_once_more,
    end_when_lost,
    migrating_session,
    refuse_shared,
    reset_session,
    server_settings,
)
from surefoot.runtime.session_monitor import SessionMonitor, monitored
from surefoot.servers import answering, async_driver
from surefoot.settings import Settings
from surefoot.wording import counted, verb

log = logging.getLogger("surefoot")


class Run:
    """One Alembic command on one database, from the connection to the last step.

    `connection` is the one that env.py configures Alembic with: the connection, or one of the engine, in
    `config.attributes["connection"]` where a program passed that, else a new one. `stack` closes what the run opens.
    The connection of an async application is the one that `run_sync` gives; an AsyncEngine may be passed outside of an
    event loop and inside one. Raises UsageError for another driver than psycopg 3, ConnectFailed and the other errors
    of `database.url_of` and `database.explain`.
    """

    def __init__(self, config: Config, settings: Settings, stack: ExitStack) -> None:
        self.config = config
        self.settings = settings
        self._stack = stack
        self.plan: Plan | None = None
        self.monitor: SessionMonitor | None = None
        self._record: Record | None = None
        self._accepted: Newer | None = None
        self._upgrades = self._from_snapshot = False
        self.does_all_at_once = "later=no" in self._given() or not config.attributes.get("later", True)
        """Whether what a revision says with `later=True` is done with it all the same."""
        passed = async_driver.without_await(config.attributes.get("connection"))
        while passed is not None and not isinstance(passed, Connection):
            # an engine, as Alembic's cookbook passes it, or what pytest-alembic wraps around one
            passed = stack.enter_context(passed.connect())
        self._session_settings = {**server_settings(settings), **database.RELIED_ON} if passed is not None else {}
        try:
            if passed is not None:
                self.connection: Connection = passed
                self.url: URL = async_driver.sync_url(passed.engine.url)
                self._second_engine = _beside(passed.engine)
                stack.enter_context(without_options(passed))
                refuse_other_server(self._second_engine, passed)
                known_tables = search_path.tables_of(settings.project)
                stack.enter_context(search_path.put_first(self.connection, known_tables, self._second_engine))
            else:
                self.url = search_path.url_of(settings)
                if config.cmd_opts is not None:
                    log.info("%s", database.announcement(self.url, settings.url_source))
                self._second_engine = database.engine_for(
                    self.url,
                    application_name=f"{program()} migrate",
                    options=server_settings(settings),
                    answer_timeout=settings.answer_timeout,
                )
                self.connection = stack.enter_context(self._second_engine.connect())
        except sa.exc.DBAPIError as fault:
            raise database.explain(fault, self.url) from fault

    def migrate(self, alembic: ModuleType) -> None:
        """Run the command with all that makes it safe. `alembic` is `alembic.context`, configured."""
        context: MigrationContext = alembic.get_context()
        script: ScriptDirectory = alembic.script
        command = private_members.steps_of_command(context)
        self._upgrades = _is_upgrade(command, [])

        def checked_steps(heads: tuple[str, ...], context: MigrationContext) -> Iterable[Step]:
            assert context.connection is not None
            newer = kept_revisions.read(context.connection, script, heads)
            if newer is not None:
                return self._accept_newer(newer, context)
            preconditions.refuse_unknown_revision(script, heads)  # Alembic would only say "Can't locate"
            return command(heads, context)

        plan = self.plan = Plan(
            checked_steps,
            lambda heads, steps: self._check(context, script, heads, steps, upward=_is_upgrade(command, steps)),
            private_members.defer_version_table(context),
            note="-x force=yes" if self._forced() else None,
            prepare=lambda steps, plan: revision_wrapper.wrap_steps(steps, context, plan, self.settings.project),
        )
        plan.expected = self.config.attributes.get("expected", plan.expected)
        plan.ends_early = self.config.attributes.get("ends_early", plan.ends_early)
        self._record = Record(plan, self._second_engine, self.url, self.settings.project.version)
        private_members.replace_steps(context, plan)
        try:
            if self._writes(context):
                self._write_and_repeat(alembic, context, plan, self._record)
            else:
                # without this, Alembic would create alembic_version for `history` and `show current` too
                context.opts.setdefault("dont_mutate", "revision_context" not in context.opts)
                if "revision_context" in context.opts and not self._session_settings:
                    # on a connection of ours: a comparison may count the rows of a large table
                    self._stack.enter_context(answering.unlimited(database.driver_of(self.connection)))
                alembic.run_migrations()
        except sa.exc.DBAPIError as fault:
            explained = database.explain(fault, self.url)
            self._complete(explained, plan)
            raise explained from fault
        except SurefootError as fault:
            self._complete(fault, plan)
            raise
        except KeyboardInterrupt as fault:
            if not self._has_kept(plan):
                raise
            from surefoot.runtime import error_translation  # noqa: PLC0415  # only where something stopped

            interrupted = error_translation.translate(fault, self.url)
            self._complete(interrupted, plan)
            raise interrupted from None

    def _has_kept(self, plan: Plan) -> bool:
        return bool(plan.done) or self._from_snapshot

    def _complete(self, fault: SurefootError, plan: Plan) -> None:
        """Say of an error outside of any revision what is kept where some revisions are applied already."""
        if fault.stop is None and self._has_kept(plan):
            ran = f"{plan.done:,} of {counted(plan.total, 'revision')} {verb(plan.done)} run to the end"
            fault.stop = Stop(f"{ran}, and that is kept.", stops.APPLIED_IS_WHOLE, stops.whose())

    def applied(self, *, ctx: MigrationContext, **_: Any) -> None:
        """Record a step as done, in its own transaction; Alembic calls this as `on_version_apply`.

        Before that `config.attributes["applied"]`, where it is set, is called with the connection and the revision.
        """
        entry = self.plan.entry() if self.plan else None
        if entry is not None and self._record is not None and ctx.connection is not None and not ctx.as_sql:
            callback = self.config.attributes.get("applied")
            if callback is not None:
                callback(ctx.connection, entry.revision)
            self._refuse_lost_subscriber(ctx.connection)
            self._record_queue(ctx.connection, entry)
            self._record.done(ctx.connection)

    def _record_queue(self, connection: Connection, entry: Entry) -> None:
        """Queue what the revision leaves for later, or take what it had left out of the queue."""
        assert self.plan is not None
        if self.plan.left_for_later:
            work_queue.add(connection, entry.revision, self.plan.left_for_later)
            self.plan.open_work = None
        elif entry.direction == "downgrade" and work_queue.exists(connection):
            work_queue.remove(connection, entry.revision)

    def _refuse_lost_subscriber(self, connection: Connection) -> None:
        """Refuse what the revision made of published tables in its transaction, by whatever statement."""
        before = publications.of_run(connection)
        if before.tables:
            after = publications.read(connection)
            lost_subscribers.refuse_changed(before, after, acknowledged=self.settings.subscribers_changed)
            publications.remember(connection, after)

    def _accept_newer(self, newer: Newer, context: MigrationContext) -> list[Step]:
        """Answer `upgrade head` and `current` of a database that is newer and only has more; refuse all else."""
        called = str(getattr(context.opts.get("fn"), "__qualname__", "")).partition(".")[0]
        wanted = called == "upgrade" and context.opts.get("destination_rev") in {"head", "heads"}
        if not newer.usable or not (wanted or called == "current"):
            raise newer.refusal()
        if called == "current":
            for head in newer.heads:
                newest = " and ".join(newer.own)
                self.config.print_stdout(f"{head} (newer than {newest}, and only adds)")
        self._accepted = newer
        return []

    def _writes(self, context: MigrationContext) -> bool:
        return bool(context.opts.get("destination_rev")) and not context.opts.get("dont_mutate", False)

    def _write_and_repeat(self, alembic: ModuleType, context: MigrationContext, plan: Plan, record: Record) -> None:
        """Repeat on the command line what was warned of, as the last lines, or the last before those of a stop."""
        with repeated_warnings.kept() as warnings:
            try:
                self._write(alembic, context, plan, record)
            finally:
                for line in repeated_warnings.lines(warnings) if self.config.cmd_opts is not None else ():
                    log.info("%s", line)

    def _write(self, alembic: ModuleType, context: MigrationContext, plan: Plan, record: Record) -> None:
        stack = self._stack
        watcher = stack.enter_context(self._second_engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
        end_when_lost(database.driver_of(watcher), self.settings.idle_timeout)
        if self._session_settings:
            refuse_shared(watcher, self._second_engine)
        stack.enter_context(only_migrator(watcher, self.settings.migrator_deadline, backend_pid(self.connection)))
        pid = stack.enter_context(migrating_session(self.connection, self._session_settings, self.settings))
        driver, in_transaction = database.driver_of(self.connection), self.connection.in_transaction()
        record.role = stack.enter_context(
            ownership.as_table_owner(driver, _tables(context), in_transaction=in_transaction)
        )
        preconditions.refuse_autocommit(self.connection)
        created_objects.forget_lookup(self.connection)
        publications.forget(self.connection)

        def once() -> None:
            if plan.current is not None:
                reset_session(self.connection)
                created_objects.forget_lookup(self.connection)
            elif self._begins_at_head(context, alembic.script):
                return
            with alembic.begin_transaction():
                alembic.run_migrations()

        monitor = self.monitor = SessionMonitor(
            database.driver_of(watcher),
            driver,
            pid,
            lambda: connect_once_more(self._second_engine),
            self.settings.answer_timeout,
        )
        with interrupts.end_in_time(self.connection, watcher), monitored(monitor), answering.unlimited(driver):
            try:
                if private_members.in_callers_transaction(context):  # which is not rolled back, so nothing is retried
                    context.autocommit_block = lambda: _no_autocommit(plan)  # type: ignore[method-assign]
                    once()
                else:
                    record.before_each_commit(context, stack)
                    lock_retry.retry_on_lock(once, lambda: plan.current, monitor, self.settings.lock_deadline)
                    created_objects.drop_if_empty(self.connection)
                    self.connection.commit()
            except (Exception, KeyboardInterrupt) as fault:
                record.failed(fault, context, alembic.script, self.settings.lock_timeout, monitor.remedy)
                raise
        if record.rights is not None:
            record.rights.warn_without_privileges()

    def _begins_at_head(self, context: MigrationContext, script: ScriptDirectory) -> bool:
        """Bring an empty database to the snapshot that comes with the files; return whether nothing is newer.

        Not with `-x snapshot=no`, nor for a caller that wants to see each revision applied, unless that sets
        `config.attributes["snapshot"]`.
        """
        destination = str(context.opts.get("destination_rev"))
        wanted = self.config.attributes.get("snapshot", "applied" not in self.config.attributes)
        if not self._upgrades or not wanted or "snapshot=no" in self._given():
            return False
        at = from_snapshot.begin_at_snapshot(self.connection, script, destination, self.settings, _tables(context))
        created_objects.forget_lookup(self.connection)
        publications.forget(self.connection)
        self._from_snapshot = at is not None
        return at is not None and from_snapshot.is_whole_way(script, destination, at, self.settings)

    def _check(
        self,
        context: MigrationContext,
        script: ScriptDirectory,
        heads: tuple[str, ...],
        steps: list[Step],
        *,
        upward: bool,
    ) -> None:
        if self._accepted is not None:
            log.info("%s%s", "Nothing to do. " if self._writes(context) else "", self._accepted.sentence)
            return
        if not self._writes(context):
            preconditions.refuse_long_ids(revision for step in steps for revision in step.to_revisions_no_deps)
            return
        assert context.connection is not None
        preconditions.refuse_run(
            preconditions.RequestedRun(
                context.connection, script, heads, steps, upward, forced=self._forced(),
                proved="proved" in self.config.attributes, alone=True,
                subscribers_changed=self.settings.subscribers_changed,
            )
        )  # fmt: skip
        if not steps:
            log.info("Nothing to do: the database is at %s.", " and ".join(heads) or "base")
            return
        publications.of_run(context.connection)
        assert self.plan is not None
        self.plan.towards = _upgrade_target(context, steps)
        tables = _tables(context)
        ownership.refuse_other_owner(context.connection, tables)  # a stamp makes the bookkeeping tables
        for target in _stamped(steps):
            if self.config.attributes.get("proved") == target:
                continue
            is_baseline = target == self.settings.project.baseline
            refuse = baseline.refuse_unless_baseline if is_baseline else baseline.refuse_unless_released
            refuse(context.connection, script, target, forced=self._forced())
        if not all(step.info.is_stamp for step in steps):
            for mismatch in collation_versions.find(context.connection):
                log.warning("%s", mismatch)
            assert self._record is not None
            self._record.rights = NewObjectPrivileges(context.connection, tables, self.settings.application_role)

    def _forced(self) -> bool:
        return "force=yes" in self._given() or self.config.attributes.get("force") is True

    def _given(self) -> list[str]:
        """Return what was given with `-x` on the command line."""
        return getattr(self.config.cmd_opts, "x", None) or []


def _beside(engine: sa.Engine) -> sa.Engine:
    """Return an engine that connects as `engine` does, without its pool and without `await`."""
    if engine.dialect.is_async:
        return async_driver.sync_engine(engine)
    return sa.create_engine(engine.url, pool=private_members.separate_pool(engine))


def _tables(context: MigrationContext) -> Collection[str]:
    """Return the names of the tables in the models, which are imported when somebody looks into them."""
    return TableNames(context.opts["target_metadata"])


def _stamped(steps: list[Step]) -> list[str]:
    """Return the revisions that a stamp records."""
    return sorted({one for step in steps if step.info.is_stamp for one in step.info.destination_revision_ids})


def _upgrade_target(context: MigrationContext, steps: list[Step]) -> str | None:
    """Return the target revision of an upgrade; None where the target was given as head, or it is no upgrade."""
    last = steps[-1]
    if context.opts.get("destination_rev") in {"head", "heads"} or not isinstance(last, RevisionStep):
        return None
    return last.revision.revision if last.is_upgrade else None


def _is_upgrade(command: Steps, steps: list[Step]) -> bool:
    """Return whether the command is an upgrade. Without steps only the name of Alembic's function shows that."""
    if steps:
        return any(isinstance(step, RevisionStep) and step.is_upgrade for step in steps)
    return getattr(command, "__name__", "") == "upgrade"


def _no_autocommit(plan: Plan) -> NoReturn:
    """Raise UsageError in place of `autocommit_block()`, which would have to commit the caller's transaction."""
    entry = plan.entry()
    raise UsageError(
        f"Revision {entry.revision if entry else '?'} works outside a transaction (autocommit_block), but the "
        "connection that was passed in is inside one.",
        "Pass the connection before a transaction begins on it: from engine.connect(), not engine.begin(). "
        f"Or run {alembic_command()} upgrade head.",
    )
