"""The two sides of a comparison, models and database: each has a catalogue, and SQLAlchemy's tables for rendering."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ClauseElement

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.server_queries import ServerQueries
from surefoot.autogenerate.written_types import DIALECT
from surefoot.autogenerate.written_types import written as written_type
from surefoot.catalogue.model import Catalogue, EnumType
from surefoot.catalogue.reader import RETIRED_PREFIX
from surefoot.catalogue.relations import Column, Relation
from surefoot.private_members import remove_column


class Side:
    """One side. Its `catalogue` is compared; its SQLAlchemy tables are rendered into the revision.

    `authored` is true of the models, whose tables have the author's own expressions; reflected tables do not.
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

    def enum(self, kind: str) -> EnumType | None:
        """Return the enum type that `kind`, as PostgreSQL prints it, is or is an array of; None where it is none."""
        return self.enums.get(parsed_definitions.unquoted(kind.removesuffix("[]")))

    def column(self, table: str, name: str) -> Column | None:
        """Return the column of the catalogue; None where there is none."""
        relation = self.relations.get(table)
        return next((column for column in relation.columns if column.name == name), None) if relation else None

    def sqlalchemy_table(self, name: str) -> sa.Table | None:
        """Return the table to render: a copy that does not create its enum types. None where it is unknown."""
        if name not in self._known:
            known = self._table(name)
            self._known[name] = None if known is None else _writable(known, self.relations[name])
        return self._known[name]

    def sqlalchemy_column(self, table: str, name: str) -> sa.Column[Any] | None:
        """Return the column to render; None where SQLAlchemy has none."""
        known = self.sqlalchemy_table(table)
        return known.c.get(name) if known is not None else None

    def sqlalchemy_type(self, table: str, column: Column) -> Any:
        """Return the type to render: SQLAlchemy's, or SQL text for one that it cannot express."""
        written = self.sqlalchemy_column(table, column.name)
        known = written is not None and not isinstance(written.type, sa.types.NullType)
        if written is None or not known or (column.collation and not isinstance(written.type, sa.String)):
            return f"{column.type} collate {quoted(column.collation)}" if column.collation else column.type
        if column.collation and isinstance(written.type, sa.String) and not written.type.collation:
            kind = copy.copy(written.type)
            kind.collation = column.collation
            return kind
        return written.type

    def check(self, table: str, name: str) -> str | None:
        """Return the condition of a CHECK as the author wrote it in the models; None elsewhere."""
        known = self._table(table) if self.authored else None
        if known is None:
            return None
        for constraint in (*known.constraints, *(each for column in known.c for each in column.constraints)):
            if isinstance(constraint, sa.CheckConstraint) and final_name(constraint) == name:
                return sql_text(constraint.sqltext)
        return None

    def index(self, table: str, name: str) -> sa.Index | None:
        """Return the index as the author wrote it in the models; None elsewhere."""
        known = self._table(table) if self.authored else None
        return None if known is None else next((each for each in known.indexes if final_name(each) == name), None)


@dataclass(frozen=True)
class Direction:
    """One direction of a revision, upgrade or downgrade: from the `current` side to the `target`."""

    current: Side
    target: Side
    server: ServerQueries

    @property
    def upgrading(self) -> bool:
        """Whether this is upgrade(), which leads to the models."""
        return self.target.authored


def models(catalogue: Catalogue, metadata: sa.MetaData) -> Side:
    """Return the side of the models."""
    return Side(catalogue, metadata.tables.get, authored=True)


def database(catalogue: Catalogue, connection: Connection) -> Side:
    """Return the side of the database. A table is reflected only when it has to be rendered."""

    def reflected(name: str) -> sa.Table:
        with warnings.catch_warnings():  # of a type that SQLAlchemy does not know, which the catalogue does
            warnings.filterwarnings("ignore", "Did not recognize type", sa.exc.SAWarning)
            return sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)

    return Side(catalogue, cache(reflected), authored=False)


def sql_text(expression: ClauseElement) -> str:
    """Return the SQL text of an expression, as DDL has it."""
    return str(expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True, "include_table": False}))


def final_name(named: sa.Constraint | sa.Index) -> str | None:
    """Return the name of the constraint or index in the database, from the naming convention; None without one."""
    if named.name is None:
        return None
    return DIALECT.identifier_preparer.format_constraint(named, _alembic_quote=False)


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, quoted where it needs to be."""
    return DIALECT.identifier_preparer.quote(name)


def text(value: str) -> str:
    """Return `value` as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _writable(table: sa.Table, relation: Relation) -> sa.Table:
    written = table.to_metadata(sa.MetaData(naming_convention=table.metadata.naming_convention))
    for column in list(written.c):
        if column.name.startswith(RETIRED_PREFIX):
            remove_column(written, column)
            continue
        column.type = written_type(column.type)
        if column.autoincrement is False:  # reflection sets it for every column that has no sequence
            column.autoincrement = "auto"
        if _is_serial(table.name, column):
            column.server_default = None
            column.autoincrement = True
    existing = {final_name(constraint) for constraint in written.constraints}
    for constraint in relation.constraints:
        if constraint.kind == "c" and constraint.name not in existing:  # one inside mapped_column()
            condition = constraint.definition.removeprefix("CHECK (").removesuffix(")")
            written.append_constraint(sa.CheckConstraint(sa.text(condition), name=sa.schema.conv(constraint.name)))
    return written


def _is_serial(table: str, column: sa.Column[Any]) -> bool:
    """Return whether the column is a serial primary key with the sequence's usual name."""
    default = column.server_default.arg if isinstance(column.server_default, sa.DefaultClause) else None
    usual = f"nextval('{quoted(f'{table}_{column.name}_seq')}'::regclass)"
    return column.primary_key and default is not None and str(default) == usual
