"""The table of model changes: what somebody did to the models, and what the revision must then say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

DDL = "ddl"
"""Where a MetaData keeps what `sql` adds."""
Edit = Callable[[sa.MetaData], object]


@dataclass(frozen=True)
class Case:
    """A change of the models. `says` is in the revision, `unsaid` is not; `fill` is what the author fills in."""

    name: str
    edit: Edit
    says: tuple[str, ...] = ()
    before: Edit | None = None
    """Another change, already applied to the database."""
    fill: Mapping[str, str] = field(default_factory=dict, hash=False)
    unsaid: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    everywhere: bool = False
    """Whether the server's version matters so much that the short form of the tests runs it on the older one, too."""
    rows: tuple[str, ...] = ()
    """Statements that fill what `before` made."""
    later: tuple[str, ...] = ()
    """Statements that, after the upgrade, write what the old rules forbid."""


def add(table: str, *parts: sa.Column[Any] | Callable[[], sa.Constraint]) -> Edit:
    """Columns and constraints that a table gets."""

    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables[table]
        for part in parts:
            if isinstance(part, sa.Column):
                target.append_column(part._copy())
            else:
                target.append_constraint(part())

    return edit


def index(table: str, name: str, *columns: str | sa.TextClause, **options: Any) -> Edit:
    """An index that a table gets."""
    return lambda metadata: sa.Index(
        name, *(metadata.tables[table].c[c] if isinstance(c, str) else c for c in columns),
        _table=metadata.tables[table], **options,
    )  # fmt: skip


def drop(table: str, *columns: str) -> Edit:
    """Columns that a table loses, with what is on them."""

    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables[table]
        for name in columns:
            column = target.c[name]
            for constraint in list(target.constraints):
                if column in set(getattr(constraint, "columns", ())):
                    target.constraints.remove(constraint)
            for each in list(target.indexes):
                if column in set(each.columns):
                    target.indexes.remove(each)
            target._columns.remove(column)

    return edit


def drop_named(table: str, name: str) -> Edit:
    """A constraint or index that a table loses."""

    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables[table]
        for index in list(target.indexes):
            if final_name(index) == name:
                target.indexes.remove(index)
        for constraint in list(target.constraints):
            if final_name(constraint) == name:
                target.constraints.remove(constraint)
                for key in getattr(constraint, "elements", ()):
                    key.parent.foreign_keys.discard(key)

    return edit


def final_name(part: sa.Constraint | sa.Index) -> str | None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return dialect.identifier_preparer.format_constraint(part, _alembic_quote=False) if part.name is not None else None


def column(table: str, name: str, **attributes: object) -> Edit:
    """Attributes of a column that change."""

    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables[table].c[name]
        for attribute, value in attributes.items():
            if attribute == "server_default":
                target.server_default = None if value is None else sa.DefaultClause(value)  # type: ignore[arg-type]
            else:
                setattr(target, attribute, value)

    return edit


def sql(*statements: str) -> Edit:
    """What the models carry as DDL events: made after the tables."""

    def edit(metadata: sa.MetaData) -> None:
        metadata.info.setdefault(DDL, []).extend(statements)

    return edit


def both(*edits: Edit) -> Edit:
    """Several changes at once."""

    def edit(metadata: sa.MetaData) -> None:
        for each in edits:
            each(metadata)

    return edit


def table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> Edit:
    """A new table."""
    return lambda metadata: sa.Table(
        name, metadata, *(part._copy() if hasattr(part, "_copy") else part for part in parts), **options
    )


def drop_table(name: str) -> Edit:
    """A table that goes, with the keys that point to it."""

    def edit(metadata: sa.MetaData) -> None:
        for other in metadata.tables.values():
            for constraint in list(other.foreign_key_constraints):
                if constraint.referred_table.name == name and other.name != name:
                    other.constraints.remove(constraint)
                    for key in constraint.elements:
                        key.parent.foreign_keys.discard(key)
        metadata.remove(metadata.tables[name])

    return edit


KEY = sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)
