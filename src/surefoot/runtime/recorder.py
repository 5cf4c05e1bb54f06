"""Records each step of a run: its journal row, the objects it creates, the privileges it grants, its failure."""

import logging
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection, Engine

from surefoot.private_members import in_callers_transaction
from surefoot.runtime import created_objects, error_translation, journal, stops
from surefoot.runtime.committed_parts import CommittedParts
from surefoot.runtime.migration_plan import Plan
from surefoot.runtime.privileges import NewObjectPrivileges

log = logging.getLogger("surefoot")

SET_ROLE = sa.text("""
    select set_config('role', rolname, true)
      from pg_roles
     where rolname = :role
       and rolname <> current_user
       and pg_has_role(session_user, oid, 'MEMBER')
""")


class Record:
    """Records the steps of `plan` in the database of `url`.

    `second_engine` makes another connection to it, for the record of a failure. `package_version` is the version of the
    project, which goes into the journal.
    """

    def __init__(self, plan: Plan, second_engine: Engine, url: URL, package_version: str) -> None:
        self.rights: NewObjectPrivileges | None = None
        """The privileges of other roles on new objects; None where the run creates none."""
        self.role = ""
        """The role of the run. A failure is recorded as that role, so that it owns the journal."""
        self._plan = plan
        self._second_engine = second_engine
        self._url = url
        self._package_version = package_version
        self._parts: CommittedParts | None = None
        self._journalled: str | None = None
        self._keeps_files = False

    def done(self, connection: Connection) -> None:
        """Record the current step as done, in its own transaction."""
        self._grant_on_new(connection)
        entry = self._plan.entry()
        assert entry is not None
        begun = self._begun()
        if begun is None:  # else the journal is there: it has a committed row of this step
            self._ensure_journal(connection, entry)
        entry = replace(entry, keeps_file=self._keeps_files)
        journal.write(connection, entry, self._package_version, begun)
        created_objects.delete_records(connection, entry.revision)
        log.info("%s of %s took %.2f s", entry.direction, entry.revision, entry.seconds())

    def before_each_commit(self, context: MigrationContext, stack: ExitStack) -> None:
        """Record what the revision did so far whenever an online operation commits.

        It does so by entering `autocommit_block`. The transaction that is committed then contains the privileges of
        other roles, the created objects and, the first time, the journal row that the revision has begun. `stack`
        undoes this at the end of the run.
        """
        assert context.connection is not None
        block, connection = context.autocommit_block, context.connection
        parts = self._parts = CommittedParts(connection)
        stack.callback(parts.close)

        def recorded() -> AbstractContextManager[None]:
            step, entry = self._plan.current, self._plan.entry()
            if connection.in_transaction() and connection.get_isolation_level() != "AUTOCOMMIT":
                self._grant_on_new(connection)
            wrote = parts.wrote()
            if wrote and isinstance(step, RevisionStep):
                created_objects.record_created(context, step)
            first = parts.before_the_first(step, wrote=wrote)
            # during the precheck the step has not begun, unless its companion or what it amends has written something
            if entry is not None and first and (parts.kept(step) or not self._plan.dry_run):
                self._ensure_journal(connection, entry)
                parts.begin(journal.begin(connection, entry, self._package_version))
            return block()

        context.autocommit_block = recorded  # type: ignore[method-assign, assignment]

    def failed(
        self, fault: BaseException, context: MigrationContext, script: ScriptDirectory, timeout: int, blockers: str = ""
    ) -> None:
        """Record the failure on a second connection, and raise the translated error with the state of the database.

        `timeout` (ms) limits the wait for the journal's lock, which an open transaction of the caller may hold. Returns
        without raising where no step was running.
        """
        fault, entry, step = _first(fault), self._plan.entry(), self._plan.current
        if entry is None:
            return
        assert context.connection is not None
        parts, begun = self._parts is not None and self._parts.kept(step), self._begun()
        if begun is not None and (isinstance(fault, KeyboardInterrupt) or context.connection.invalidated):
            parts = True  # whether its last statement was committed is unknown
        alone = not in_callers_transaction(context)
        left = stops.StateAfterFailure(
            None, {}, self._plan.before, self._plan.done, self._plan.total, parts, alone,
            blockers,
        )  # fmt: skip
        try:
            with self._second_engine.connect() as connection, connection.begin():
                connection.execute(sa.text(f"set local lock_timeout = {timeout:d}"))
                # the journal's row of the failure must not wait for the standby that the failed commit waited for
                connection.execute(sa.text("set local synchronous_commit = local"))
                connection.execute(SET_ROLE, {"role": self.role})
                heads = MigrationContext.configure(connection).get_current_heads()
                left = replace(left, heads=heads, titles=_titles(script, heads))
                created_objects.drop_if_empty(connection)
                if not _is_committed(step, heads):  # Ctrl-C in the middle of a commit, which the server has finished
                    journal.ensure(connection)
                    journal.write(connection, entry, self._package_version, begun, self._failure(fault, left))
        except sa.exc.DBAPIError as also:
            log.warning("The failure could not be journalled: %s.", error_translation.primary_message(also))
        meaning = error_translation.translate_in_revision(fault, entry, left, self._url)
        if meaning is fault:
            raise fault  # not `from` itself: the chain of causes would be endless
        raise meaning from fault

    def _grant_on_new(self, connection: Connection) -> None:
        if self.rights is not None:
            for grant in self.rights.grant_on_new(connection):
                self._plan.note(grant)

    def _ensure_journal(self, connection: Connection, entry: journal.Entry) -> None:
        if self._journalled is None or self._journalled == entry.revision:
            journal.ensure(connection)  # otherwise an earlier step has committed the table
            self._keeps_files = journal.keep_files(connection)
        self._journalled = entry.revision

    def _begun(self) -> int | None:
        return self._parts.begun(self._plan.current) if self._parts else None

    def _failure(self, fault: BaseException, left: stops.StateAfterFailure) -> journal.Failure:
        statement = fault.statement if isinstance(fault, sa.exc.DBAPIError) else None
        note = journal.CUT_OFF if error_translation.is_interruption(fault) else journal.STOPPED
        return journal.Failure(
            error_translation.without_password(
                left.without_false_claim(error_translation.primary_message(fault)) + _detail(fault), self._url
            ),
            error_translation.without_password(statement, self._url) if statement else None,
            note if left.parts else None,
        )


def _is_committed(step: object, heads: tuple[str, ...]) -> bool:
    if not isinstance(step, RevisionStep):
        return False
    return (step.revision.revision in heads) == step.is_upgrade and set(step.to_revisions_no_deps) <= set(heads)


def _detail(fault: BaseException) -> str:
    """Return the server's DETAIL on a line of its own. It may have values of a row: screens show it on request only."""
    return next((f"\n{each}" for each in stops.details_of(fault) if each.startswith("Detail: ")), "")


def _titles(script: ScriptDirectory, revisions: tuple[str, ...]) -> dict[str, str]:
    """Return the titles of the revisions that have a file."""
    return {each.revision: each.doc or "" for each in script.walk_revisions() if each.revision in revisions}


def _first(fault: BaseException) -> BaseException:
    """Return the original error behind a PendingRollbackError, as a SQLAlchemy error."""
    while isinstance(fault, sa.exc.PendingRollbackError) and fault.__context__ is not None:
        fault = fault.__context__
    if isinstance(fault, psycopg.Error):  # raised by a statement that bypassed SQLAlchemy
        return sa.exc.DBAPIError("", None, fault)
    return fault
