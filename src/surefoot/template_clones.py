"""Clones of one template, one after another, for a program that needs many: on connections that stay open."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.scratch_database import APPLICATION, marked_database

BEAR_NAME = sa.text("""
    select current_setting('fsync')
      from set_config('application_name', :name, false) as named, set_config('idle_session_timeout', '0', false) as kept
""")


class TemplateClones:
    """Creates clones of the database of `template`, to which nobody may be connected, and drops them.

    As with `scratch_database.temporary_database`, a clone lives as long as a session on its server has the clone's name
    in its application_name. Here that session is kept for later clones: connecting takes half as long as cloning.
    """

    def __init__(self, template: URL) -> None:
        self._template = template
        self._server = template.set(database="postgres").difference_update_query(["application_name"])
        self._idle: list[Connection] = []

    @contextmanager
    def clone(self, name: str) -> Iterator[URL]:
        """Create the database `name`, yield its URL, and drop it at the end, ending its sessions.

        Raises sqlalchemy.exc.DBAPIError.
        """
        keeper, fsync = self._keeper(name)
        try:
            with marked_database(keeper, name, self._template.database or "", fsync, partial(self._run, keeper)):
                yield self._template.set(database=name)
        finally:
            if not keeper.invalidated:
                self._idle.append(keeper)

    def close(self) -> None:
        """Close the connections. Whatever clone is left, the next command on the server drops."""
        while self._idle:
            self._idle.pop().close()

    def _keeper(self, name: str) -> tuple[Connection, str]:
        """Return a connection that bears `name`, and the server's `fsync`.

        It is an idle one, unless a test ended its session or restarted the server.
        """
        own = {"name": f"{APPLICATION} {name}"}
        while self._idle:
            keeper = self._idle.pop()
            try:
                return keeper, keeper.execute(BEAR_NAME, own).scalar_one()
            except sa.exc.DBAPIError:
                keeper.close()
        keeper = self._connect(own["name"])
        return keeper, keeper.execute(BEAR_NAME, own).scalar_one()

    def _run(self, keeper: Connection, statement: sql.Composable) -> None:
        """Run a statement on the keeper, or on a new connection where the test has ended the keeper's session."""
        try:
            database.execute_verbatim(keeper, statement)
        except sa.exc.DBAPIError as fault:
            if not fault.connection_invalidated:
                raise
            with self._connect(APPLICATION) as connection:
                database.execute_verbatim(connection, statement)

    def _connect(self, application_name: str) -> Connection:
        engine = database.engine_for(self._server, application_name=application_name)
        return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
