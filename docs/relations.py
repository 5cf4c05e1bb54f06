"""The foreign keys of the models as a diagram draws them: how many rows there may be at each end."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from ourschool import models


@dataclass(frozen=True)
class Relation:
    """One foreign key, of one column or of several."""

    child: str
    columns: tuple[str, ...]
    parent: str
    optional: bool
    """Whether a row may point to none: with one column that is NULL the key is not looked at."""
    single: bool
    """Whether no two rows may point to the same one."""

    @property
    def mermaid(self) -> str:
        """The line of an erDiagram."""
        near, far = "|o" if self.optional else "||", "o|" if self.single else "o{"
        return f'  {self.parent} {near}--{far} {self.child} : "{", ".join(self.columns)}"'


def relations() -> list[Relation]:
    """Every foreign key, by its table and columns."""
    found = (
        Relation(
            table.name,
            tuple(column.name for column in key.columns),
            key.referred_table.name,
            any(column.nullable for column in key.columns),
            {column.name for column in key.columns} in list(_unique(table)),
        )
        for table in models.metadata.tables.values()
        for key in table.foreign_key_constraints
    )
    return sorted(found, key=lambda each: (each.child, each.columns))


def _unique(table: sa.Table) -> Iterator[set[str]]:
    """The sets of columns that no two rows have the same."""
    for constraint in table.constraints:
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield {column.name for column in constraint.columns}
    for index in table.indexes:
        if index.unique and index.dialect_options["postgresql"]["where"] is None:
            yield {column.name for column in index.columns}
