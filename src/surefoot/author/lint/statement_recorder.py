"""Records every statement of a revision while it runs: its text, transaction, line and time, and what it changed."""

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from surefoot import online
from surefoot.author.lint import sql_tokens, syntax, table_state
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.span import Span
from surefoot.database import driver_of

ONLINE = Path(online.__file__).resolve().parent
IDLE = psycopg.pq.TransactionStatus.IDLE
ROWS_ONLY = frozenset({"UpdateStmt", "DeleteStmt", "InsertStmt", "SelectStmt"})
"""Kinds of statements that leave the catalogue as it is, unless a function or a trigger does more."""
LOOKED_AT = 3
"""Statements on rows from one line after which the state is read; from then on only their rows are counted."""


class CutOff(Exception):
    """Raised in place of writing alembic_version: what the revision committed stays, and is not recorded."""


class Recorder:
    """Records the statements of an engine; with `cut_off` the revision fails just before alembic_version is written.

    With `cut_off_early` it fails there only where it has committed a statement before: by what it did in this run.
    Without `states` the states of the database are left out, for they take longer to read than most statements.
    """

    def __init__(self, engine: Engine, *, states: bool = True) -> None:
        self.cut_off = self.cut_off_early = False
        self._states = states
        self._file: str | None = None
        self._clear()
        sa.event.listen(engine, "before_cursor_execute", self._before)
        sa.event.listen(engine, "after_cursor_execute", self._after)

    def _clear(self) -> None:
        self._number = 0
        self._version: int | None = None
        self._start: table_state.State | None = None
        self._now: table_state.State | None = None
        self._stale = False
        self._rows: dict[int, int] = {}
        self._done: list[Statement] = []
        self._from_line: Counter[Span] = Counter()
        self._began = self._ended = 0.0
        self._idle_at_end = 0.0
        self.pending: Statement | None = None

    def begin(self, file: Path) -> None:
        """Start recording the statements of the revision in `file`."""
        self._clear()
        self._file = str(file.resolve())

    def pause(self) -> None:
        """Record nothing until `begin` is called."""
        self._file = None

    def recording(self, revision: str, direction: str) -> Recording:
        """Return what was recorded since `begin`."""
        assert self._file is not None
        start = self._start or table_state.State({})
        return Recording(
            revision, Path(self._file), direction, start, tuple(self._done), self._version,
            self._now or start, self._rows, self._idle_at_end,
        )  # fmt: skip

    def _before(
        self, connection: Connection, _cursor: object, text: str, parameters: Any, _context: object, many: bool
    ) -> None:
        if self._file is None:
            return
        driver = driver_of(connection)
        idle = time.perf_counter() - self._ended
        if driver.info.transaction_status == IDLE:
            self._number += 1
        calls = _calls(self._file)
        if calls is None:
            self._bookkeeping(driver, text, idle)
            return
        if self._now is None:
            self._now = self._start = self._read(driver)
            self._rows = table_state.count_rows(driver, self._now)
        spans, is_online = calls
        same = bool(self._done) and self._done[-1].transaction[0] == self._number
        full = _with_values(driver, text, parameters[0] if many and parameters else parameters)
        self._from_line[spans[0]] += 1
        if self._stale and not (self._done[-1].spans == spans and self._is_unread(spans[0], full, is_online)):
            self._now, self._stale = self._read(driver), False
        self.pending = Statement(
            full, syntax.parse(full)[0], (self._number, 0), spans, is_online, before=self._now, after=self._now,
            idle=idle if same else 0.0, runs=len(parameters) if many else 1,
        )  # fmt: skip
        self._began = time.perf_counter()

    def _after(self, connection: Connection, cursor: Any, *_: object) -> None:
        statement = self.pending
        if statement is None:
            return
        seconds = time.perf_counter() - self._began
        if self._is_unread(statement.spans[0], statement.sql, statement.online):
            self._stale = True
        else:
            self._now = self._read(driver_of(connection))
        assert self._now is not None
        self._done.append(replace(statement, after=self._now, seconds=seconds, rows=max(cursor.rowcount, 0)))
        self.pending = None
        self._ended = time.perf_counter()

    def _read(self, driver: psycopg.Connection[Any]) -> table_state.State:
        return table_state.read_state(driver) if self._states else table_state.State({})

    def _is_unread(self, span: Span, sql: str, online: bool) -> bool:
        """Return whether the state is not read after a statement: an online operation's, or one more on rows of a loop.

        It is read when the next call begins.
        """
        repeated = self._from_line[span] > LOOKED_AT and all(each.kind in ROWS_ONLY for each in syntax.parse(sql))
        return online or repeated

    def _bookkeeping(self, driver: psycopg.Connection[Any], text: str, idle: float) -> None:
        statements = sql_tokens.words(text) if "alembic_version" in text else ()
        if statements[:1] and statements[0] in {"insert", "update", "delete"} and "alembic_version" in statements:
            self._version = self._number
            if self._done and self._done[-1].transaction[0] == self._number:
                self._idle_at_end = idle
            if self._stale:
                self._now, self._stale = self._read(driver), False
            early = self.cut_off_early and any(each.transaction[0] != self._number for each in self._done)
            if self.cut_off or early:
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


def _calls(file: str) -> tuple[tuple[Span, ...], bool] | None:
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
def _resolved(name: str) -> tuple[str, bool]:
    """Return the file's real path, and whether it is in surefoot.online."""
    path = os.path.realpath(name)
    return path, Path(path).is_relative_to(ONLINE)
