"""From deviations to findings: which group each belongs to, and the SQL that makes up for it."""

from dataclasses import replace

from sqlalchemy.engine import Connection

from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.catalogue.differences import Deviation, Difference
from surefoot.catalogue.model import Catalogue, Domain, EnumType, Function, Sequence
from surefoot.catalogue.relations import Column, Constraint, Index, Policy, Relation, Trigger
from surefoot.operate.adopt import repair_retire, repair_sequences, repair_tables, repair_types
from surefoot.operate.adopt.adopt_findings import Finding, Group, Repair, decision, quoted
from surefoot.operate.adopt.repair_columns import Columns
from surefoot.operate.adopt.repair_constraints import Constraints
from surefoot.operate.adopt.repair_counts import Rows

FOREIGN = Repair(Group.FOREIGN, "it has little more than its name in common with ours")


def judge(
    expected: Catalogue, found: Catalogue, difference: Difference, connection: Connection, revision: repair_retire.For
) -> list[Finding]:
    """A finding for each deviation. Reads rows of the database of `connection`, and changes nothing.

    `revision` tells for which revision something unexpected is set aside: its way down brings it back.
    Where fewer than half of the tables are ours, it is another database, and every finding says so.
    """
    ours = {relation.name for relation in expected.tables}
    strangers = _strangers(expected, found)
    there = {relation.name for relation in found.tables} & ours - strangers
    if len(there) * 2 < len(ours):
        return [Finding(each, FOREIGN) for each in difference.deviations]
    judgement = _Judgement(expected, found, Rows(connection), strangers, revision)
    findings = [Finding(each, judgement.repair(each)) for each in difference.deviations]
    return _after_decisions(_going_along(findings))


def _strangers(expected: Catalogue, found: Catalogue) -> set[str]:
    """Tables of our names that have fewer than half of our columns."""
    there = {relation.name: {column.name for column in relation.columns} for relation in found.relations}
    return {
        relation.name
        for relation in expected.tables
        if relation.name in there
        and len(there[relation.name] & {column.name for column in relation.columns}) * 2 < len(relation.columns)
    }


def _going_along(findings: list[Finding]) -> list[Finding]:
    """What hangs on something that is set aside goes with it, and is written down there for the way back."""
    beyond = [one.deviation.sides for one in findings if one.deviation.expected is None
              and one.deviation.attribute is None]  # fmt: skip
    columns = [(sides.table, sides.found.name) for sides in beyond if isinstance(sides.found, Column)]
    tables_aside = [sides.found.name for sides in beyond if isinstance(sides.found, Relation)]

    def along(one: Finding) -> Finding:
        sides = one.deviation.sides
        if sides not in beyond or not isinstance(sides.found, Constraint | Index | Trigger):
            return one
        for table, name in columns:
            if table == sides.table and mentions(sides.found.definition, name):
                return replace(one, repair=decision(f"it goes aside with column {name}"))
        if isinstance(sides.found, Constraint) and sides.found.kind == "f":
            for name in tables_aside:
                if f"REFERENCES {quoted(name)}(" in sides.found.definition:
                    return replace(one, repair=decision(f"it goes aside with table {name}"))
        return one

    return [along(one) for one in findings]


def _after_decisions(findings: list[Finding]) -> list[Finding]:
    """What hangs on a column that somebody has to decide about waits for that."""
    open_columns = [
        (one.deviation.sides.table, one.deviation.sides.expected.name)
        for one in findings
        if isinstance(one.deviation.sides.expected, Column) and one.repair.group is not Group.HARMLESS
    ]

    def waits(one: Finding) -> Finding:
        thing = one.deviation.sides.expected
        if one.repair.group is not Group.HARMLESS or not isinstance(thing, Constraint | Index):
            return one
        names = [name for table, name in open_columns
                 if table == one.deviation.sides.table and mentions(thing.definition, name)]  # fmt: skip
        if not names:
            return one
        return replace(one, repair=replace(
            one.repair, group=Group.DECISION, note=f"after the decision about {' and '.join(names)}"))  # fmt: skip

    return [waits(one) for one in findings]


class _Judgement:
    def __init__(
        self, expected: Catalogue, found: Catalogue, rows: Rows, strangers: set[str], revision: repair_retire.For
    ) -> None:
        self._revision = revision
        self._expected = expected
        self._found = found
        self._rows = rows
        self._strangers = strangers
        self._columns = Columns(expected, found, rows, revision)
        self._constraints = Constraints(found, rows)

    def repair(self, deviation: Deviation) -> Repair:
        """How this deviation is made up for."""
        sides = deviation.sides
        new, old, table = sides.expected, sides.found, sides.table or ""
        thing = new if new is not None else old
        if table in self._strangers or (isinstance(thing, Relation) and thing.name in self._strangers):
            return FOREIGN
        attribute = deviation.attribute or ""
        if isinstance(thing, Relation):
            return self._relation(attribute, new, old)
        if isinstance(thing, Column):
            return self._column(table, attribute, new, old)
        if isinstance(thing, Constraint | Index):
            return self._constraint(table, attribute, new, old)
        if isinstance(thing, EnumType):
            return self._enum(attribute, new, old)
        return self._rest(table, deviation.attribute, new, old)

    def _relation(self, attribute: str, new: object, old: object) -> Repair:
        if not isinstance(new, Relation):
            assert isinstance(old, Relation)
            return repair_tables.unexpected(old, self._revision("", old.name))
        if not isinstance(old, Relation):
            return repair_tables.missing(new, self._expected)
        return repair_tables.differs(attribute, new, old)

    def _column(self, table: str, attribute: str, new: object, old: object) -> Repair:
        if not isinstance(new, Column):
            assert isinstance(old, Column)
            return self._columns.unexpected(table, old)
        return self._columns.differs(table, attribute, new, old) if isinstance(old, Column) else (
            self._columns.missing(table, new)
        )  # fmt: skip

    def _constraint(self, table: str, attribute: str, new: object, old: object) -> Repair:
        made = self._constraints
        if isinstance(new, Constraint):
            if isinstance(old, Constraint):
                return made.constraint_differs(table, attribute, new, old)
            return made.constraint_missing(table, new)
        if isinstance(old, Constraint):
            return made.constraint_unexpected(table, old)
        if isinstance(new, Index):
            return made.index_differs(table, attribute, new, old) if isinstance(old, Index) else (
                made.index_missing(table, new)
            )  # fmt: skip
        assert isinstance(old, Index)
        return made.index_unexpected(old)

    def _enum(self, attribute: str, new: object, old: object) -> Repair:
        if not isinstance(new, EnumType):
            assert isinstance(old, EnumType)
            return self._aside("type", old.name)
        if not isinstance(old, EnumType):
            return repair_types.enum_missing(new)
        return repair_types.enum_differs(attribute, new, old, self._found, self._rows)

    def _rest(self, table: str, attribute: str | None, new: object, old: object) -> Repair:
        match new, old:
            case (Trigger(), _) | (_, Trigger()):
                return self._trigger(table, attribute or "", new, old)
            case (Policy(), _) | (_, Policy()):
                return repair_types.policy(table, old if new is None and isinstance(old, Policy) else None)
            case (Sequence(), _) | (_, Sequence()):
                return self._sequence(attribute or "", new, old)
            case (Function(), _) | (_, Function()):
                return self._function(attribute, new, old)
            case None, Domain():
                return self._aside("domain", old.name)
        return decision("no statement can make up for this and keep every value; ask who changed it")

    def _aside(self, kind: str, name: str) -> Repair:
        return repair_retire.other(kind, name, self._revision("", name))

    def _function(self, attribute: str | None, new: object, old: object) -> Repair:
        if not isinstance(new, Function):
            assert isinstance(old, Function)
            return self._aside(old.kind.removeprefix("window "), old.name)
        return repair_types.function(attribute, new)

    def _sequence(self, attribute: str, new: object, old: object) -> Repair:
        if not isinstance(new, Sequence):
            assert isinstance(old, Sequence)
            return self._aside("sequence", old.name)
        return (
            repair_sequences.differs(attribute, new, old)
            if isinstance(old, Sequence)
            else repair_sequences.missing(new)
        )

    @staticmethod
    def _trigger(table: str, attribute: str, new: object, old: object) -> Repair:
        if not isinstance(new, Trigger):
            assert isinstance(old, Trigger)
            return repair_types.trigger_unexpected(table, old)
        return repair_types.trigger_differs(table, attribute, new, old) if isinstance(old, Trigger) else (
            repair_types.trigger_missing(new)
        )  # fmt: skip
