"""Repairs of columns: added, retired, and given the expected type, default, collation and NOT NULL."""

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Column
from surefoot.operate.adopt import repair_comments, repair_retire
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, quoted
from surefoot.operate.adopt.repair_counts import RowQueries
from surefoot.operate.adopt.repair_sequences import create, identity, owned_by

TIMESTAMPS = frozenset({"timestamp without time zone", "timestamp with time zone"})


class Columns:
    """Repairs of columns of the tables that both the revision and the database have."""

    def __init__(
        self, expected: Catalogue, found: Catalogue, queries: RowQueries, revision_of: repair_retire.RevisionOf
    ) -> None:
        self._revision_of = revision_of
        self._expected = expected
        self._enums = {quoted(enum.name) for side in (expected, found) for enum in side.enums}
        self._found_enums = found.enums
        self._found = {relation.name: relation for relation in found.relations}
        self._expected_relations = {relation.name: relation for relation in expected.relations}
        self._queries = queries

    def missing(self, table: str, column: Column) -> Repair:
        """Add the column with its default. If existing rows would need an invented value, that is a decision."""
        sequences, owned = self._sequences(table, column)
        add = f"alter table {quoted(table)} add column {column_ddl(column, self._expected, table)};"
        comment = repair_comments.optional("column", f"{quoted(table)}.{quoted(column.name)}", column.comment)
        statements = (*sequences, Statement(Phase.COLUMN, add), *owned, *comment)
        unexpected = self._unexpected(table)
        if unexpected:
            names = ", ".join(one.name for one in unexpected)
            alike = [one for one in unexpected if one.type == column.type]
            rename = [
                Statement(
                    Phase.COLUMN,
                    f"alter table {quoted(table)} rename column {quoted(alike[0].name)} to {quoted(column.name)};",
                )
            ] if len(alike) == 1 else []  # fmt: skip
            return decision(f"the table has {names} beyond what is expected: is that the same under another name?", *(
                rename or statements))  # fmt: skip
        needs_value = not column.nullable and not (column.default or column.identity or column.generated)
        if needs_value and self._queries.count(table) != 0:
            return decision("the rows that are there need a value; say which, and add the column with it")
        return harmless(*statements, note="values that it once had are not in this database")

    def unexpected(self, table: str, column: Column) -> Repair:
        """Retire the column inside its table under a name that no comparison considers; every value is kept."""
        others = [one for one in self._missing(table) if one.type == column.type]
        if len(others) == 1 and len([one for one in self._unexpected(table) if one.type == column.type]) == 1:
            return decision(f"is it {others[0].name} under another name? The repair of {others[0].name} renames it")
        return repair_retire.column(table, column.name, self._revision_of(table, column.name))

    def differs(self, table: str, attribute: str, new: Column, old: Column) -> Repair:
        """Repair one attribute of an existing column."""
        on = f"alter table {quoted(table)} alter column {quoted(new.name)}"
        if attribute in {"type", "collation"}:
            return self._type(table, new, old)
        if attribute == "nullability":
            return self._nullability(table, new, on)
        if attribute == "default":
            change = f"set default {new.default}" if new.default else "drop default"
            return harmless(Statement(Phase.DEFAULT, f"{on} {change};"))
        if attribute == "identity":
            return self._identity(table, new, old, on)
        if attribute == "comment":
            return harmless(repair_comments.required("column", f"{quoted(table)}.{quoted(new.name)}", new.comment))
        return self._generated(new, on)

    @staticmethod
    def _generated(new: Column, on: str) -> Repair:
        if new.generated is not None:
            return decision("a generated column can only be made anew, which computes every value again")
        stop = Statement(Phase.COLUMN, f"{on} drop expression;")
        return decision("the values stay, but nothing computes them any more", stop)

    def _type(self, table: str, new: Column, old: Column) -> Repair:
        name = quoted(new.name)
        if {old.type, new.type} == TIMESTAMPS:
            value = f"{name} at time zone 'UTC'"
            return decision(
                "are the values UTC? Then this keeps every one of them",
                *self._retype(table, new, old, value),
            )
        through = "::text" if {old.type, new.type} & self._enums and old.type != new.type else ""
        value = f"{name}{through}::{new.type}"
        labels = self._labels_to_come(new.type)
        if labels is not None:
            return self._to_new_enum(table, new, old, value, labels)
        changed, rows_query = self._queries.changed_by_conversion(table, new.name, value, f"{through}::{old.type}")
        if changed is None:
            refused, rows_query = self._queries.refused_by_conversion(table, f"{name}{through}", new.type)
            return decision(f"{row_count(refused)} cannot become {new.type}", rows_query=rows_query)
        if changed:
            return decision(f"{row_count(changed)} would not keep the value as {new.type}", rows_query=rows_query)
        return harmless(
            *self._retype(table, new, old, value),
            note="every value was tried and stays as it is; the table may be locked while it is rewritten",
        )

    def _labels_to_come(self, type_: str) -> tuple[str, ...] | None:
        """Return the labels of an enum type that the repair makes; None for a type that is there, or no enum."""
        if any(quoted(enum.name) == type_ for enum in self._found_enums):
            return None
        return next((enum.labels for enum in self._expected.enums if quoted(enum.name) == type_), None)

    def _to_new_enum(self, table: str, new: Column, old: Column, value: str, labels: tuple[str, ...]) -> Repair:
        """Change the type to an enum that the same repair makes, for which no conversion can be tried yet."""
        others, rows_query = self._queries.other_words(table, new.name, labels)
        if others != 0:
            return decision(
                f"{row_count(others)} hold{'s' if others == 1 else ''} none of {', '.join(labels)}",
                rows_query=rows_query,
            )
        return harmless(
            *self._retype(table, new, old, value),
            note="every value is one of its labels; the table may be locked while it is rewritten",
        )

    @staticmethod
    def _retype(table: str, new: Column, old: Column, value: str) -> tuple[Statement, ...]:
        """Change the type. The default is dropped before and set again after, because USING does not convert it."""
        on = f"alter table {quoted(table)} alter column {quoted(new.name)}"
        collation = f" collate {new.collation}" if new.collation else ""
        lines = [f"{on} type {new.type}{collation} using {value};"]
        if old.default is not None:
            lines = [f"{on} drop default;", *lines, *([f"{on} set default {new.default};"] if new.default else [])]
        return tuple(Statement(Phase.COLUMN, line) for line in lines)

    def _nullability(self, table: str, new: Column, on: str) -> Repair:
        if new.nullable:
            return harmless(Statement(Phase.COLUMN, f"{on} drop not null;"))
        count, rows_query = self._queries.nulls(table, new.name)
        if count != 0:
            return decision(
                f"{row_count(count)} have no value there: fill or correct them first", rows_query=rows_query
            )
        return harmless(Statement(Phase.COLUMN, f"{on} set not null;"))

    def _identity(self, table: str, new: Column, old: Column, on: str) -> Repair:
        if new.identity and old.identity:
            return harmless(Statement(Phase.COLUMN, f"{on} set generated {new.identity};"))
        if new.identity is None:
            sequences, owned = self._sequences(table, new)
            drop = Statement(Phase.COLUMN, f"{on} drop identity;")
            made = (Statement(Phase.COLUMN, each.sql) for each in (*sequences, *owned))
            return harmless(drop, *made, note="the counter goes on from the highest number in the column")
        return decision(
            "numbers are given by an identity column from then on",
            Statement(Phase.DEFAULT, f"{on} drop default;"),
            Statement(Phase.DEFAULT, f"{on} add {identity(self._expected, table, new)};"),
        )

    def _sequences(self, table: str, column: Column) -> tuple[list[Statement], list[Statement]]:
        """Return the statements that create the column's own sequences, and those that give them to it afterwards."""
        if column.identity:
            return [], []
        owned_sequences = [each for each in self._expected.sequences
                if each.owner and (each.owner.table, each.owner.column) == (table, column.name)]  # fmt: skip
        return [Statement(Phase.SEQUENCE, create(each)) for each in owned_sequences], [
            Statement(Phase.COLUMN, line) for each in owned_sequences for line in owned_by(each)
        ]

    def _unexpected(self, table: str) -> list[Column]:
        expected = {column.name for column in self._expected_relations[table].columns}
        return [column for column in self._found[table].columns if column.name not in expected]

    def _missing(self, table: str) -> list[Column]:
        present = {column.name for column in self._found[table].columns}
        return [column for column in self._expected_relations[table].columns if column.name not in present]


def column_ddl(column: Column, catalogue: Catalogue, table: str) -> str:
    """Return the column as CREATE TABLE and ADD COLUMN write it."""
    parts = [quoted(column.name), column.type]
    parts += [f"collate {column.collation}"] if column.collation else []
    parts += [f"default {column.default}"] if column.default else []
    if column.generated:
        expression, _, kind = column.generated.rpartition(" ")
        parts.append(f"generated always as ({expression}) {kind}")
    parts += [identity(catalogue, table, column)] if column.identity else []
    parts += [] if column.nullable else ["not null"]
    return " ".join(parts)


def row_count(count: int | None) -> str:
    """Return the number of rows in words."""
    return "rows that could not be counted" if count is None else f"{count} row{'' if count == 1 else 's'}"
