"""Replace the rules, extended statistics and replica identity of a table by the new ones."""

from collections.abc import Iterator

from surefoot.autogenerate.comment_changes import comment
from surefoot.autogenerate.compared_sides import quoted
from surefoot.autogenerate.directives import Sql
from surefoot.autogenerate.matching import changed_pairs
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase
from surefoot.catalogue.relations import Relation

_ENABLED = {"on": "enable", "off": "disable", "on replicas only": "enable replica", "always": "enable always"}


def on_table(current: Relation, target: Relation) -> Iterator[Change]:
    """Yield the changes of what a table has of these."""
    yield from _rules(current, target)
    yield from _statistics(current, target)
    if current.replica_identity != target.replica_identity:
        by = target.replica_identity.replace("index ", "using index ", 1)
        yield Change(
            Phase.CREATE_DEPENDENT,
            Sql(f"alter table {quoted(target.name)} replica identity {by}"),
            (HeldLock(target.name, Lock.BRIEF, "for its replica identity"),),
        )


def _rules(current: Relation, target: Relation) -> Iterator[Change]:
    table, locks = quoted(target.name), (HeldLock(target.name, Lock.BRIEF, "for its rules"),)
    for old, new in changed_pairs(current.rules, target.rules):
        if new is None:
            assert old is not None
            yield Change(Phase.DROP_DEPENDENT, Sql(f"drop rule if exists {quoted(old.name)} on {table}"), locks)
            continue
        same = old is not None and old.definition == new.definition
        if not same:
            create = new.definition.replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)
            yield Change(Phase.CREATE_DEPENDENT, Sql(create), locks)
        if new.enabled != (old.enabled if old and same else "on"):
            switch = f"alter table {table} {_ENABLED[new.enabled]} rule {quoted(new.name)}"
            yield Change(Phase.CREATE_DEPENDENT, Sql(switch), locks)
        if new.comment != (old.comment if old and same else None):
            yield comment("rule", f"{quoted(new.name)} on {table}", new.comment, target.name)


def _statistics(current: Relation, target: Relation) -> Iterator[Change]:
    locks = (HeldLock(target.name, Lock.QUIET, "for its statistics"),)
    for old, new in changed_pairs(current.statistics, target.statistics):
        same = old is not None and new is not None and old.definition == new.definition
        if old is not None and not same:
            yield Change(Phase.DROP_DEPENDENT, Sql(f"drop statistics if exists {quoted(old.name)}"), locks)
        if new is not None and not same:
            create = new.definition.replace("CREATE STATISTICS", "CREATE STATISTICS IF NOT EXISTS", 1)
            yield Change(Phase.CREATE_DEPENDENT, Sql(create), locks)
        if new is not None and new.comment != (old.comment if old and same else None):
            yield comment("statistics", quoted(new.name), new.comment, target.name)
