"""What env.py calls: the connection it works on, the run itself, and how faults reach the person or the program."""

import functools
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from logging.config import fileConfig
from types import ModuleType
from typing import Any, NoReturn

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from ourschool import database
from ourschool.errors import RefusedError, UsageError
from ourschool.migrate import authoring, faults, journal, made, refusals, strangers, waiting
from ourschool.migrate.lock import only_migrator
from ourschool.migrate.online.retire import others
from ourschool.migrate.plan import Plan, Step, version_table_later
from ourschool.migrate.session import APPLICATION, backend_pid, renew, server_settings, worker
from ourschool.settings import Settings

log = logging.getLogger("ourschool.migrate")


def typed(config: Config) -> bool:
    """Whether a person typed an `alembic` command, as against a program that called its Python functions."""
    return config.cmd_opts is not None


@contextmanager
def reporting(config: Config) -> Iterator[None]:
    """Turn every fault inside into ours: for a person a sentence, a remedy and an exit status; else an exception.

    Sets up logging from alembic.ini only for a person: an application's handlers are its own.
    """
    if typed(config) and config.config_file_name:
        fileConfig(config.config_file_name, disable_existing_loggers=False, encoding="utf-8")
    try:
        yield
    except (Exception, KeyboardInterrupt) as fault:
        if not typed(config) or getattr(config.cmd_opts, "raiseerr", False):
            foreseen = faults.foreseen(fault, None)
            if foreseen is None or foreseen is fault:
                raise
            raise foreseen from fault
        ours = faults.understood(fault, None)
        sys.stdout.flush()
        sys.stderr.write(f"ourschool: {ours}\n")
        raise SystemExit(ours.status) from None


@dataclass(frozen=True)
class Printing:
    """What an online operation asks its run for when SQL is only printed: which revision it is in."""

    plan: Plan


def printing(context: MigrationContext) -> None:
    """Let online operations know of the revision in offline mode too: they name after it what they set aside."""
    plan = Plan(context._migrations_fn, lambda _, __: None)  # type: ignore[arg-type]  # noqa: SLF001  # as Run does
    context._migrations_fn = plan  # type: ignore[assignment]  # noqa: SLF001
    context.opts["run"] = Printing(plan)


class Run:
    """One Alembic command on one database, from the connection to the last step.

    `connection` is what env.py configures Alembic with. It is the passed-in one where an application gave one.
    """

    def __init__(self, config: Config, settings: Settings, stack: ExitStack) -> None:
        self.config = config
        self.settings = settings
        self._stack = stack
        self.plan: Plan | None = None
        self.watch: waiting.Watch | None = None
        self._journalled: str | None = None
        passed = config.attributes.get("connection")
        while passed is not None and not isinstance(passed, Connection):
            # an engine, as Alembic's cookbook passes it, or what pytest-alembic wraps around one
            passed = stack.enter_context(passed.connect())
        self._wanted = server_settings(settings) if passed is not None else {}
        try:
            if passed is not None:
                self.connection: Connection = passed
                self.url: URL = passed.engine.url
                pool = sa.NullPool(passed.engine.pool._creator)  # noqa: SLF001  # its pool may be full, or of one
                self._beside = sa.create_engine(self.url, pool=pool)
            else:
                self.url = database.url_of(settings)
                self._beside = database.engine_for(
                    self.url, application_name=APPLICATION, options=server_settings(settings)
                )
                self.connection = stack.enter_context(self._beside.connect())
        except sa.exc.DBAPIError as fault:
            raise database.explain(fault, self.url) from fault

    def migrate(self, alembic: ModuleType) -> None:
        """Run what the command asked for. `alembic` is `alembic.context`, configured."""
        context: MigrationContext = alembic.get_context()
        script: ScriptDirectory = alembic.script
        command = context._migrations_fn  # noqa: SLF001  # the one place a command's steps pass
        assert command is not None

        def known(heads: tuple[str, ...], context: MigrationContext) -> Iterable[Step]:
            refusals.unknown_revision(script, heads)  # before Alembic says "Can't locate"
            steps = list(command(heads, context))
            for step in steps:
                if isinstance(step, RevisionStep) and not step.is_upgrade:
                    step.migration_fn = _and_bring_back(step.migration_fn, context)
            return steps

        plan = self.plan = Plan(
            known,
            lambda heads, steps: self._check(context, script, heads, steps),
            version_table_later(context),
            note="-x force=yes" if self._forced() else None,
        )
        context._migrations_fn = plan  # type: ignore[assignment]  # noqa: SLF001  # stamps' steps are steps too
        try:
            if self._writes(context):
                self._write(alembic, context, plan)
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
        if entry is not None and ctx.connection is not None and not ctx.as_sql:
            tell = self.config.attributes.get("applied")
            if tell is not None:
                tell(ctx.connection, entry.revision)
            if self._journalled is None or self._journalled == entry.revision:
                journal.ensure(ctx.connection)  # a step before this one has committed the table otherwise
            self._journalled = entry.revision
            journal.write(ctx.connection, entry)
            made.forget(ctx.connection, entry.revision)
            log.info("%s of %s took %.2f s", entry.direction, entry.revision, entry.seconds())

    def _writes(self, context: MigrationContext) -> bool:
        return bool(context.opts.get("destination_rev")) and not context.opts.get("dont_mutate", False)

    def _write(self, alembic: ModuleType, context: MigrationContext, plan: Plan) -> None:
        stack = self._stack
        beside = stack.enter_context(self._beside.connect()).execution_options(isolation_level="AUTOCOMMIT")
        stack.enter_context(only_migrator(beside, self.settings.migrator_deadline, backend_pid(self.connection)))
        pid = stack.enter_context(worker(self.connection, self._wanted))
        refusals.without_transactions(self.connection)
        made.begin(self.connection)

        def once() -> None:
            if plan.current is not None:
                renew(self.connection, self.settings, self._wanted)
                made.begin(self.connection)
            with alembic.begin_transaction():
                alembic.run_migrations()

        with waiting.watching(beside, pid) as watch:
            self.watch = watch
            try:
                if context._in_external_transaction:  # noqa: SLF001  # not ours to roll back and try again
                    context.autocommit_block = lambda: _no_autocommit(plan)  # type: ignore[method-assign]
                    once()
                else:
                    context.autocommit_block = _noting(context, plan)  # type: ignore[method-assign, assignment]
                    waiting.patiently(once, lambda: plan.current, watch, self.settings.lock_deadline)
                    made.tidy(beside)
            except (Exception, KeyboardInterrupt) as fault:
                self._failed(_first(fault), plan)
                raise

    def _failed(self, fault: BaseException, plan: Plan) -> None:
        """Journal the failure beside the rolled-back transaction, and say where the database stands."""
        entry = plan.entry()
        if entry is None:
            return
        statement = fault.statement if isinstance(fault, sa.exc.DBAPIError) else None
        error = faults.primary(fault)
        heads: tuple[str, ...] = ("the last good revision",)
        try:
            with self._beside.connect() as connection, connection.begin():
                # a caller's transaction that is still open may hold the journal
                connection.execute(sa.text(f"set local lock_timeout = {self.settings.lock_timeout:d}"))
                heads = MigrationContext.configure(connection).get_current_heads()
                made.tidy(connection)
                journal.ensure(connection)
                journal.write(
                    connection,
                    entry,
                    error=faults.without_password(error, self.url),
                    statement=faults.without_password(statement, self.url) if statement else None,
                )
        except sa.exc.DBAPIError as also:
            log.warning("The failure could not be journalled: %s.", faults.primary(also))
        meaning = faults.in_revision(fault, entry, " and ".join(heads) or "base", self.url)
        if meaning is fault:
            raise fault  # not from itself: whoever follows the causes would never come to an end
        raise meaning from fault

    def _check(
        self, context: MigrationContext, script: ScriptDirectory, heads: tuple[str, ...], steps: list[Step]
    ) -> None:
        refusals.too_long(revision for step in steps for revision in step.to_revisions_no_deps)
        if not self._writes(context):
            return
        authoring.names_in_order(script)
        if not steps:
            log.info("Nothing to do: the database is at %s.", " and ".join(heads) or "base")
            return
        assert context.connection is not None
        refusals.unversioned_with_tables(context.connection, heads, steps)
        if any(step.info.is_stamp and refusals.BASELINE in step.info.destination_revision_ids for step in steps):
            self._compare_with_baseline(context, script)
        self._names_are_free(context.connection, script, heads, steps)

    def _names_are_free(
        self, connection: Connection, script: ScriptDirectory, heads: tuple[str, ...], steps: list[Step]
    ) -> None:
        """Refuse where a stranger has a name that the steps will make, or that what comes after a stamp will."""
        stamped = [revision for step in steps if step.info.is_stamp for revision in step.info.destination_revision_ids]
        if stamped:
            behind = {each.revision for each in script.iterate_revisions(tuple(stamped), "base", inclusive=True)}
            pending = [each for each in script.walk_revisions() if each.revision not in behind][::-1]
            found = strangers.find(connection, script, stamped, pending)
        else:
            pending = [step.revision for step in steps if isinstance(step, RevisionStep) and step.is_upgrade]
            found = strangers.find(connection, script, heads, pending)
        if found and stamped and self._forced():
            lines = "".join(f"\n  {each}" for each in found)
            log.warning("Stamped all the same (-x force=yes), although later revisions will refuse to run:%s", lines)
            return
        strangers.refuse(found, stamped or heads)

    def _compare_with_baseline(self, context: MigrationContext, script: ScriptDirectory) -> None:
        difference = refusals.not_the_baseline(context, script)
        for line in difference.beyond:
            log.warning("Beyond the baseline: %s", line)
        if not difference.lacking:
            return
        lines = "\n  ".join(str(deviation) for deviation in difference.lacking)
        if self._forced():
            log.warning("Stamped all the same (-x force=yes), although it is not the baseline:\n  %s", lines)
            return
        raise RefusedError(
            f"This database is not the baseline {refusals.BASELINE}, so it was not stamped:\n  {lines}",
            "Mend what is listed and stamp again. -x force=yes before the command stamps all the same "
            f"(python -m alembic -x force=yes stamp {refusals.BASELINE}); later revisions may then fail.",
        )

    def _forced(self) -> bool:
        given = getattr(self.config.cmd_opts, "x", None) or []
        return "force=yes" in given or self.config.attributes.get("force") is True


def _noting(context: MigrationContext, plan: Plan) -> Callable[[], AbstractContextManager[None]]:
    """The context's `autocommit_block`, which commits what a revision has made so far, with a note of it."""
    block = context.autocommit_block

    def noted() -> AbstractContextManager[None]:
        if isinstance(plan.current, RevisionStep):
            made.note(context, plan.current)
        return block()

    return noted


def _and_bring_back(downgrade: Callable[..., Any], context: MigrationContext) -> Callable[..., None]:
    """The downgrade, after which a stranger that was set aside for the revision has its name back."""

    @functools.wraps(downgrade)  # Alembic tells its name
    def both(**arguments: Any) -> None:
        downgrade(**arguments)
        others.bring_back(context)

    return both


def _first(fault: BaseException) -> BaseException:
    """The fault behind what SQLAlchemy says of the transaction that was lost with it."""
    while isinstance(fault, sa.exc.PendingRollbackError) and fault.__context__ is not None:
        fault = fault.__context__
    return fault


def _no_autocommit(plan: Plan) -> NoReturn:
    """In place of `autocommit_block()` where the caller's transaction is open, which it would have to commit."""
    entry = plan.entry()
    raise UsageError(
        f"Revision {entry.revision if entry else '?'} works outside a transaction (autocommit_block), but the "
        "connection that was passed in is inside one.",
        "Pass the connection before a transaction begins on it: from engine.connect(), not engine.begin(). "
        "Or run python -m alembic upgrade head.",
    )
