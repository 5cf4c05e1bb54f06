"""Rows for every table, made from the catalogue alone: tried one by one, and what a rule refuses is tried otherwise."""

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
"""Of each table: as many as show every value of most columns."""
TRIES = 60
"""Until a row is let through; a table whose rules nobody can guess gets none, and that is told."""
BLIND = 8
"""Until a row is let through where nobody can tell what is wrong with it: a trigger refuses it, perhaps all of them."""
INSERT = sql.SQL("insert into {table} ({columns}) values ({values})")


def fill(
    connection: Connection, *, tables: Collection[str] | None = None, mild: bool = False, seed: int = 1
) -> dict[str, int]:
    """Give every table (or `tables` alone) rows; returns how many each has got, in one transaction.

    `connection` is in no transaction. `mild` leaves out the extremes of numbers and lengths.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    shapes = read(connection)
    connection.rollback()
    maker = _Maker(driver, random.Random(seed), mild=mild)  # noqa: S311  # chance, not secrecy
    with driver.transaction():
        return {name: maker.fill(shape) for name, shape in shapes.items() if tables is None or name in tables}


@dataclass
class _Maker:
    driver: psycopg.Connection[Any]
    dice: random.Random
    mild: bool
    _count: int = field(default=0)
    _known: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)

    def fill(self, shape: Shape) -> int:
        made = 0
        for nth in range(ROWS):
            if self._row(_Row(self, shape, nth)):
                made += 1
            elif not made and nth > 1:
                break  # its rules are beyond us
        return made

    def _row(self, row: "_Row") -> bool:
        row.draw(row.columns)
        for _ in range(TRIES):
            try:
                with self.driver.transaction():
                    row.insert()
            except psycopg.Error as fault:
                if self.driver.closed or not row.otherwise(fault):
                    return False
            else:
                return True
        return False

    def candidates(self, shape: Shape, column: Column) -> list[str | None]:
        """What the column may be tried with: as far as it stands in rules alone, what they let through."""
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
        """One that no other row has."""
        self._count += 1
        return self._count + 100


class _Row:
    """One row on its way into a table."""

    def __init__(self, maker: _Maker, shape: Shape, nth: int) -> None:
        self.maker, self.shape, self.nth = maker, shape, nth
        self.columns = [
            column for column in shape.columns
            if not column.made and not (column.default or "").startswith("nextval(")
        ]  # fmt: skip
        self.values: dict[str, str | None] = {}
        self._blind = 0
        self._pointing = {name for pointer in shape.pointers for name in pointer.columns}

    def draw(self, columns: Iterable[Column], *, distinct: bool = False) -> None:
        """Give these columns values: the nth row the nth candidate of each at first, then any."""
        names = {column.name for column in columns}
        for place, column in enumerate(self.columns):
            if column.name not in names or column.name in self._pointing:
                continue
            known = self.maker.candidates(self.shape, column)
            if not known:
                self.values[column.name] = None
                continue
            fresh = column.name not in self.values
            value = known[(self.nth + place) % len(known)] if fresh else self.maker.dice.choice(known)
            self.values[column.name] = (
                candidate_values.distinct(column, value, self.maker.number()) if distinct else value
            )
        for pointer in self.shape.pointers:
            if names & set(pointer.columns):
                self._point(pointer)

    def _point(self, pointer: Any) -> None:
        """To a row that is there; to none where that may be, now and then."""
        free = all(not column.not_null for column in self.columns if column.name in pointer.columns)
        found = self.maker.driver.execute(
            sql.SQL("select {} from {} order by random() limit 1").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in pointer.referred),
                sql.Identifier(pointer.table),
            )
        ).fetchone()
        if found is None or (free and self.maker.dice.random() < 0.2):
            found = (None,) * len(pointer.columns)
        self.values |= dict(zip(pointer.columns, found, strict=True))

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

    def otherwise(self, fault: psycopg.Error) -> bool:
        """Draw anew what the rule is about that refused the row; False where nobody can."""
        diagnosis = fault.diag
        rule: Rule | None = self.shape.rules.get(diagnosis.constraint_name or "")
        if isinstance(fault, psycopg.errors.NotNullViolation) and diagnosis.column_name in self.values:
            return self._anew([diagnosis.column_name or ""])
        if rule is not None:
            unique = isinstance(fault, psycopg.errors.UniqueViolation)
            return self._anew(rule.columns, distinct=unique)
        self._blind += 1
        if not self.values or self._blind > BLIND:
            return False
        self.draw(self.columns)  # a trigger, or a value that something cannot take: who knows which
        return True

    def _anew(self, names: Collection[str], *, distinct: bool = False) -> bool:
        columns = [column for column in self.columns if column.name in names]
        self.draw(columns, distinct=distinct and self.maker.dice.random() < 0.7)
        return bool(columns)


def count(connection: Connection, table: str) -> int:
    """How many rows the table has."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    return int(database.execute_verbatim(connection, query).scalar_one())
