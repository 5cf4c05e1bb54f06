"""Tracks whether a revision has committed a part of its work, for the journal and for error messages."""

import re
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import driver_of

WROTE = "select pg_current_xact_id_if_assigned() is not null"
READING = re.compile(
    r"\s*(select\b(?!.*\b(setval|nextval)\s*\()"
    r"|with\b(?!.*\b(insert|update|delete|merge|setval|nextval)\b)"
    r"|set|reset|show|savepoint|release|rollback to|lock|explain|analyze|values"
    # temporary objects of this session, with which an operation tests its work
    r"|(create|drop|alter)\b[^;]*?\b(temp|temporary|pg_temp|ourschool_(type|used|default|end_\w+|copy))\b)",
    re.IGNORECASE | re.DOTALL,
)
"""Statements that leave no change in the database."""
LEAVES_SOMETHING = re.compile(r"\bconcurrently\b|\s*(call|vacuum)\b", re.IGNORECASE)
"""Statements that commit by themselves: a failed one may leave something, such as an INVALID index."""


class CommittedParts:
    """Listens to the statements of `connection` while it is in AUTOCOMMIT, for one migration step after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._step: object = None
        self._kept = self._inside = self._wrote = False
        self._begun: int | None = None
        sa.event.listen(connection, "before_cursor_execute", self._before)
        sa.event.listen(connection, "after_cursor_execute", self._after)

    def close(self) -> None:
        """Stop listening: the connection may belong to an application."""
        sa.event.remove(self._connection, "before_cursor_execute", self._before)
        sa.event.remove(self._connection, "after_cursor_execute", self._after)

    def begun(self, step: object) -> int | None:
        """Return the id of the journal's row of `step`, as `begin` got it; None where it has committed nothing yet."""
        return self._begun if self._step is step else None

    def kept(self, step: object) -> bool:
        """Return whether a part of `step` is committed, not counting its end."""
        return self._step is step and self._kept

    def wrote(self) -> bool:
        """Return whether the transaction that is open on the connection has written anything; asks the server."""
        driver = driver_of(self._connection)
        if driver.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
            return False
        return driver.execute(WROTE).fetchone() == (True,)

    def before_the_first(self, step: object, *, wrote: bool) -> bool:
        """Note that the open transaction of `step` is about to be committed; return whether it is its first one.

        `wrote` says whether that transaction has written anything; see the method of that name.
        """
        if self._step is not step:
            self._step, self._begun, self._kept, self._inside = step, None, False, False
        self._kept |= wrote
        return self._begun is None

    def begin(self, row: int) -> None:
        """Remember the id of the journal's `row` of the step."""
        self._begun = row

    def _before(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if self._kept or not self._outside():
            return
        word = statement.strip().lower()
        if word.startswith("begin"):
            self._inside, self._wrote = True, False
        elif word == "rollback":
            self._inside = False
        elif word == "commit":
            self._kept |= self._wrote
            self._inside = False
        elif LEAVES_SOMETHING.search(statement):
            self._kept = True

    def _after(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if self._kept or not self._outside() or statement.strip().lower().startswith(("begin", "commit", "rollback")):
            return
        if not READING.match(statement):
            if self._inside:
                self._wrote = True
            else:
                self._kept = True

    def _outside(self) -> bool:
        driver = self._connection.connection.driver_connection if not self._connection.invalidated else None
        return driver is not None and bool(driver.autocommit)
