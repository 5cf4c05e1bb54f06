"""Fills tables with rows that are made from the catalogue alone; a row that a rule refuses is changed and retried."""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.author.sample_rows import candidate_values
from surefoot.author.sample_rows.table_shape import Column, Rule, Shape, read

ROWS = 8
"""Rows of each table: enough to use every candidate value of most columns."""
TRIES = 60
"""INSERTs of one row until it is given up; a table whose rules cannot be guessed gets no rows, which is reported."""
BLIND = 8
"""INSERTs of one row whose error names no constraint until it is given up: a trigger may refuse every row."""
INSERT = sql.SQL("insert into {table} ({columns}) values ({values})")


def fill(
    connection: Connection, *, tables: Collection[str] | None = None, mild: bool = False, seed: int = 1
) -> dict[str, int]:
    """Insert rows into every table (or `tables` alone) in one transaction; return their number by table.

    `connection` must be in no transaction. `mild` leaves out the extremes of numbers and lengths.
    """
    driver = database.driver_of(connection)
    shapes = read(connection)
    connection.rollback()
    maker = _Maker(driver, random.Random(seed), mild=mild)  # noqa: S311  # chance, not secrecy
    with driver.transaction():
        return {name: maker.fill(shape) for name, shape in shapes.items() if tables is None or name in tables}


@dataclass
class _Maker:
    driver: psycopg.Connection[Any]
    rng: random.Random
    mild: bool
    _count: int = field(default=0)
    _known: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)

    def fill(self, shape: Shape) -> int:
        inserted = 0
        for nth in range(ROWS):
            if self._row(_Row(self, shape, nth)):
                inserted += 1
            elif not inserted and nth > 1:
                break  # its rules cannot be guessed
        return inserted

    def _row(self, row: "_Row") -> bool:
        row.draw(row.columns)
        for _ in range(TRIES):
            try:
                with self.driver.transaction():
                    row.insert()
            except psycopg.Error as fault:
                if self.driver.closed or not row.change_refused(fault):
                    return False
            else:
                return True
        return False

    def candidates(self, shape: Shape, column: Column) -> list[str | None]:
        """Return the candidate values of a column that pass the CHECKs on it alone; all where none passes."""
        key = (shape.name, column.name)
        if key not in self._known:
            rules = [rule for rule in shape.rules.values() if rule.kind == "c" and column.name in rule.columns]
            known = candidate_values.of(column, rules, mild=self.mild)
            alone = [rule for rule in rules if set(rule.columns) == {column.name}]
            passed = [value for value in known if self._passes(shape, column, alone, value)] if alone else known
            self._known[key] = passed or known
        return self._known[key]

    def _passes(self, shape: Shape, column: Column, rules: Iterable[Rule], value: str | None) -> bool:
        conditions = (rule.definition.removeprefix("CHECK ").removesuffix(" NOT VALID") for rule in rules)
        query = sql.SQL("select ({}) is not false from (select %s::{} as {}) as {}").format(
            sql.SQL(" and ").join(sql.SQL(condition.replace("%", "%%")) for condition in conditions),
            sql.SQL(column.printed),
            sql.Identifier(column.name),
            sql.Identifier(shape.name),
        )
        try:
            with self.driver.transaction():
                row = self.driver.execute(query, [value]).fetchone()
        except psycopg.Error:
            return False
        return bool(row and row[0])

    def number(self) -> int:
        """Return a number that no other row has been given."""
        self._count += 1
        return self._count + 100


class _Row:
    """One row that is to be inserted."""

    def __init__(self, maker: _Maker, shape: Shape, nth: int) -> None:
        self.maker, self.shape, self.nth = maker, shape, nth
        self.columns = [
            column for column in shape.columns
            if not column.made and not (column.default or "").startswith("nextval(")
        ]  # fmt: skip
        self.values: dict[str, str | None] = {}
        self._blind = 0
        self._referring = {name for foreign_key in shape.foreign_keys for name in foreign_key.columns}

    def draw(self, columns: Iterable[Column], *, distinct: bool = False) -> None:
        """Draw values for these columns: at first the nth candidate for the nth row, then a random one."""
        names = {column.name for column in columns}
        for place, column in enumerate(self.columns):
            if column.name not in names or column.name in self._referring:
                continue
            known = self.maker.candidates(self.shape, column)
            if not known:
                self.values[column.name] = None
                continue
            fresh = column.name not in self.values
            value = known[(self.nth + place) % len(known)] if fresh else self.maker.rng.choice(known)
            self.values[column.name] = (
                candidate_values.distinct(column, value, self.maker.number()) if distinct else value
            )
        for foreign_key in self.shape.foreign_keys:
            if names & set(foreign_key.columns):
                self._refer(foreign_key)

    def _refer(self, foreign_key: Any) -> None:
        """Refer to a random row, or now and then to none where the columns may be null."""
        free = all(not column.not_null for column in self.columns if column.name in foreign_key.columns)
        found = self.maker.driver.execute(
            sql.SQL("select {} from {} order by random() limit 1").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in foreign_key.referred),
                sql.Identifier(foreign_key.table),
            )
        ).fetchone()
        if found is None or (free and self.maker.rng.random() < 0.2):
            found = (None,) * len(foreign_key.columns)
        self.values |= dict(zip(foreign_key.columns, found, strict=True))

    def insert(self) -> None:
        columns = [column for column in self.columns if column.name in self.values]
        statement = INSERT.format(
            table=sql.Identifier(self.shape.name),
            columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            values=sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(column.printed)) for column in columns),
        )
        if columns:
            self.maker.driver.execute(statement, [self.values[column.name] for column in columns])
        else:
            self.maker.driver.execute(sql.SQL("insert into {} default values").format(sql.Identifier(self.shape.name)))

    def change_refused(self, fault: psycopg.Error) -> bool:
        """Redraw the columns of the constraint that refused the row; return False where the row is given up."""
        diagnosis = fault.diag
        rule: Rule | None = self.shape.rules.get(diagnosis.constraint_name or "")
        if isinstance(fault, psycopg.errors.NotNullViolation) and diagnosis.column_name in self.values:
            return self._redraw([diagnosis.column_name or ""])
        if rule is not None:
            unique = isinstance(fault, psycopg.errors.UniqueViolation)
            return self._redraw(rule.columns, distinct=unique)
        self._blind += 1
        if not self.values or self._blind > BLIND:
            return False
        self.draw(self.columns)  # a trigger, or a value that its type refuses: the error does not say which
        return True

    def _redraw(self, names: Collection[str], *, distinct: bool = False) -> bool:
        columns = [column for column in self.columns if column.name in names]
        self.draw(columns, distinct=distinct and self.maker.rng.random() < 0.7)
        return bool(columns)


def count(connection: Connection, table: str) -> int:
    """Return the number of rows of the table."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    return int(database.execute_verbatim(connection, query).scalar_one())
