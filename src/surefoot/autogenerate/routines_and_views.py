"""Replace functions, views, triggers and policies by their new definitions."""

from collections.abc import Iterator

from surefoot.autogenerate import parsed_definitions
from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.matching import changed_pairs
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.autogenerate.type_changes import changing_columns
from surefoot.catalogue.model import Function
from surefoot.catalogue.relations import Policy, Relation, Trigger

_ENABLED = {"on": "enable", "off": "disable", "on replicas only": "enable replica", "always": "enable always"}


def functions(direction: Direction) -> Iterator[Change]:
    """Yield the changes of functions and procedures, before the tables whose triggers call them."""
    for old, new in changed_pairs(direction.current.catalogue.functions, direction.target.catalogue.functions):
        if new is None:
            assert old is not None
            yield Change(Phase.DROP_FUNCTION, Sql(f"drop {old.kind} if exists {old.name}"))
            continue
        if old is None or old.definition != new.definition:
            yield from _function(old, new)
        if (old.comment if old else None) != new.comment:
            yield comment(new.kind, new.name, new.comment)


def _function(old: Function | None, new: Function) -> Iterator[Change]:
    if new.kind == "aggregate" or (old is not None and old.kind != new.kind):
        yield Change(Phase.ASK, Unfinished(f"{new.kind} {new.name} has to be made: {new.definition}"))
        return
    if old is not None and _returns(old) != _returns(new):
        yield Change(Phase.CREATE_FUNCTION, Sql(f"drop {old.kind} if exists {old.name}"))
    body = new.definition.rstrip("\n")
    if "BEGIN ATOMIC" in body:  # what it uses has to be there
        yield Change(Phase.CREATE_DEPENDENT, Sql(body))
        return
    if " LANGUAGE sql" in body:  # it may use tables and columns that the revision adds later
        yield Change(Phase.CREATE_FUNCTION, Sql("set local check_function_bodies = off"))
    yield Change(Phase.CREATE_FUNCTION, Sql(body))


def _returns(function: Function) -> str:
    return next((line.strip() for line in function.definition.splitlines() if line.startswith(" RETURNS ")), "")


def views(direction: Direction) -> Iterator[Change]:
    """Yield the changes of views, dropped before the tables that they read change, and created after."""
    kinds = {"view", "materialized view"}
    current = [each for each in direction.current.catalogue.relations if each.kind in kinds]
    target = [each for each in direction.target.catalogue.relations if each.kind in kinds]
    affected = _affected(direction, current, target)
    for old in reversed(_ordered([old for old in current if old.name in affected])):
        yield Change(Phase.DROP_DEPENDENT, Sql(f"drop {old.kind} if exists {quoted(old.name)}"))
    created = _ordered([new for new in target if new.name in affected])
    for new in created:
        options = f" with ({', '.join(new.options)})" if new.options else ""
        word = "create materialized view if not exists" if new.kind == "materialized view" else "create or replace view"
        query = (new.definition or "").rstrip().removesuffix(";")
        yield Change(Phase.CREATE_DEPENDENT, Sql(f"{word} {quoted(new.name)}{options} as\n{query}"))
        for index in new.indexes:
            sql = index.definition.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1)
            yield Change(Phase.CREATE_DEPENDENT, Sql(sql))
    existing = {old.name: old.comment for old in current if old.name not in affected}
    for new in target:
        if existing.get(new.name) != new.comment:
            yield comment(new.kind, quoted(new.name), new.comment)


def _affected(direction: Direction, current: list[Relation], target: list[Relation]) -> set[str]:
    """Return the views that differ, and those that read one, a column that goes or changes, or changed labels."""
    existing, expected = ({view.name: _compared_parts(view) for view in views} for views in (current, target))
    affected = {name for name in existing.keys() | expected.keys() if existing.get(name) != expected.get(name)}
    touched = {
        name
        for name, table in direction.current.relations.items()
        if _loses(table, direction.target.relations.get(name))
        or (table.kind.endswith("table") and any(changing_columns(direction, name)))
    } | {
        new.name
        for old, new in changed_pairs(direction.current.catalogue.enums, direction.target.catalogue.enums)
        if old is not None and new is not None and old.labels != new.labels
    }
    while True:
        more = {
            view.name
            for view in (*current, *target)
            if any(
                parsed_definitions.mentions(view.definition or "", name) for name in (affected | touched) - {view.name}
            )
        }
        if more <= affected:
            return affected
        affected |= more


def _compared_parts(view: Relation) -> tuple[object, ...]:
    return view.kind, view.definition, view.options, view.indexes


def _loses(current: Relation, target: Relation | None) -> bool:
    if not current.kind.endswith("table"):
        return False
    existing = {(column.name, column.type, column.collation) for column in (target.columns if target else ())}
    return not {(column.name, column.type, column.collation) for column in current.columns} <= existing


def _ordered(relations: list[Relation]) -> list[Relation]:
    """Return the views, each after those that its query mentions."""
    left = {relation.name: relation for relation in relations}
    ordered: list[Relation] = []
    while left:
        free = next(
            (
                name
                for name, relation in left.items()
                if not any(
                    parsed_definitions.mentions(relation.definition or "", other) for other in left if other != name
                )
            ),
            next(iter(left)),
        )
        ordered.append(left.pop(free))
    return ordered


def on_table(current: Relation, target: Relation) -> Iterator[Change]:
    """Yield the changes of the triggers and policies of a table."""
    yield from _triggers(current, target)
    table = quoted(target.name)
    for old, new in changed_pairs(current.policies, target.policies):
        drop = f"drop policy if exists {quoted((new or old).name)} on {table}"  # type: ignore[union-attr]  # one is there
        locks = (HeldLock(target.name, Lock.BRIEF, "for its policies"),)
        if new is None or (old is not None and old.definition != new.definition):
            yield Change(Phase.DROP_DEPENDENT, Sql(drop), locks)
        if new is not None and (old is None or old.definition != new.definition):
            yield Change(Phase.CREATE_DEPENDENT, Sql(drop, _create_policy(table, new)), locks)
        if new is not None and new.comment != (old.comment if old and old.definition == new.definition else None):
            yield comment("policy", f"{quoted(new.name)} on {table}", new.comment, target.name)


def _triggers(current: Relation, target: Relation) -> Iterator[Change]:
    table = quoted(target.name)
    locks = (HeldLock(target.name, Lock.FOREIGN_KEY, "for its triggers"),)
    for old, new in changed_pairs(current.triggers, target.triggers):
        drop = f"drop trigger if exists {quoted((new or old).name)} on {table}"  # type: ignore[union-attr]  # one is there
        same = old is not None and new is not None and old.definition == new.definition
        if new is None:
            yield Change(Phase.DROP_DEPENDENT, Sql(drop), (HeldLock(target.name, Lock.BRIEF, "for its triggers"),))
            continue
        if not same:
            yield Change(Phase.CREATE_DEPENDENT, _create_trigger(drop, new), locks)
        if new.enabled != (old.enabled if old and same else "on"):
            sql = f"alter table {table} {_ENABLED[new.enabled]} trigger {quoted(new.name)}"
            yield Change(Phase.CREATE_DEPENDENT, Sql(sql), locks)
        if new.comment != (old.comment if old and same else None):
            yield comment("trigger", f"{quoted(new.name)} on {table}", new.comment, target.name)


def _create_trigger(drop: str, trigger: Trigger) -> Sql:
    if trigger.definition.startswith("CREATE CONSTRAINT TRIGGER"):
        return Sql(drop, trigger.definition)
    return Sql(trigger.definition.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1))


def _create_policy(table: str, policy: Policy) -> str:
    return f"create policy {quoted(policy.name)} on {table} as {policy.definition}"
