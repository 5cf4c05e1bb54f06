"""Repairs of enum types, triggers, policies, functions and domains."""

from collections.abc import Iterator

from surefoot.catalogue.model import Catalogue, EnumType, Function
from surefoot.catalogue.relations import Policy, Trigger
from surefoot.operate.adopt import repair_comments
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, literal, quoted
from surefoot.operate.adopt.repair_columns import row_count
from surefoot.operate.adopt.repair_counts import RowQueries


def enum_missing(new: EnumType) -> Repair:
    """Create the type with its comment."""
    comment = repair_comments.optional("type", quoted(new.name), new.comment)
    return harmless(Statement(Phase.TYPE, f"{_create(new)};"), *comment)


def enum_differs(attribute: str, new: EnumType, old: EnumType, found: Catalogue, queries: RowQueries) -> Repair:
    """Add and rename labels. A label is removed only if no row has it, and if somebody decides so."""
    if attribute == "comment":
        return harmless(repair_comments.required("type", quoted(new.name), new.comment))
    removed = [label for label in old.labels if label not in new.labels]
    added = [label for label in new.labels if label not in old.labels]
    if not removed and [label for label in new.labels if label in old.labels] == list(old.labels):
        return harmless(*(Statement(Phase.TYPE, line) for line in _added(new, added)))
    if len(removed) == len(added) == 1 and old.labels.index(removed[0]) == new.labels.index(added[0]):
        rename = f"alter type {quoted(new.name)} rename value {literal(removed[0])} to {literal(added[0])};"
        return decision(
            f"is {removed[0]} another word for {added[0]}? Then every row that holds it keeps its meaning",
            Statement(Phase.TYPE, rename),
        )
    columns = [(table.name, column.name) for table in found.tables for column in table.columns
              if column.type == quoted(new.name)]  # fmt: skip
    used = queries.rows_with_labels(columns, removed) if removed else 0
    if used != 0:
        return decision(
            f"{row_count(used)} hold{'s' if used == 1 else ''} {', '.join(removed)}: say what they should hold"
        )
    note = f"no row holds {', '.join(removed)}, but something may write it" if removed else "only the order differs"
    return decision(note, *_replace_type(new, found))


def _added(new: EnumType, added: list[str]) -> Iterator[str]:
    for label in added:
        place = new.labels.index(label)
        where = f"after {literal(new.labels[place - 1])}" if place else f"before {literal(new.labels[1])}"
        yield f"alter type {quoted(new.name)} add value {literal(label)} {where};"


def _replace_type(new: EnumType, found: Catalogue) -> Iterator[Statement]:
    """Create the type again with the expected labels, and convert every column to it."""
    name, before = quoted(new.name), quoted(f"{new.name}_before")
    yield Statement(Phase.TYPE, f"alter type {name} rename to {before};")
    yield Statement(Phase.TYPE, f"{_create(new)};")
    for table in found.tables:
        for column in table.columns:
            if column.type == name:
                on = f"alter table {quoted(table.name)} alter column {quoted(column.name)}"
                lines = [f"{on} type {name} using {quoted(column.name)}::text::{name};"]
                if column.default:
                    lines = [f"{on} drop default;", *lines, f"{on} set default {column.default};"]
                yield from (Statement(Phase.TYPE, line) for line in lines)
    yield Statement(Phase.TYPE, f"drop type {before};")
    yield from repair_comments.optional("type", name, new.comment)


def trigger_missing(new: Trigger) -> Repair:
    """Create the trigger."""
    return harmless(Statement(Phase.PROGRAM, f"{new.definition};"))


def trigger_unexpected(table: str, old: Trigger) -> Repair:
    """Drop the trigger. It is somebody's own program, so that is a decision."""
    return decision(
        "somebody's own program: without it, what it did is no longer done",
        Statement(Phase.ASIDE, f"drop trigger {quoted(old.name)} on {quoted(table)};"),
        undo=f"{old.definition};",
    )


def trigger_differs(table: str, attribute: str, new: Trigger, old: Trigger) -> Repair:
    """Enable or disable the trigger as expected, or create it again."""
    name = quoted(new.name)
    if attribute == "enabled":
        verb = {"on": "enable", "off": "disable", "on replicas only": "enable replica", "always": "enable always"}
        switch = f"alter table {quoted(table)} {verb[new.enabled]} trigger {name};"
        return harmless(Statement(Phase.PROGRAM, switch))
    if attribute == "comment":
        return harmless(repair_comments.required("trigger", f"{name} on {quoted(table)}", new.comment))
    drop = Statement(Phase.PROGRAM, f"drop trigger {name} on {quoted(table)};")
    return decision(
        "somebody changed it", drop, Statement(Phase.PROGRAM, f"{new.definition};"), undo=f"{old.definition};"
    )


def policy(table: str, old: Policy | None) -> Repair:
    """Drop an unexpected policy. An expected one is not written, because the roles it names may not exist here."""
    if old is None:
        return decision("who may see which rows depends on it; write it as the revision has it")
    drop = f"drop policy {quoted(old.name)} on {quoted(table)};"
    return decision(f"who may see which rows depends on it: {old.definition}", Statement(Phase.ASIDE, drop))


def function(attribute: str | None, new: Function) -> Repair:
    """Create or replace the function by its definition."""
    if new.kind not in {"function", "procedure"}:
        return decision(f"the {new.kind} is best made by the revision that has it")
    if attribute == "comment":
        return harmless(repair_comments.required(new.kind, new.name, new.comment))
    statement = Statement(Phase.PROGRAM, f"{new.definition.rstrip()};")
    return harmless(statement) if attribute is None else decision("somebody changed it", statement)


def _create(new: EnumType) -> str:
    return f"create type {quoted(new.name)} as enum ({', '.join(map(literal, new.labels))})"
