"""The two sides of a revision, the models and the database: each a catalogue, and SQLAlchemy's tables for the text."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ClauseElement

from surefoot.autogenerate.server_queries import Facts
from surefoot.catalogue.model import Catalogue, EnumType
from surefoot.catalogue.reader import RETIRED_PREFIX
from surefoot.catalogue.relations import Column, Relation
from surefoot.private_members import remove_column

# With named parameters nothing doubles a percent sign.
DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


class Side:
    """What one side says: `catalogue` decides, `table` gives the words to write it with.

    `authored` where a person wrote the tables, and nothing of them was lost on the way.
    """

    def __init__(self, catalogue: Catalogue, table: Callable[[str], sa.Table | None], *, authored: bool) -> None:
        self.catalogue = catalogue
        self.authored = authored
        self._table = table
        self._known: dict[str, sa.Table | None] = {}

    @cached_property
    def relations(self) -> dict[str, Relation]:
        """Tables and views by name."""
        return {relation.name: relation for relation in self.catalogue.relations}

    @cached_property
    def enums(self) -> dict[str, EnumType]:
        """Enum types by name."""
        return {enum.name: enum for enum in self.catalogue.enums}

    def column(self, table: str, name: str) -> Column | None:
        """The column in the catalogue; None where there is none."""
        relation = self.relations.get(table)
        return next((column for column in relation.columns if column.name == name), None) if relation else None

    def table(self, name: str) -> sa.Table | None:
        """The table to write down: a copy, whose enum types are not created with it; None where nobody knows it."""
        if name not in self._known:
            known = self._table(name)
            self._known[name] = None if known is None else _writable(known, self.relations[name])
        return self._known[name]

    def written_column(self, table: str, name: str) -> sa.Column[Any] | None:
        """The column to write down; None for one that only the database knows."""
        known = self.table(table)
        return known.c.get(name) if known is not None else None

    def written_type(self, table: str, column: Column) -> Any:
        """The type to write down: SQLAlchemy's, or the text of one that only the database knows."""
        written = self.written_column(table, column.name)
        if written is None or (column.collation and not isinstance(written.type, sa.String)):
            return f"{column.type} collate {quoted(column.collation)}" if column.collation else column.type
        if column.collation and isinstance(written.type, sa.String) and not written.type.collation:
            kind = copy.copy(written.type)
            kind.collation = column.collation
            return kind
        return written.type

    def check(self, table: str, name: str) -> str | None:
        """The condition of a CHECK as its author wrote it; None where nobody did."""
        known = self._table(table) if self.authored else None
        if known is None:
            return None
        for constraint in (*known.constraints, *(each for column in known.c for each in column.constraints)):
            if isinstance(constraint, sa.CheckConstraint) and final_name(constraint) == name:
                return sql_text(constraint.sqltext)
        return None

    def index(self, table: str, name: str) -> sa.Index | None:
        """The index as its author wrote it; None where nobody did."""
        known = self._table(table) if self.authored else None
        return None if known is None else next((each for each in known.indexes if final_name(each) == name), None)


@dataclass(frozen=True)
class Way:
    """One direction of a revision: from what the database is to what it shall be."""

    current: Side
    target: Side
    facts: Facts

    @property
    def upgrading(self) -> bool:
        """Whether this is upgrade(), which leads to what a person wrote."""
        return self.target.authored


def models(catalogue: Catalogue, metadata: sa.MetaData) -> Side:
    """The side of the models."""
    return Side(catalogue, metadata.tables.get, authored=True)


def database(catalogue: Catalogue, connection: Connection) -> Side:
    """The side of the database: a table is read only when it has to be written down."""

    def reflected(name: str) -> sa.Table:
        return sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)

    return Side(catalogue, cache(reflected), authored=False)


def sql_text(expression: ClauseElement) -> str:
    """A SQL expression as it stands in DDL."""
    return str(expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True, "include_table": False}))


def final_name(named: sa.Constraint | sa.Index) -> str | None:
    """The name that the constraint or index gets in the database."""
    if named.name is None:
        return None
    return DIALECT.identifier_preparer.format_constraint(named, _alembic_quote=False)


def quoted(name: str) -> str:
    """`name` as SQL writes it."""
    return DIALECT.identifier_preparer.quote(name)


def text(value: str) -> str:
    """`value` as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _writable(table: sa.Table, relation: Relation) -> sa.Table:
    written = table.to_metadata(sa.MetaData(naming_convention=table.metadata.naming_convention))
    for column in list(written.c):
        if column.name.startswith(RETIRED_PREFIX):
            remove_column(written, column)
            continue
        column.type = _plain(column.type)
        if column.autoincrement is False:  # of a column that was read it says what everybody knows
            column.autoincrement = "auto"
        if _is_serial(table.name, column):
            column.server_default = None
            column.autoincrement = True
    there = {final_name(constraint) for constraint in written.constraints}
    for constraint in relation.constraints:
        if constraint.kind == "c" and constraint.name not in there:  # one inside mapped_column() is no part of a table
            condition = constraint.definition.removeprefix("CHECK (").removesuffix(")")
            written.append_constraint(sa.CheckConstraint(sa.text(condition), name=sa.schema.conv(constraint.name)))
    return written


def _is_serial(table: str, column: sa.Column[Any]) -> bool:
    """Whether the column counts by the sequence that `serial` makes for it."""
    default = column.server_default.arg if isinstance(column.server_default, sa.DefaultClause) else None
    usual = f"nextval('{quoted(f'{table}_{column.name}_seq')}'::regclass)"
    return column.primary_key and default is not None and str(default) == usual


def _plain(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """The same type in SQLAlchemy's own words; an enum type is neither created nor dropped with a table."""
    if isinstance(kind, sa.types.TypeDecorator):
        return _plain(kind.load_dialect_impl(DIALECT))
    if isinstance(kind, sa.ARRAY):
        item = _plain(kind.item_type)
        return kind if item is kind.item_type else sa.ARRAY(item, dimensions=kind.dimensions)
    if isinstance(kind, sa.Enum) and kind.native_enum and kind.name:
        return postgresql.ENUM(*kind.enums, name=kind.name, create_type=False)
    if isinstance(kind, sa.Enum):
        return sa.String(kind.length)
    return kind
