"""One Alembic command: the connection it works on, the run itself, and how faults reach the person or the program."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from logging.config import fileConfig
from types import ModuleType
from typing import Any, NoReturn

import psycopg
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database, private_members
from surefoot.environment import revision_checks, revision_wrapper
from surefoot.errors import UsageError
from surefoot.program import program
from surefoot.project import Project
from surefoot.runtime import baseline, created_objects, error_translation, lock_retry, ownership, preconditions
from surefoot.runtime.migration_plan import Plan, Step, Steps
from surefoot.runtime.migrator_lock import only_migrator
from surefoot.runtime.privileges import NewObjectPrivileges
from surefoot.runtime.recorder import Record
from surefoot.runtime.session import backend_pid, migrating_session, refuse_shared, reset_session, server_settings
from surefoot.settings import Settings

log = logging.getLogger("surefoot")


def is_command_line(config: Config) -> bool:
    """Whether a person typed an `alembic` command, as against a program that called its Python functions."""
    return config.cmd_opts is not None


@contextmanager
def translated_errors(config: Config) -> Iterator[None]:
    """Turn every fault inside into ours: for a person a sentence, a remedy and an exit status; else an exception.

    Sets up logging from alembic.ini only for a person: an application's handlers are its own.
    """
    if is_command_line(config) and config.config_file_name:
        fileConfig(config.config_file_name, disable_existing_loggers=False, encoding="utf-8")
    try:
        yield
    except (Exception, KeyboardInterrupt) as fault:
        if not is_command_line(config) or getattr(config.cmd_opts, "raiseerr", False):
            foreseen = error_translation.translate_known(fault, None)
            if foreseen is None or foreseen is fault:
                raise
            raise foreseen from fault
        ours = error_translation.translate(fault, None)
        sys.stdout.flush()
        sys.stderr.write(f"{program()}: {ours}\n")
        raise SystemExit(ours.status) from None


@dataclass(frozen=True)
class OfflineRun:
    """What an online operation asks its run for when SQL is only printed: which revision it is in."""

    plan: Plan


def prepare_offline(context: MigrationContext, project: Project) -> None:
    """Let online operations know of the revision in offline mode too: they name after it what they set aside.

    What is printed stops, as ours does, where row security would hide rows from who runs it.
    """
    context.impl.static_output(f"SET {database.EVERY_ROW};")
    command = private_members.steps_of_command(context)
    plan = Plan(command, prepare=lambda steps, plan: revision_wrapper.wrap_steps(steps, context, plan, project))
    private_members.replace_steps(context, plan)
    context.opts["run"] = OfflineRun(plan)


class Run:
    """One Alembic command on one database, from the connection to the last step.

    `connection` is what env.py configures Alembic with. It is the passed-in one where an application gave one.
    """

    def __init__(self, config: Config, settings: Settings, stack: ExitStack) -> None:
        self.config = config
        self.settings = settings
        self._stack = stack
        self.plan: Plan | None = None
        self.watch: lock_retry.BlockerMonitor | None = None
        self._record: Record | None = None
        passed = config.attributes.get("connection")
        while passed is not None and not isinstance(passed, Connection):
            # an engine, as Alembic's cookbook passes it, or what pytest-alembic wraps around one
            passed = stack.enter_context(passed.connect())
        self._wanted = {**server_settings(settings), **database.RELIED_ON} if passed is not None else {}
        try:
            if passed is not None:
                self.connection: Connection = passed
                self.url: URL = passed.engine.url
                self._beside = sa.create_engine(self.url, pool=private_members.separate_pool(passed.engine))
            else:
                self.url = database.url_of(settings)
                self._beside = database.engine_for(
                    self.url, application_name=f"{program()} migrate", options=server_settings(settings)
                )
                self.connection = stack.enter_context(self._beside.connect())
        except sa.exc.DBAPIError as fault:
            raise database.explain(fault, self.url) from fault

    def migrate(self, alembic: ModuleType) -> None:
        """Run what the command asked for. `alembic` is `alembic.context`, configured."""
        context: MigrationContext = alembic.get_context()
        script: ScriptDirectory = alembic.script
        command = private_members.steps_of_command(context)

        def known(heads: tuple[str, ...], context: MigrationContext) -> Iterable[Step]:
            preconditions.refuse_unknown_revision(script, heads)  # before Alembic says "Can't locate"
            return command(heads, context)

        plan = self.plan = Plan(
            known,
            lambda heads, steps: self._check(context, script, heads, steps, upward=_upward(command, steps)),
            private_members.defer_version_table(context),
            note="-x force=yes" if self._forced() else None,
            prepare=lambda steps, plan: revision_wrapper.wrap_steps(steps, context, plan, self.settings.project),
        )
        self._record = Record(plan, self._beside, self.url, self.settings.project.version)
        private_members.replace_steps(context, plan)
        try:
            if self._writes(context):
                self._write(alembic, context, plan, self._record)
            else:
                # `history` and `show current` say of themselves that they write; a version table is not theirs to make
                context.opts.setdefault("dont_mutate", "revision_context" not in context.opts)
                alembic.run_migrations()
        except sa.exc.DBAPIError as fault:
            raise database.explain(fault, self.url) from fault

    def applied(self, *, ctx: MigrationContext, **_: Any) -> None:
        """Journal a step that is done, in its own transaction: Alembic's `on_version_apply`.

        `config.attributes["applied"]` is told of it in the same transaction: connection and revision.
        """
        entry = self.plan.entry() if self.plan else None
        if entry is not None and self._record is not None and ctx.connection is not None and not ctx.as_sql:
            tell = self.config.attributes.get("applied")
            if tell is not None:
                tell(ctx.connection, entry.revision)
            self._record.done(ctx.connection)

    def _writes(self, context: MigrationContext) -> bool:
        return bool(context.opts.get("destination_rev")) and not context.opts.get("dont_mutate", False)

    def _write(self, alembic: ModuleType, context: MigrationContext, plan: Plan, record: Record) -> None:
        stack = self._stack
        beside = stack.enter_context(self._beside.connect()).execution_options(isolation_level="AUTOCOMMIT")
        if self._wanted:
            refuse_shared(beside, self._beside)
        stack.enter_context(only_migrator(beside, self.settings.migrator_deadline, backend_pid(self.connection)))
        pid = stack.enter_context(migrating_session(self.connection, self._wanted))
        driver, in_transaction = self.connection.connection.driver_connection, self.connection.in_transaction()
        assert isinstance(driver, psycopg.Connection)
        record.role = stack.enter_context(
            ownership.as_table_owner(driver, _tables(context), in_transaction=in_transaction)
        )
        preconditions.refuse_autocommit(self.connection)
        created_objects.forget_lookup(self.connection)

        def once() -> None:
            if plan.current is not None:
                reset_session(self.connection, self.settings, self._wanted)
                created_objects.forget_lookup(self.connection)
            with alembic.begin_transaction():
                alembic.run_migrations()

        with lock_retry.monitor_blockers(beside, pid) as watch:
            self.watch = watch
            try:
                if private_members.in_callers_transaction(context):  # not ours to roll back and try again
                    context.autocommit_block = lambda: _no_autocommit(plan)  # type: ignore[method-assign]
                    once()
                else:
                    record.before_each_commit(context, stack)
                    lock_retry.retry_on_lock(once, lambda: plan.current, watch, self.settings.lock_deadline)
                    created_objects.drop_if_empty(self.connection)
                    self.connection.commit()
            except (Exception, KeyboardInterrupt) as fault:
                record.failed(fault, context, alembic.script, self.settings.lock_timeout)
                raise
        if record.rights is not None:
            record.rights.warn_without_privileges()

    def _check(
        self,
        context: MigrationContext,
        script: ScriptDirectory,
        heads: tuple[str, ...],
        steps: list[Step],
        *,
        upward: bool,
    ) -> None:
        if not self._writes(context):
            preconditions.refuse_long_ids(revision for step in steps for revision in step.to_revisions_no_deps)
            return
        revision_checks.warn_of_unordered_names(script)
        assert context.connection is not None
        preconditions.refuse_run(
            preconditions.RequestedRun(
                context.connection, script, heads, steps, upward, forced=self._forced(),
                proved="proved" in self.config.attributes, alone=True,
            )
        )  # fmt: skip
        if not steps:
            log.info("Nothing to do: the database is at %s.", " and ".join(heads) or "base")
            return
        assert self.plan is not None
        self.plan.towards = _towards(context, steps)
        for target in _stamped(steps):
            if self.config.attributes.get("proved") == target:
                continue
            is_baseline = target == self.settings.project.baseline
            refuse = baseline.refuse_unless_baseline if is_baseline else baseline.refuse_unless_released
            refuse(context.connection, script, target, forced=self._forced())
        if not all(step.info.is_stamp for step in steps):
            tables = _tables(context)
            ownership.refuse_other_owner(context.connection, tables)
            assert self._record is not None
            self._record.rights = NewObjectPrivileges(context.connection, tables, self.settings.application_role)

    def _forced(self) -> bool:
        given = getattr(self.config.cmd_opts, "x", None) or []
        return "force=yes" in given or self.config.attributes.get("force") is True


def _tables(context: MigrationContext) -> set[str]:
    """The names of the project's tables, as the models have them."""
    metadata = context.opts.get("target_metadata")
    return set(metadata.tables) if isinstance(metadata, sa.MetaData) else set()


def _stamped(steps: list[Step]) -> list[str]:
    """The revisions that a stamp will write down."""
    return sorted({one for step in steps if step.info.is_stamp for one in step.info.destination_revision_ids})


def _towards(context: MigrationContext, steps: list[Step]) -> str | None:
    """The revision at which an upgrade ends; None where that was asked of it which is newest, and not by name."""
    last = steps[-1]
    if context.opts.get("destination_rev") in {"head", "heads"} or not isinstance(last, RevisionStep):
        return None
    return last.revision.revision if last.is_upgrade else None


def _upward(command: Steps, steps: list[Step]) -> bool:
    """Whether it is an upgrade; where nothing is left to do, only the name of Alembic's own function tells."""
    if steps:
        return any(isinstance(step, RevisionStep) and step.is_upgrade for step in steps)
    return getattr(command, "__name__", "") == "upgrade"


def _no_autocommit(plan: Plan) -> NoReturn:
    """In place of `autocommit_block()` where the caller's transaction is open, which it would have to commit."""
    entry = plan.entry()
    raise UsageError(
        f"Revision {entry.revision if entry else '?'} works outside a transaction (autocommit_block), but the "
        "connection that was passed in is inside one.",
        "Pass the connection before a transaction begins on it: from engine.connect(), not engine.begin(). "
        "Or run python -m alembic upgrade head.",
    )
