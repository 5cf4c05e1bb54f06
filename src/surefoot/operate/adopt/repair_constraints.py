"""Repairs of constraints and indexes. Existing rows are checked first."""

from collections.abc import Sequence

from surefoot.autogenerate import parsed_definitions
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Constraint, Index
from surefoot.operate.adopt import repair_comments
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, quoted
from surefoot.operate.adopt.repair_columns import row_count
from surefoot.operate.adopt.repair_counts import RowQueries


class Constraints:
    """Repairs of constraints and indexes of the tables that both the revision and the database have."""

    def __init__(self, found: Catalogue, queries: RowQueries) -> None:
        self._columns = {relation.name: {column.name for column in relation.columns} for relation in found.relations}
        self._queries = queries

    def constraint_missing(self, table: str, new: Constraint) -> Repair:
        """Add the constraint, if no row violates it."""
        return self._unless_violated(
            table, new, Statement(phase(new), add(table, new)), *_constraint_comment(table, new)
        )

    def constraint_unexpected(self, table: str, old: Constraint) -> Repair:
        """Drop the constraint. It is somebody's own rule, so that is a decision."""
        drop = f"alter table {quoted(table)} drop constraint {quoted(old.name)};"
        what = "somebody's own rule: without it, rows may come in that it kept out"
        return decision(what, Statement(Phase.ASIDE, drop), undo=add(table, old))

    def constraint_differs(self, table: str, attribute: str, new: Constraint, old: Constraint) -> Repair:
        """Repair one attribute of an existing constraint."""
        on = f"alter table {quoted(table)}"
        if attribute == "name":
            return harmless(Statement(Phase.ASIDE, f"{on} rename constraint {quoted(old.name)} to {quoted(new.name)};"))
        if attribute == "comment":
            return harmless(
                repair_comments.required("constraint", f"{quoted(new.name)} on {quoted(table)}", new.comment)
            )
        if attribute == "valid" and new.valid:
            validate = Statement(Phase.CONSTRAINT, f"{on} validate constraint {quoted(new.name)};")
            return self._unless_violated(table, new, validate)
        replace = f"{on} drop constraint {quoted(old.name)}, {add(table, new).removeprefix(on).strip()}"
        return self._unless_violated(table, new, Statement(phase(new), replace), *_constraint_comment(table, new))

    def index_missing(self, table: str, new: Index) -> Repair:
        """Create the index; a unique one only if there are no duplicates."""
        return self._unless_duplicated(
            table, new, Statement(Phase.CONSTRAINT, f"{new.definition};"), *_index_comment(new)
        )

    def index_unexpected(self, old: Index) -> Repair:
        """Drop the index. A unique one is somebody's own rule; any other one may have been created for a slow query."""
        drop = Statement(Phase.ASIDE, f"drop index {quoted(old.name)};")
        undo = f"{old.definition};"
        if old.definition.startswith("CREATE UNIQUE"):
            return decision("somebody's own rule: without it, rows may repeat", drop, undo=undo)
        return decision("somebody built it, perhaps because something was slow", drop, undo=undo)

    def index_differs(self, table: str, attribute: str, new: Index, old: Index) -> Repair:
        """Repair one attribute of an existing index; an invalid or different one is created again."""
        if attribute == "name":
            return harmless(Statement(Phase.ASIDE, f"alter index {quoted(old.name)} rename to {quoted(new.name)};"))
        if attribute == "comment":
            return harmless(repair_comments.required("index", quoted(new.name), new.comment))
        if new.constraint or old.constraint:
            return decision("it belongs to a constraint: drop and add that")
        rebuild = (Statement(Phase.CONSTRAINT, f"drop index {quoted(old.name)};"),
                Statement(Phase.CONSTRAINT, f"{new.definition};"), *_index_comment(new))  # fmt: skip
        return self._unless_duplicated(table, new, *rebuild)

    def _unless_violated(self, table: str, new: Constraint, *statements: Statement) -> Repair:
        count, rows_query = self._violations(table, new) if new.valid else (0, "")
        note = f"{row_count(count)} stand{'s' if count == 1 else ''} against it: correct them first"
        return _unless_counted(count, note, rows_query, statements)

    def _violations(self, table: str, new: Constraint) -> tuple[int | None, str]:
        try:
            if new.kind == "c":
                return self._queries.violating(table, parsed_definitions.check(new.definition))
            if new.kind == "f":
                return self._orphans(table, parsed_definitions.foreign_key(new.definition))
            return self._duplicates(table, parsed_definitions.unique(new.definition), primary=new.kind == "p")
        except parsed_definitions.Unreadable:
            return None, ""

    def _orphans(self, table: str, key: parsed_definitions.ForeignKey) -> tuple[int | None, str]:
        if not self._has(table, key.local):
            return 0, ""
        if key.table not in self._columns:  # the referenced table is still to be created, and empty
            return self._queries.non_nulls(table, key.local)
        return self._queries.orphans(table, key.local, key.table, key.remote)

    def _duplicates(self, table: str, key: parsed_definitions.Unique, *, primary: bool) -> tuple[int | None, str]:
        if not self._has(table, key.columns):
            return 0, ""
        for column in key.columns if primary else ():
            count, rows_query = self._queries.nulls(table, column)
            if count != 0:
                return count, rows_query
        nulls_not_distinct = bool(key.options.get("nulls_not_distinct"))
        return self._queries.duplicates(table, list(map(quoted, key.columns)), nulls_not_distinct=nulls_not_distinct)

    def _unless_duplicated(self, table: str, new: Index, *statements: Statement) -> Repair:
        count, rows_query = self._index_duplicates(table, new)
        note = f"{count} value{' stands' if count == 1 else 's stand'} there more than once"
        return _unless_counted(count, note, rows_query, statements)

    def _index_duplicates(self, table: str, new: Index) -> tuple[int | None, str]:
        if not new.definition.startswith("CREATE UNIQUE"):
            return 0, ""
        try:
            parts = parsed_definitions.index(new.definition)
        except parsed_definitions.Unreadable:
            return None, ""
        if not self._has(table, [one for one in parts.columns if one not in parts.expressions]):
            return 0, ""
        keys = [one if one in parts.expressions else quoted(one) for one in parts.columns]
        where = parts.options.get("postgresql_where")
        return self._queries.duplicates(table, keys, str(where) if where else None)

    def _has(self, table: str, columns: list[str]) -> bool:
        """Return whether the table has the columns. A column that is still to be added has no values yet."""
        return self._columns[table] >= set(columns)


def add(table: str, constraint: Constraint) -> str:
    """Return the statement that adds the constraint."""
    valid = "" if constraint.valid else " not valid"
    return f"alter table {quoted(table)} add constraint {quoted(constraint.name)} {constraint.definition}{valid};"


def phase(constraint: Constraint) -> Phase:
    """Return when it can be added: a foreign key after the key that it references."""
    return Phase.FOREIGN_KEY if constraint.kind == "f" else Phase.CONSTRAINT


def _constraint_comment(table: str, new: Constraint) -> tuple[Statement, ...]:
    return repair_comments.optional("constraint", f"{quoted(new.name)} on {quoted(table)}", new.comment)


def _index_comment(new: Index) -> tuple[Statement, ...]:
    return repair_comments.optional("index", quoted(new.name), new.comment)


def _unless_counted(count: int | None, note: str, rows_query: str, statements: Sequence[Statement]) -> Repair:
    """Return the repair, or a decision with `note` if `count` rows prevent it; None means they could not be counted."""
    if count is None:
        return decision("the rows could not be asked whether they agree with it", *statements)
    return decision(note, rows_query=rows_query) if count else harmless(*statements)
