"""Records every statement of a revision while it runs: its text, its transaction, its line, what it changed."""

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
from surefoot.database import driver_of

ONLINE = Path(online.__file__).resolve().parent
IDLE = psycopg.pq.TransactionStatus.IDLE


class CutOff(Exception):
    """Raised in place of writing alembic_version: what the revision committed stays, and is not recorded."""


@dataclass(frozen=True)
class Span:
    """The first and the last line of a call in the revision file."""

    first: int
    last: int


@dataclass(frozen=True)
class Statement:
    """One statement as it was sent, with the state of the database before and after it.

    `transaction` is the transaction's number and, inside a DO block, the number of the block's commits before it.
    `spans` are the calls in the revision that led to it, innermost first. `online` is set where an online operation
    sent it, `inner` where it is a statement of a DO block.
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
        """The first line of the call that sent it."""
        return self.spans[0].first


@dataclass(frozen=True)
class Recording:
    """The statements of one revision in one direction, and the transaction that wrote alembic_version."""

    revision: str
    file: Path
    direction: str
    start: table_state.State
    statements: tuple[Statement, ...]
    version_transaction: int | None

    def single_statements(self) -> Iterator[Statement]:
        """Yield the statements, in place of a DO block those inside it, with the states around the whole block."""
        for statement in self.statements:
            statements = [
                replace(
                    statement, sql=inner.sql, words=sql_tokens.words(inner.sql), inner=True,
                    transaction=(statement.transaction[0], inner.part),
                )
                for inner in (sql_tokens.block_statements(statement.sql) if sql_tokens.is_block(statement.sql) else ())
            ]  # fmt: skip
            yield from statements or [statement]

    def committed(self, statement: Statement) -> bool:
        """Return whether the statement is committed before the revision is recorded: a second run meets its work."""
        return self.version_transaction is not None and statement.transaction[0] != self.version_transaction

    def existing(self, name: str | None, at: table_state.State) -> table_state.Relation | None:
        """Return the relation of that name, None where the revision made it: nobody uses it yet."""
        relation = at.find(name) if name else None
        return relation if relation is not None and relation.oid in self.start.relations else None

    def is_new(self, name: str | None, at: table_state.State) -> bool:
        """Return whether the revision made the relation of that name itself."""
        relation = at.find(name) if name else None
        return relation is not None and relation.oid not in self.start.relations


class Recorder:
    """Records the statements of an engine; with `cut_off` the revision fails just before alembic_version is written."""

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
        """Start recording the statements of the revision in `file`."""
        self._clear()
        self._file = file.resolve()

    def pause(self) -> None:
        """Record nothing until `begin` is called."""
        self._file = None

    def recording(self, revision: str, direction: str) -> Recording:
        """Return what was recorded since `begin`."""
        assert self._file is not None
        start = self._start or table_state.State({})
        return Recording(revision, self._file, direction, start, tuple(self._done), self._version)

    def _before(
        self, connection: Connection, _cursor: object, text: str, parameters: Any, _context: object, many: bool
    ) -> None:
        if self._file is None:
            return
        driver = driver_of(connection)
        if driver.info.transaction_status == IDLE:
            self._number += 1
        calls = _calls(self._file)
        if calls is None:
            self._bookkeeping(text)
            return
        if self._now is None:
            self._now = self._start = table_state.read_state(driver)
        spans, is_online = calls
        full = _with_values(driver, text, parameters[0] if many and parameters else parameters)
        self.pending = Statement(
            full, sql_tokens.words(full), (self._number, 0), spans, is_online, before=self._now, after=self._now
        )

    def _after(self, connection: Connection, *_: object) -> None:
        if self.pending is None:
            return
        driver = driver_of(connection)
        self._now = table_state.read_state(driver)
        self._done.append(replace(self.pending, after=self._now))
        self.pending = None

    def _bookkeeping(self, text: str) -> None:
        statements = sql_tokens.words(text)
        if statements[:1] and statements[0] in {"insert", "update", "delete"} and "alembic_version" in statements:
            self._version = self._number
            if self.cut_off:
                raise CutOff


def _with_values(
    driver: psycopg.Connection[Any], text: str, parameters: Mapping[str, Any] | Sequence[Any] | None
) -> str:
    """Return the statement with its parameters in place, without comments."""
    try:
        full = psycopg.ClientCursor(driver).mogrify(text, parameters)
    except psycopg.Error:
        full = text
    return sql_tokens.without_comments(full)


def _calls(file: Path) -> tuple[tuple[Span, ...], bool] | None:
    """Return the revision's calls on the stack, innermost first, and whether an online operation is above them."""
    spans: list[Span] = []
    is_online = False
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  # documented, and the one way to the calling line
    while frame is not None:
        at, in_online = _resolved(frame.f_code.co_filename)
        if at == file:
            spans.append(_span(frame))
        elif not spans and in_online:
            is_online = True
        frame = frame.f_back
    return (tuple(spans), is_online) if spans else None


def _span(frame: FrameType) -> Span:
    """Return all lines of the call that runs in `frame`; f_lineno is only one of them."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last = positions[0] or frame.f_lineno, positions[1] or frame.f_lineno
    return Span(min(first, frame.f_lineno), last)


@lru_cache(maxsize=4096)
def _resolved(name: str) -> tuple[Path, bool]:
    """Return the file's real path, and whether it is in surefoot.online."""
    path = Path(os.path.realpath(name))
    return path, path.is_relative_to(ONLINE)
