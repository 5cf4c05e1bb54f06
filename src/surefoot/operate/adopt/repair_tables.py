"""Repairs of whole tables and views: created, or retired with every row."""

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Relation
from surefoot.operate.adopt import repair_comments, repair_retire
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, quoted
from surefoot.operate.adopt.repair_columns import column_ddl
from surefoot.operate.adopt.repair_constraints import add, phase
from surefoot.operate.adopt.repair_sequences import create, owned_by


def missing(relation: Relation, expected: Catalogue) -> Repair:
    """Create the table, empty, with its constraints, indexes and triggers; or the view."""
    if relation.kind in {"view", "materialized view"}:
        create_view = f"create {relation.kind} {quoted(relation.name)} as\n{relation.definition}"
        return harmless(Statement(Phase.PROGRAM, create_view))
    if relation.kind != "table" or relation.partition_bound or relation.inherits:
        return decision(f"a {relation.kind} is best made by the revision that has it")
    name = quoted(relation.name)
    owned_sequences = [each for each in expected.sequences if each.owner and each.owner.table == relation.name]
    with_identity = {column.name for column in relation.columns if column.identity}
    serial = [each for each in owned_sequences if each.owner and each.owner.column not in with_identity]
    columns = ",\n    ".join(column_ddl(column, expected, relation.name) for column in relation.columns)
    unlogged = "unlogged " if relation.persistence == "unlogged" else ""
    constraint_names = {constraint.name for constraint in relation.constraints}
    statements = [
        *(Statement(Phase.SEQUENCE, create(each)) for each in serial),
        Statement(Phase.TABLE, f"create {unlogged}table {name} (\n    {columns}\n);"),
        *(Statement(Phase.TABLE, line) for each in serial for line in owned_by(each)[:1]),
        *(Statement(phase(each), add(relation.name, each)) for each in relation.constraints),
        *(
            Statement(Phase.CONSTRAINT, f"{each.definition};")
            for each in relation.indexes
            if each.name not in constraint_names
        ),
        *(
            Statement(Phase.PROGRAM, f"{each.definition};")
            for each in (*relation.triggers, *relation.rules, *relation.statistics)
        ),
        *(
            each
            for column in relation.columns
            for each in repair_comments.optional("column", f"{name}.{quoted(column.name)}", column.comment)
        ),
        *repair_comments.optional(relation.kind, name, relation.comment),
    ]
    return harmless(*statements, note="it is made empty; what it once held is not in this database")


def unexpected(relation: Relation, revision: str) -> Repair:
    """Retire the relation for `revision`, with its rows and everything that depends on it."""
    if relation.kind == "composite type":
        return repair_retire.other("type", relation.name, revision)
    if relation.kind == "table" and not relation.partition_bound:
        return repair_retire.table(relation.name, revision)
    return repair_retire.other(relation.kind.removeprefix("partitioned "), relation.name, revision)


def differs(attribute: str, new: Relation, old: Relation) -> Repair:
    """Repair one attribute of an existing table or view."""
    name = quoted(new.name)
    if attribute == "comment":
        return harmless(repair_comments.required(new.kind, name, new.comment))
    if attribute == "persistence":
        word = "unlogged" if new.persistence == "unlogged" else "logged"
        return harmless(Statement(Phase.COLUMN, f"alter table {name} set {word};"), note="the table is rewritten")
    if attribute == "options":
        removed = [option.partition("=")[0] for option in set(old.options) - set(new.options)]
        lines = [f"alter {new.kind} {name} reset ({', '.join(sorted(removed))});"] if removed else []
        lines += [f"alter {new.kind} {name} set ({', '.join(new.options)});"] if new.options else []
        return harmless(*(Statement(Phase.COLUMN, line) for line in lines))
    if attribute == "row security":
        verbs = {"on": ("enable", "no force"), "forced": ("enable", "force"), "off": ("disable", "no force"),
                 "off, though forced": ("disable", "force")}[new.row_security]  # fmt: skip
        lines = [f"alter table {name} {verb} row level security;" for verb in verbs]
        return decision("who may see which rows depends on it", *(Statement(Phase.COLUMN, line) for line in lines))
    if attribute == "definition" and new.kind == "view":
        replace = f"create or replace view {name} as\n{new.definition}"
        return decision("somebody changed the view", Statement(Phase.PROGRAM, replace))
    return decision("no statement can make up for this and keep every value; ask who changed it")
