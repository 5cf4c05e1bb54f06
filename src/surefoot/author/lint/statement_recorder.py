"""Every statement of a revision, recorded while it runs: its text, its transaction, its line, what it did."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from surefoot import online
from surefoot.author.lint import sql_tokens, table_state
from surefoot.author.lint.sql_tokens import Words

ONLINE = Path(online.__file__).resolve().parent
IDLE = psycopg.pq.TransactionStatus.IDLE


class CutOff(Exception):
    """Raised in place of recording the revision: everything it committed is there, and nobody knows."""


@dataclass(frozen=True)
class Span:
    """The first and the last line of a call in the revision file."""

    first: int
    last: int


@dataclass(frozen=True)
class Statement:
    """One statement as it was sent.

    `transaction` is its number and, inside a DO block, how many commits of the block came before it. `spans` are the
    calls in the revision that led to it, innermost first. `online` is one that an online operation sent.
    """

    sql: str
    words: Words
    transaction: tuple[int, int]
    spans: tuple[Span, ...]
    online: bool
    before: table_state.State
    after: table_state.State
    inner: bool = False

    @property
    def line(self) -> int:
        """Where the call that sent it begins."""
        return self.spans[0].first


@dataclass(frozen=True)
class Recording:
    """One revision in one direction: its statements in order, and the transaction that recorded the revision."""

    revision: str
    file: Path
    direction: str
    start: table_state.State
    statements: tuple[Statement, ...]
    version_transaction: int | None

    def pieces(self) -> Iterator[Statement]:
        """The statements, a DO block by those in it; the last of them stands for what the block did."""
        for statement in self.statements:
            found = [
                replace(
                    statement, sql=inner.sql, words=sql_tokens.words(inner.sql), inner=True,
                    transaction=(statement.transaction[0], inner.part),
                )
                for inner in (sql_tokens.inside(statement.sql) if sql_tokens.is_block(statement.sql) else ())
            ]  # fmt: skip
            yield from found or [statement]

    def committed(self, statement: Statement) -> bool:
        """Whether it stays when the revision fails afterwards, so that the next run meets its work."""
        return self.version_transaction is not None and statement.transaction[0] != self.version_transaction

    def existing(self, name: str | None, at: table_state.State) -> table_state.Relation | None:
        """The table of that name where it was there before the revision; new tables are nobody's yet."""
        relation = at.find(name) if name else None
        return relation if relation is not None and relation.oid in self.start.relations else None

    def is_new(self, name: str | None, at: table_state.State) -> bool:
        """Whether the revision made that table itself."""
        relation = at.find(name) if name else None
        return relation is not None and relation.oid not in self.start.relations


class Recorder:
    """Listens to an engine. `cut_off` makes the revision fail just before it would be recorded as done."""

    def __init__(self, engine: Engine) -> None:
        self.cut_off = False
        self._file: Path | None = None
        self._clear()
        sa.event.listen(engine, "before_cursor_execute", self._before)
        sa.event.listen(engine, "after_cursor_execute", self._after)

    def _clear(self) -> None:
        self._number = 0
        self._version: int | None = None
        self._start: table_state.State | None = None
        self._now: table_state.State | None = None
        self._done: list[Statement] = []
        self.pending: Statement | None = None

    def begin(self, file: Path) -> None:
        """From now on record what the revision in `file` does."""
        self._clear()
        self._file = file.resolve()

    def rest(self) -> None:
        """Listen to nothing until `begin`."""
        self._file = None

    def recording(self, revision: str, direction: str) -> Recording:
        """What was recorded since `begin`."""
        assert self._file is not None
        start = self._start or table_state.State({})
        return Recording(revision, self._file, direction, start, tuple(self._done), self._version)

    def _before(
        self, connection: Connection, _cursor: object, text: str, parameters: Any, _context: object, many: bool
    ) -> None:
        if self._file is None:
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        if driver.info.transaction_status == IDLE:
            self._number += 1
        called = _calls(self._file)
        if called is None:
            self._bookkeeping(text)
            return
        if self._now is None:
            self._now = self._start = table_state.look(driver)
        spans, is_online = called
        full = _as_sent(driver, text, parameters[0] if many and parameters else parameters)
        self.pending = Statement(
            full, sql_tokens.words(full), (self._number, 0), spans, is_online, before=self._now, after=self._now
        )

    def _after(self, connection: Connection, *_: object) -> None:
        if self.pending is None:
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        self._now = table_state.look(driver)
        self._done.append(replace(self.pending, after=self._now))
        self.pending = None

    def _bookkeeping(self, text: str) -> None:
        found = sql_tokens.words(text)
        if found[:1] and found[0] in {"insert", "update", "delete"} and "alembic_version" in found:
            self._version = self._number
            if self.cut_off:
                raise CutOff


def _as_sent(driver: psycopg.Connection[Any], text: str, parameters: Mapping[str, Any] | Sequence[Any] | None) -> str:
    """The statement with its values in place, as a person would write it."""
    try:
        full = psycopg.ClientCursor(driver).mogrify(text, parameters)
    except psycopg.Error:
        full = text
    return sql_tokens.without_comments(full)


def _calls(file: Path) -> tuple[tuple[Span, ...], bool] | None:
    """The calls of the revision file on the stack, innermost first; whether an online operation stands between."""
    spans: list[Span] = []
    is_online = False
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  # documented, and the one way to the line that asked
    while frame is not None:
        at, of_ours = _resolved(frame.f_code.co_filename)
        if at == file:
            spans.append(_span(frame))
        elif not spans and of_ours:
            is_online = True
        frame = frame.f_back
    return (tuple(spans), is_online) if spans else None


def _span(frame: FrameType) -> Span:
    """All lines of the call that runs in `frame`; a frame knows only its first one by itself."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last = positions[0] or frame.f_lineno, positions[1] or frame.f_lineno
    return Span(min(first, frame.f_lineno), last)


@lru_cache(maxsize=4096)
def _resolved(name: str) -> tuple[Path, bool]:
    """The file, and whether it is one of the online operations'."""
    path = Path(os.path.realpath(name))
    return path, path.is_relative_to(ONLINE)
