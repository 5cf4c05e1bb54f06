"""What env.py calls: the connection it works on, the run itself, and how faults reach the person or the program."""

import functools
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from logging.config import fileConfig
from types import ModuleType
from typing import Any, NoReturn

import psycopg
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection

from ourschool import database
from ourschool.errors import RefusedError, UsageError
from ourschool.migrate import authoring, faults, journal, leftovers, made, owners, refusals, waiting
from ourschool.migrate.asking.asking import asks_first
from ourschool.migrate.lock import only_migrator
from ourschool.migrate.online.retire import others
from ourschool.migrate.parts import Parts
from ourschool.migrate.plan import Plan, Step, Steps, version_table_later
from ourschool.migrate.rights import Rights
from ourschool.migrate.session import APPLICATION, EVERY_ROW, backend_pid, renew, server_settings, worker
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
    """Let online operations know of the revision in offline mode too: they name after it what they set aside.

    What is printed stops, as ours does, where row security would hide rows from who runs it.
    """
    context.impl.static_output(f"SET {database.EVERY_ROW};")
    plan = Plan(context._migrations_fn, lambda _, steps: leftovers.look_after(steps))  # type: ignore[arg-type]  # noqa: SLF001  # as Run does
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
        self.parts: Parts | None = None
        self._journalled: str | None = None
        self._rights: Rights | None = None
        passed = config.attributes.get("connection")
        while passed is not None and not isinstance(passed, Connection):
            # an engine, as Alembic's cookbook passes it, or what pytest-alembic wraps around one
            passed = stack.enter_context(passed.connect())
        self._wanted = {**server_settings(settings), **EVERY_ROW} if passed is not None else {}
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
            lambda heads, steps: self._check(context, script, heads, steps, upward=_upward(command, steps)),
            version_table_later(context),
            note="-x force=yes" if self._forced() else None,
            prepare=asks_first,
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
        if ctx.connection is not None and not ctx.as_sql:
            self._for_others(ctx.connection)
        entry = self.plan.entry() if self.plan else None
        if entry is not None and ctx.connection is not None and not ctx.as_sql:
            tell = self.config.attributes.get("applied")
            if tell is not None:
                tell(ctx.connection, entry.revision)
            self._ensure_journal(ctx.connection, entry)
            journal.write(ctx.connection, entry, self._begun())
            made.forget(ctx.connection, entry.revision)
            log.info("%s of %s took %.2f s", entry.direction, entry.revision, entry.seconds())

    def _for_others(self, connection: Connection) -> None:
        """Other roles have their rights on what was made since the last commit."""
        if self._rights is not None and self.plan is not None:
            for given in self._rights.follow(connection):
                self.plan.note(given)

    def _ensure_journal(self, connection: Connection, entry: journal.Entry) -> None:
        if self._journalled is None or self._journalled == entry.revision:
            journal.ensure(connection)  # a step before this one has committed the table otherwise
        self._journalled = entry.revision

    def _begun(self) -> int | None:
        return self.parts.begun(self.plan.current) if self.parts and self.plan else None

    def _before_each_commit(self, context: MigrationContext, plan: Plan) -> None:
        """An online operation commits what its revision made so far; cut off there, the next run has to know it.

        With that go the rights of other roles, a note of what was made, and the journal's line that it has begun.
        """
        block = context.autocommit_block
        parts = self.parts = Parts(self.connection)
        self._stack.callback(parts.close)

        def noted() -> AbstractContextManager[None]:
            connection, entry = context.connection, plan.entry()
            assert connection is not None
            if connection.in_transaction() and connection.get_isolation_level() != "AUTOCOMMIT":
                self._for_others(connection)
            if isinstance(plan.current, RevisionStep):
                made.note(context, plan.current)
            if entry is not None and parts.before_the_first(plan.current):
                self._ensure_journal(connection, entry)
                parts.begin(journal.begin(connection, entry))
            return block()

        context.autocommit_block = noted  # type: ignore[method-assign, assignment]

    def _writes(self, context: MigrationContext) -> bool:
        return bool(context.opts.get("destination_rev")) and not context.opts.get("dont_mutate", False)

    def _write(self, alembic: ModuleType, context: MigrationContext, plan: Plan) -> None:
        stack = self._stack
        beside = stack.enter_context(self._beside.connect()).execution_options(isolation_level="AUTOCOMMIT")
        stack.enter_context(only_migrator(beside, self.settings.migrator_deadline, backend_pid(self.connection)))
        pid = stack.enter_context(worker(self.connection, self._wanted))
        driver, in_transaction = self.connection.connection.driver_connection, self.connection.in_transaction()
        assert isinstance(driver, psycopg.Connection)
        stack.enter_context(owners.as_the_owner(driver, _tables(context), in_transaction=in_transaction))
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
                    self._before_each_commit(context, plan)
                    waiting.patiently(once, lambda: plan.current, watch, self.settings.lock_deadline)
                    made.tidy(beside)
            except (Exception, KeyboardInterrupt) as fault:
                self._failed(_first(fault), plan, alembic.script, alone=not context._in_external_transaction)  # noqa: SLF001
                raise
        if self._rights is not None:
            self._rights.tell_who_has_none()

    def _failed(self, fault: BaseException, plan: Plan, script: ScriptDirectory, *, alone: bool) -> None:
        """Journal the failure beside the rolled-back transaction, and say how the database is left."""
        entry = plan.entry()
        if entry is None:
            return
        parts, begun = self.parts is not None and self.parts.kept(plan.current), self._begun()
        if begun is not None and (isinstance(fault, KeyboardInterrupt) or self.connection.invalidated):
            parts = True  # nobody knows what became of its last statement
        left = faults.Left(None, {}, plan.before, plan.done, plan.total, parts, alone)
        try:
            with self._beside.connect() as connection, connection.begin():
                # a caller's transaction that is still open may hold the journal
                connection.execute(sa.text(f"set local lock_timeout = {self.settings.lock_timeout:d}"))
                heads = MigrationContext.configure(connection).get_current_heads()
                left = replace(left, heads=heads, titles=_titles(script, heads))
                made.tidy(connection)
                journal.ensure(connection)
                journal.write(connection, entry, begun, self._failure(fault, left))
        except sa.exc.DBAPIError as also:
            log.warning("The failure could not be journalled: %s.", faults.primary(also))
        meaning = faults.in_revision(fault, entry, left, self.url)
        if meaning is fault:
            raise fault  # not from itself: whoever follows the causes would never come to an end
        raise meaning from fault

    def _failure(self, fault: BaseException, left: faults.Left) -> journal.Failure:
        statement = fault.statement if isinstance(fault, sa.exc.DBAPIError) else None
        kept = journal.CUT_OFF if faults.only_cut_off(fault) else journal.STOPPED
        return journal.Failure(
            faults.without_password(left.truly(faults.primary(fault)), self.url),
            faults.without_password(statement, self.url) if statement else None,
            kept if left.parts else None,
        )

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
            refusals.too_long(revision for step in steps for revision in step.to_revisions_no_deps)
            return
        leftovers.look_after(steps)
        authoring.names_in_order(script)
        assert context.connection is not None
        refusals.before_a_run(refusals.Asked(context.connection, script, heads, steps, upward, forced=self._forced()))
        if not steps:
            log.info("Nothing to do: the database is at %s.", " and ".join(heads) or "base")
            return
        if any(step.info.is_stamp and refusals.BASELINE in step.info.destination_revision_ids for step in steps):
            self._compare_with_baseline(context, script)
        if not all(step.info.is_stamp for step in steps):
            school = _tables(context)
            owners.refuse_others(context.connection, school)
            self._rights = Rights(context.connection, school, self.settings.application_role)

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


def _and_bring_back(downgrade: Callable[..., Any], context: MigrationContext) -> Callable[..., None]:
    """The downgrade, after which a stranger that was set aside for the revision has its name back."""

    @functools.wraps(downgrade)  # Alembic tells its name
    def both(**arguments: Any) -> None:
        downgrade(**arguments)
        others.bring_back(context)

    return both


def _tables(context: MigrationContext) -> set[str]:
    """The names of the school's tables, as the models have them."""
    metadata = context.opts.get("target_metadata")
    return set(metadata.tables) if isinstance(metadata, sa.MetaData) else set()


def _upward(command: Steps, steps: list[Step]) -> bool:
    """Whether it is an upgrade; where nothing is left to do, only the name of Alembic's own function tells."""
    if steps:
        return any(isinstance(step, RevisionStep) and step.is_upgrade for step in steps)
    return getattr(command, "__name__", "") == "upgrade"


def _titles(script: ScriptDirectory, revisions: Iterable[str]) -> dict[str, str]:
    """What each of the revisions is about; nothing of one that no file has."""
    return {each.revision: each.doc or "" for each in script.walk_revisions() if each.revision in set(revisions)}


def _first(fault: BaseException) -> BaseException:
    """The fault behind what SQLAlchemy says of the transaction that was lost with it."""
    while isinstance(fault, sa.exc.PendingRollbackError) and fault.__context__ is not None:
        fault = fault.__context__
    if isinstance(fault, psycopg.Error):  # raised beneath SQLAlchemy, as where a session is made ready again
        return sa.exc.DBAPIError("", None, fault)
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
