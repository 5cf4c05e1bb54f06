"""Copies rows into the tables: buffered, then sent by COPY with parents first, while the next ones are made."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from ourschool import models

Row = dict[str, Any]
Rows = Iterable[tuple[type[models.Base], Row]]
CHUNK = 20_000
"""Rows of one table at which all buffers are sent: many enough for COPY, few enough for the memory."""
AHEAD = 2
"""Chunks that may wait for the server while the next one is made."""


def row(model: type[models.Base], /, **values: Any) -> tuple[type[models.Base], Row]:
    """Return a row of the model's table: values by column."""
    return model, values


def table_of(model: type[models.Base]) -> sa.Table:
    """Return the model's table."""
    table = model.__table__
    assert isinstance(table, sa.Table)
    return table


@dataclass
class Copier:
    """Copies rows through one connection; `rows` counts what was copied, by table."""

    connection: psycopg.Connection[Any]
    advance: Callable[[int], None]
    rows: dict[str, int] = field(default_factory=dict)
    _columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def copy(self, rows: Rows) -> None:
        """Copy all rows. A row must come after those that it refers to."""
        order = [table.name for table in models.metadata.sorted_tables]
        buffers: dict[str, list[Row]] = {name: [] for name in order}
        pending: deque[Future[None]] = deque()
        tables = {model: table_of(model).name for model in _models()}
        with ThreadPoolExecutor(1, thread_name_prefix="copy") as server:
            for model, values in rows:
                buffered = buffers[tables[model]]
                buffered.append(values)
                if len(buffered) >= CHUNK:
                    pending.append(server.submit(self._send, [(name, buffers[name]) for name in order]))
                    buffers = {name: [] for name in order}
                    while len(pending) > AHEAD:
                        pending.popleft().result()
            pending.append(server.submit(self._send, [(name, buffers[name]) for name in order]))
            for sent in pending:
                sent.result()

    def _send(self, buffered: list[tuple[str, list[Row]]]) -> None:
        for name, rows in buffered:
            if rows:
                self._send_table(name, rows)
                self.rows[name] = self.rows.get(name, 0) + len(rows)
                self.advance(len(rows))

    def _send_table(self, name: str, rows: list[Row]) -> None:
        columns = self._columns.get(name)
        if columns is None:
            columns = self._columns[name] = filled(models.metadata.tables[name], rows[0])
        values: Callable[[Row], Sequence[Any]] = itemgetter(*columns)
        statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for each in rows:
                copy.write_row(values(each))


def filled(table: sa.Table, values: Row) -> tuple[str, ...]:
    """Return the columns that such a row fills. Raises ValueError for unknown columns, and where one is missing."""
    unknown = [name for name in values if name not in table.columns]
    missing = [
        column.name
        for column in table.columns
        if column.name not in values and not column.nullable and column.server_default is None and not column.identity
    ]
    if unknown or missing:
        raise ValueError(f"{table.name}: rows have {unknown or 'nothing'} too much and lack {missing or 'nothing'}")
    return tuple(column.name for column in table.columns if column.name in values)


def _models() -> list[type[models.Base]]:
    return [mapper.class_ for mapper in models.Base.registry.mappers]
