"""What a run writes down of its steps: the journal, what was made so far, the rights of other roles, how it failed."""

import logging
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, Connection, Engine

from surefoot.private_members import in_callers_transaction
from surefoot.runtime import created_objects, error_translation, journal
from surefoot.runtime.committed_parts import CommittedParts
from surefoot.runtime.migration_plan import Plan
from surefoot.runtime.privileges import NewObjectPrivileges

log = logging.getLogger("surefoot")

AS_THE_RUN = sa.text("""
    select set_config('role', rolname, true)
      from pg_roles
     where rolname = :role
       and rolname <> current_user
       and pg_has_role(session_user, oid, 'MEMBER')
""")


class Record:
    """The record of one command on the database of `url`; `beside` connects to it once more, `plan` has the steps.

    `package_version` is the version of the project, which the journal keeps.
    """

    def __init__(self, plan: Plan, beside: Engine, url: URL, package_version: str) -> None:
        self.rights: NewObjectPrivileges | None = None
        """The rights of other roles that follow to what is made; None where nothing is made."""
        self.role = ""
        """As which the run works; what it writes down beside its own connection is that role's as well."""
        self._plan = plan
        self._beside = beside
        self._url = url
        self._package_version = package_version
        self._parts: CommittedParts | None = None
        self._journalled: str | None = None

    def done(self, connection: Connection) -> None:
        """Write down that the step at hand is done, in its own transaction."""
        self._for_others(connection)
        entry = self._plan.entry()
        assert entry is not None
        begun = self._begun()
        if begun is None:  # else the journal is there: it has a committed row of this step
            self._ensure_journal(connection, entry)
        journal.write(connection, entry, self._package_version, begun)
        created_objects.delete_records(connection, entry.revision)
        log.info("%s of %s took %.2f s", entry.direction, entry.revision, entry.seconds())

    def before_each_commit(self, context: MigrationContext, stack: ExitStack) -> None:
        """An online operation commits what its revision made so far; cut off there, the next run has to know it.

        With that go the rights of other roles, a note of what was made, and the journal's line that it has begun.
        """
        assert context.connection is not None
        block, connection = context.autocommit_block, context.connection
        parts = self._parts = CommittedParts(connection)
        stack.callback(parts.close)

        def noted() -> AbstractContextManager[None]:
            step, entry = self._plan.current, self._plan.entry()
            if connection.in_transaction() and connection.get_isolation_level() != "AUTOCOMMIT":
                self._for_others(connection)
            wrote = parts.wrote()
            if wrote and isinstance(step, RevisionStep):
                created_objects.record_created(context, step)
            first = parts.before_the_first(step, wrote=wrote)
            # while it is only asked nothing has begun, unless what goes on around it has changed something
            if entry is not None and first and (parts.kept(step) or not self._plan.dry_run):
                self._ensure_journal(connection, entry)
                parts.begin(journal.begin(connection, entry, self._package_version))
            return block()

        context.autocommit_block = noted  # type: ignore[method-assign, assignment]

    def failed(self, fault: BaseException, context: MigrationContext, script: ScriptDirectory, timeout: int) -> None:
        """Journal the failure beside the rolled-back transaction, and raise what it means, and how things are left.

        `timeout` is for the journal's lock, in milliseconds: a transaction of the caller's that is open may hold it.
        Returns where no step was under way.
        """
        fault, entry, step = _first(fault), self._plan.entry(), self._plan.current
        if entry is None:
            return
        assert context.connection is not None
        parts, begun = self._parts is not None and self._parts.kept(step), self._begun()
        if begun is not None and (isinstance(fault, KeyboardInterrupt) or context.connection.invalidated):
            parts = True  # nobody knows what became of its last statement
        alone = not in_callers_transaction(context)
        left = error_translation.StateAfterFailure(
            None, {}, self._plan.before, self._plan.done, self._plan.total, parts, alone
        )
        try:
            with self._beside.connect() as connection, connection.begin():
                connection.execute(sa.text(f"set local lock_timeout = {timeout:d}"))
                connection.execute(AS_THE_RUN, {"role": self.role})
                heads = MigrationContext.configure(connection).get_current_heads()
                left = replace(left, heads=heads, titles=_titles(script, heads))
                created_objects.drop_if_empty(connection)
                journal.ensure(connection)
                journal.write(connection, entry, self._package_version, begun, self._failure(fault, left))
        except sa.exc.DBAPIError as also:
            log.warning("The failure could not be journalled: %s.", error_translation.primary_message(also))
        meaning = error_translation.translate_in_revision(fault, entry, left, self._url)
        if meaning is fault:
            raise fault  # not from itself: whoever follows the causes would never come to an end
        raise meaning from fault

    def _for_others(self, connection: Connection) -> None:
        if self.rights is not None:
            for given in self.rights.grant_on_new(connection):
                self._plan.note(given)

    def _ensure_journal(self, connection: Connection, entry: journal.Entry) -> None:
        if self._journalled is None or self._journalled == entry.revision:
            journal.ensure(connection)  # a step before this one has committed the table otherwise
        self._journalled = entry.revision

    def _begun(self) -> int | None:
        return self._parts.begun(self._plan.current) if self._parts else None

    def _failure(self, fault: BaseException, left: error_translation.StateAfterFailure) -> journal.Failure:
        statement = fault.statement if isinstance(fault, sa.exc.DBAPIError) else None
        kept = journal.CUT_OFF if error_translation.is_interruption(fault) else journal.STOPPED
        return journal.Failure(
            error_translation.without_password(
                left.without_false_claim(error_translation.primary_message(fault)), self._url
            ),
            error_translation.without_password(statement, self._url) if statement else None,
            kept if left.parts else None,
        )


def _titles(script: ScriptDirectory, revisions: tuple[str, ...]) -> dict[str, str]:
    """What each of the revisions is about; nothing of one that no file has."""
    return {each.revision: each.doc or "" for each in script.walk_revisions() if each.revision in revisions}


def _first(fault: BaseException) -> BaseException:
    """The fault behind what SQLAlchemy says of the transaction that was lost with it."""
    while isinstance(fault, sa.exc.PendingRollbackError) and fault.__context__ is not None:
        fault = fault.__context__
    if isinstance(fault, psycopg.Error):  # raised beneath SQLAlchemy, as where a session is made ready again
        return sa.exc.DBAPIError("", None, fault)
    return fault
