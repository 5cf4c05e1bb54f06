"""Parts of a table as plain statements: those for which SQLAlchemy or Alembic has no words, or loses some."""

from surefoot.autogenerate.compared_sides import quoted, text
from surefoot.autogenerate.directives import Sql
from surefoot.catalogue.relations import Column, Constraint

ADD_CONSTRAINT = """
do $$
begin
    if not exists (select from pg_constraint where conrelid = {table_text}::regclass and conname = {name_text}) then
        alter table {table} add constraint {name} {definition};
    end if;
end
$$
"""


def add_column(table: str, column: Column) -> Sql:
    """Return the statement that adds the column, of whatever type it is."""
    parts = [quoted(column.name), column.type]
    if column.collation:
        parts.append(f"collate {quoted(column.collation)}")
    if column.default and not column.generated:
        parts.append(f"default {column.default}")
    if column.generated:
        expression, _, kind = column.generated.rpartition(" ")
        parts.append(f"generated always as ({expression}) {kind}")
    if not column.nullable:
        parts.append("not null")
    return Sql(f"alter table {quoted(table)} add column if not exists {' '.join(parts)}")


def add_constraint(table: str, constraint: Constraint) -> Sql:
    """Return the block that adds the constraint to a table that is new, where it does not have it yet."""
    block = ADD_CONSTRAINT.format(
        table=quoted(table), table_text=text(quoted(table)),
        name=quoted(constraint.name), name_text=text(constraint.name), definition=constraint.definition,
    )  # fmt: skip
    return Sql(block.strip())
