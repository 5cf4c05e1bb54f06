"""Repairs of constraints and indexes: the rows are asked first whether they agree."""

from surefoot.autogenerate import parsed_definitions
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Constraint, Index
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, literal, quoted
from surefoot.operate.adopt.repair_columns import rows
from surefoot.operate.adopt.repair_counts import Rows


class Constraints:
    """Repairs of what hangs on tables that both sides have."""

    def __init__(self, found: Catalogue, asked: Rows) -> None:
        self._columns = {relation.name: {column.name for column in relation.columns} for relation in found.relations}
        self._rows = asked

    def constraint_missing(self, table: str, new: Constraint) -> Repair:
        """Added, where no row stands against it."""
        return self._unless_broken(table, new, Statement(phase(new), add(table, new)), *_constraint_comment(table, new))

    def constraint_unexpected(self, table: str, old: Constraint) -> Repair:
        """Somebody's own rule: it goes only if they say so."""
        drop = f"alter table {quoted(table)} drop constraint {quoted(old.name)};"
        what = "somebody's own rule: without it, rows may come in that it kept out"
        return decision(what, Statement(Phase.ASIDE, drop), back=add(table, old))

    def constraint_differs(self, table: str, attribute: str, new: Constraint, old: Constraint) -> Repair:
        """One attribute of a constraint that is there."""
        on = f"alter table {quoted(table)}"
        if attribute == "name":
            return harmless(Statement(Phase.ASIDE, f"{on} rename constraint {quoted(old.name)} to {quoted(new.name)};"))
        if attribute == "comment":
            return harmless(_comment_on("constraint", f"{quoted(new.name)} on {quoted(table)}", new.comment))
        if attribute == "valid" and new.valid:
            validate = Statement(Phase.CONSTRAINT, f"{on} validate constraint {quoted(new.name)};")
            return self._unless_broken(table, new, validate)
        replace = f"{on} drop constraint {quoted(old.name)}, {add(table, new).removeprefix(on).strip()}"
        return self._unless_broken(table, new, Statement(phase(new), replace), *_constraint_comment(table, new))

    def index_missing(self, table: str, new: Index) -> Repair:
        """Built, where a unique one finds no duplicates."""
        return self._unless_doubled(table, new, Statement(Phase.CONSTRAINT, f"{new.definition};"), *_index_comment(new))

    def index_unexpected(self, old: Index) -> Repair:
        """It holds no data; a unique one is a rule of somebody's."""
        drop = Statement(Phase.ASIDE, f"drop index {quoted(old.name)};")
        back = f"{old.definition};"
        if old.definition.startswith("CREATE UNIQUE"):
            return decision("somebody's own rule: without it, rows may repeat", drop, back=back)
        return decision("somebody built it, perhaps because something was slow", drop, back=back)

    def index_differs(self, table: str, attribute: str, new: Index, old: Index) -> Repair:
        """One attribute of an index that is there; an invalid or different one is built anew."""
        if attribute == "name":
            return harmless(Statement(Phase.ASIDE, f"alter index {quoted(old.name)} rename to {quoted(new.name)};"))
        if attribute == "comment":
            return harmless(_comment_on("index", quoted(new.name), new.comment))
        if new.constraint or old.constraint:
            return decision("it belongs to a constraint: drop and add that")
        anew = (Statement(Phase.CONSTRAINT, f"drop index {quoted(old.name)};"),
                Statement(Phase.CONSTRAINT, f"{new.definition};"), *_index_comment(new))  # fmt: skip
        return self._unless_doubled(table, new, *anew)

    def _unless_broken(self, table: str, new: Constraint, *statements: Statement) -> Repair:
        count, show = self._broken(table, new) if new.valid else (0, "")
        if count is None:
            return decision("the rows could not be asked whether they agree with it", *statements)
        if count:
            return decision(f"{rows(count)} stand{'s' if count == 1 else ''} against it: correct them first", show=show)
        return harmless(*statements)

    def _broken(self, table: str, new: Constraint) -> tuple[int | None, str]:
        try:
            if new.kind == "c":
                return self._rows.against(table, parsed_definitions.check(new.definition))
            if new.kind == "f":
                return self._orphans(table, parsed_definitions.foreign_key(new.definition))
            return self._doubled(table, parsed_definitions.unique(new.definition), primary=new.kind == "p")
        except parsed_definitions.Unreadable:
            return None, ""

    def _orphans(self, table: str, key: parsed_definitions.ForeignKey) -> tuple[int | None, str]:
        if not self._has(table, key.local):
            return 0, ""
        if key.table not in self._columns:  # it is only to be made, and empty
            return self._rows.without_nulls(table, key.local)
        return self._rows.orphans(table, key.local, key.table, key.remote)

    def _doubled(self, table: str, key: parsed_definitions.Unique, *, primary: bool) -> tuple[int | None, str]:
        if not self._has(table, key.columns):
            return 0, ""
        for column in key.columns if primary else ():
            count, show = self._rows.nulls(table, column)
            if count != 0:
                return count, show
        nulls_too = bool(key.options.get("nulls_not_distinct"))
        return self._rows.duplicates(table, list(map(quoted, key.columns)), nulls_too=nulls_too)

    def _unless_doubled(self, table: str, new: Index, *statements: Statement) -> Repair:
        if not new.definition.startswith("CREATE UNIQUE"):
            return harmless(*statements)
        try:
            parts = parsed_definitions.index(new.definition)
        except parsed_definitions.Unreadable:
            return decision("the rows could not be asked whether they agree with it", *statements)
        plain = [one for one in parts.columns if one not in parts.expressions]
        if not self._has(table, plain):
            return harmless(*statements)
        keys = [one if one in parts.expressions else quoted(one) for one in parts.columns]
        where = parts.options.get("postgresql_where")
        count, show = self._rows.duplicates(table, keys, str(where) if where else None)
        if count is None:
            return decision("the rows could not be asked whether they agree with it", *statements)
        if count:
            return decision(f"{count} value{' stands' if count == 1 else 's stand'} there more than once", show=show)
        return harmless(*statements)

    def _has(self, table: str, columns: list[str]) -> bool:
        """A column that is only to be added holds nothing that could stand against a rule."""
        return self._columns[table] >= set(columns)


def add(table: str, constraint: Constraint) -> str:
    """The statement that adds it."""
    valid = "" if constraint.valid else " not valid"
    return f"alter table {quoted(table)} add constraint {quoted(constraint.name)} {constraint.definition}{valid};"


def phase(constraint: Constraint) -> Phase:
    """When it can be added: a foreign key after the key that it points at."""
    return Phase.FOREIGN_KEY if constraint.kind == "f" else Phase.CONSTRAINT


def _constraint_comment(table: str, new: Constraint) -> list[Statement]:
    if new.comment is None:
        return []
    return [_comment_on("constraint", f"{quoted(new.name)} on {quoted(table)}", new.comment)]


def _index_comment(new: Index) -> list[Statement]:
    return [_comment_on("index", quoted(new.name), new.comment)] if new.comment is not None else []


def _comment_on(what: str, name: str, comment: str | None) -> Statement:
    return Statement(Phase.COMMENT, f"comment on {what} {name} is {literal(comment)};")
