"""A connection that does not wait for ever for an answer, whoever stands between it and the server.

Behind a pooler the network's own limits see the pooler alone, which may have lost its server long ago.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Ready

from surefoot.servers import timed_query

GIVING_BACK = 2.0
"""Seconds that a session has to become as it was before its client goes."""


class AnsweringConnection(psycopg.Connection[Any]):
    """A psycopg connection that is given up where nothing has come back for `answer_limit` seconds; None is no limit.

    For statements that are short. Whoever waits gets NoAnswer, and the connection is lost.
    """

    answer_limit: float | None = None
    is_lent = False
    """Whether a pooler gives the session to somebody else afterwards, who must find nothing of ours in it."""
    _is_given_up = False

    def wait(self, gen: PQGen[RV], *arguments: Any, **keywords: Any) -> RV:
        """Run psycopg's generator, as its own method does. Raises NoAnswer at the limit."""
        limit = self.answer_limit
        if limit is None:
            return super().wait(gen, *arguments, **keywords)
        try:
            return super().wait(_given_up_after(limit, gen, self), *arguments, **keywords)
        except psycopg.OperationalError as fault:
            if not self.closed or isinstance(fault, timed_query.NoAnswer) or not self._is_given_up:
                raise
            raise timed_query.NoAnswer(f"no answer from the server within {limit:.0f} s") from fault

    def close(self) -> None:
        """Close the connection; a session that is lent is first made as new, for not every pooler does that."""
        if self.is_lent and not self.closed and not self.lock.locked():
            with suppress(psycopg.Error):
                self.answer_limit = GIVING_BACK
                self.rollback()
                self.autocommit = True
                self.execute("discard all", prepare=False)
        super().close()

    def give_up(self) -> None:
        """End the connection's own end of it, so that whoever waits gets an error."""
        self._is_given_up = True
        timed_query.sever(self)


def _given_up_after(limit: float, gen: PQGen[RV], connection: AnsweringConnection) -> PQGen[RV]:
    """Pass on what `gen` waits for and what happened; where nothing does for `limit` seconds, give `connection` up."""
    until = time.monotonic() + limit
    try:
        state = next(gen)
        while True:
            ready = yield state
            if ready != Ready.NONE:
                until = time.monotonic() + limit
            elif time.monotonic() > until:
                connection.give_up()
            state = gen.send(ready)
    except StopIteration as end:
        value: RV = end.value
        return value


@contextmanager
def unlimited(driver: psycopg.Connection[Any]) -> Iterator[None]:
    """Let statements of `driver` take as long as they like inside the block."""
    if not isinstance(driver, AnsweringConnection):
        yield
        return
    limit, driver.answer_limit = driver.answer_limit, None
    try:
        yield
    finally:
        driver.answer_limit = limit
