"""Classifies the differences between a database and a revision: which group each is in, and the SQL that repairs it."""

from dataclasses import replace

from sqlalchemy.engine import Connection

from surefoot.autogenerate.parsed_definitions import mentions
from surefoot.catalogue.differences import Deviation, Difference
from surefoot.catalogue.model import Catalogue, Domain, EnumType, Function, Sequence
from surefoot.catalogue.relations import (
    Column,
    Constraint,
    Index,
    Policy,
    Relation,
    Rule,
    Statistics,
    Trigger,
)
from surefoot.operate.adopt import repair_retire, repair_rules, repair_sequences, repair_tables, repair_types
from surefoot.operate.adopt.adopt_findings import Finding, Group, Repair, decision, quoted
from surefoot.operate.adopt.repair_columns import Columns
from surefoot.operate.adopt.repair_constraints import Constraints
from surefoot.operate.adopt.repair_counts import RowQueries

FOREIGN = Repair(Group.FOREIGN)


def classify(
    expected: Catalogue,
    found: Catalogue,
    difference: Difference,
    connection: Connection,
    revision_of: repair_retire.RevisionOf,
) -> list[Finding]:
    """Return a finding for each difference. Reads rows of the database of `connection`, and changes nothing.

    `revision_of` returns the revision for which an unexpected object is retired: the downgrade of that revision
    restores it. If fewer than half of the expected tables are in the database, it is another database, and every
    finding says so.
    """
    expected_tables = {relation.name for relation in expected.tables}
    namesakes = _namesakes(expected, found)
    present = {relation.name for relation in found.tables} & expected_tables - namesakes
    if len(present) * 2 < len(expected_tables):
        return [Finding(each, FOREIGN) for each in difference.deviations]
    classifier = _Classifier(expected, found, RowQueries(connection), namesakes, revision_of)
    findings = _namesakes_replaced(
        [Finding(each, classifier.repair(each)) for each in difference.deviations], expected, found, revision_of
    )
    return _after_column_decisions(_retired_along(findings))


def _namesakes(expected: Catalogue, found: Catalogue) -> set[str]:
    """Return the tables that share a name with an expected one, but have fewer than half of its columns."""
    present = {relation.name: {column.name for column in relation.columns} for relation in found.relations}
    return {
        relation.name
        for relation in expected.tables
        if relation.name in present
        and len(present[relation.name] & {column.name for column in relation.columns}) * 2 < len(relation.columns)
    }


def _namesakes_replaced(
    findings: list[Finding], expected: Catalogue, found: Catalogue, revision_of: repair_retire.RevisionOf
) -> list[Finding]:
    """Give each table that only shares a name one repair: it is set aside whole, and the expected one is made.

    The first finding about such a table has it, and the others say so.
    """
    ours = {relation.name: relation for relation in expected.relations}
    theirs = {relation.name: relation for relation in found.relations}
    replaced = list[Finding]()
    seen = set[str]()
    for finding in findings:
        sides = finding.deviation.sides
        either = sides.expected if sides.expected is not None else sides.found
        name = either.name if isinstance(either, Relation) else sides.table
        if finding.repair is not FOREIGN or name is None:
            replaced.append(finding)
            continue
        repair = decision(f"it goes aside with table {name}")
        if name not in seen:
            seen.add(name)
            aside = repair_tables.unexpected(theirs[name], revision_of("", name))
            repair = decision(
                f"table {name} has little more than its name in common with ours: with --decided it is set aside with "
                "its rows, and ours is made, empty",
                *aside.statements, *repair_tables.missing(ours[name], expected).statements, undo=aside.undo,
            )  # fmt: skip
        replaced.append(replace(finding, repair=repair))
    return replaced


def _retired_along(findings: list[Finding]) -> list[Finding]:
    """Give up separate repairs of what depends on a retired object: it is retired and restored together with that."""
    unexpected = [finding.deviation.sides for finding in findings if finding.deviation.expected is None
              and finding.deviation.attribute is None]  # fmt: skip
    columns = [(sides.table, sides.found.name) for sides in unexpected if isinstance(sides.found, Column)]
    tables_aside = [sides.found.name for sides in unexpected if isinstance(sides.found, Relation)]

    def retired_along(finding: Finding) -> Finding:
        sides = finding.deviation.sides
        if sides not in unexpected or not isinstance(sides.found, Constraint | Index | Trigger):
            return finding
        for table, name in columns:
            if table == sides.table and mentions(sides.found.definition, name):
                return replace(finding, repair=decision(f"it goes aside with column {name}"))
        if isinstance(sides.found, Constraint) and sides.found.kind == "f":
            for name in tables_aside:
                if f"REFERENCES {quoted(name)}(" in sides.found.definition:
                    return replace(finding, repair=decision(f"it goes aside with table {name}"))
        return finding

    return [retired_along(finding) for finding in findings]


def _after_column_decisions(findings: list[Finding]) -> list[Finding]:
    """Make the repairs of constraints and indexes wait for the decision about a column that they contain."""
    open_columns = [
        (finding.deviation.sides.table, finding.deviation.sides.expected.name)
        for finding in findings
        if isinstance(finding.deviation.sides.expected, Column) and finding.repair.group is not Group.HARMLESS
    ]

    def after_decision(finding: Finding) -> Finding:
        part = finding.deviation.sides.expected
        if finding.repair.group is not Group.HARMLESS or not isinstance(part, Constraint | Index):
            return finding
        names = [name for table, name in open_columns
                 if table == finding.deviation.sides.table and mentions(part.definition, name)]  # fmt: skip
        if not names:
            return finding
        return replace(finding, repair=replace(
            finding.repair, group=Group.DECISION, note=f"after the decision about {' and '.join(names)}"))  # fmt: skip

    return [after_decision(finding) for finding in findings]


class _Classifier:
    """Chooses the repair of one difference after the other."""

    def __init__(
        self,
        expected: Catalogue,
        found: Catalogue,
        queries: RowQueries,
        namesakes: set[str],
        revision_of: repair_retire.RevisionOf,
    ) -> None:
        self._revision_of = revision_of
        self._expected = expected
        self._found = found
        self._queries = queries
        self._namesakes = namesakes
        self._columns = Columns(expected, found, queries, revision_of)
        self._constraints = Constraints(found, queries)

    def repair(self, deviation: Deviation) -> Repair:
        """Return the repair of the difference. One side is None if the object is missing there."""
        sides = deviation.sides
        table = sides.table or ""
        either = sides.expected if sides.expected is not None else sides.found
        if table in self._namesakes or (isinstance(either, Relation) and either.name in self._namesakes):
            return FOREIGN
        attribute = deviation.attribute or ""
        return (
            self._of_column_or_constraint(table, attribute, sides.expected, sides.found)
            or self._of_rule_or_statistics(table, attribute, sides.expected, sides.found)
            or self._of_relation_or_trigger(table, attribute, sides.expected, sides.found)
            or self._of_type_or_routine(deviation.attribute, sides.expected, sides.found)
            or decision("no statement can make up for this and keep every value; ask who changed it")
        )

    def _of_column_or_constraint(self, table: str, attribute: str, new: object, old: object) -> Repair | None:
        columns, constraints = self._columns, self._constraints
        repair = None
        match new, old:
            case Column(), Column():
                repair = columns.differs(table, attribute, new, old)
            case Column(), None:
                repair = columns.missing(table, new)
            case None, Column():
                repair = columns.unexpected(table, old)
            case Constraint(), Constraint():
                repair = constraints.constraint_differs(table, attribute, new, old)
            case Constraint(), None:
                repair = constraints.constraint_missing(table, new)
            case None, Constraint():
                repair = constraints.constraint_unexpected(table, old)
            case Index(), Index():
                repair = constraints.index_differs(table, attribute, new, old)
            case Index(), None:
                repair = constraints.index_missing(table, new)
            case None, Index():
                repair = constraints.index_unexpected(old)
        return repair

    def _of_relation_or_trigger(self, table: str, attribute: str, new: object, old: object) -> Repair | None:
        repair = None
        match new, old:
            case Relation(), Relation():
                repair = repair_tables.differs(attribute, new, old)
            case Relation(), None:
                repair = repair_tables.missing(new, self._expected)
            case None, Relation():
                repair = repair_tables.unexpected(old, self._revision_of("", old.name))
            case Trigger(), Trigger():
                repair = repair_types.trigger_differs(table, attribute, new, old)
            case Trigger(), None:
                repair = repair_types.trigger_missing(new)
            case None, Trigger():
                repair = repair_types.trigger_unexpected(table, old)
            case None, Policy():
                repair = repair_types.policy(table, old)
            case Policy(), _:
                repair = repair_types.policy(table, None)
        return repair

    def _of_rule_or_statistics(self, table: str, attribute: str, new: object, old: object) -> Repair | None:
        repair = None
        match new, old:
            case Relation(), Relation() if attribute == "replica identity":
                repair = repair_rules.replica_identity(new)
            case Rule(), Rule() | None:
                repair = repair_rules.rule(table, attribute, new, old)
            case None, Rule():
                repair = repair_rules.rule(table, attribute, None, old)
            case Statistics(), Statistics() | None:
                repair = repair_rules.statistics(attribute, new, old)
            case None, Statistics():
                repair = repair_rules.statistics(attribute, None, old)
        return repair

    def _of_type_or_routine(self, attribute: str | None, new: object, old: object) -> Repair | None:
        repair = None
        match new, old:
            case EnumType(), EnumType():
                repair = repair_types.enum_differs(attribute or "", new, old, self._found, self._queries)
            case EnumType(), None:
                repair = repair_types.enum_missing(new)
            case None, EnumType():
                repair = self._retire("type", old.name)
            case Sequence(), Sequence():
                repair = repair_sequences.differs(attribute or "", new, old)
            case Sequence(), None:
                repair = repair_sequences.missing(new)
            case None, Sequence():
                repair = self._retire("sequence", old.name)
            case Function(), _:
                repair = repair_types.function(attribute, new)
            case None, Function():
                repair = self._retire(old.kind.removeprefix("window "), old.name)
            case None, Domain():
                repair = self._retire("domain", old.name)
        return repair

    def _retire(self, kind: str, name: str) -> Repair:
        return repair_retire.other(kind, name, self._revision_of("", name))
