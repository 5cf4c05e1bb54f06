"""Repairs of rewrite rules, extended statistics and the replica identity of tables."""

from surefoot.catalogue.relations import Relation, Rule, Statistics
from surefoot.operate.adopt import repair_comments
from surefoot.operate.adopt.adopt_findings import Phase, Repair, Statement, decision, harmless, quoted

SWITCH = {"on": "enable", "off": "disable", "on replicas only": "enable replica", "always": "enable always"}


def rule(table: str, attribute: str, new: Rule | None, old: Rule | None) -> Repair:
    """Create a missing rule, switch one on or off, or drop an unexpected one, which is a decision."""
    on = quoted(table)
    if new is None:
        assert old is not None
        what = "writes to the table get lost by it" if old.swallows else "what it did is no longer done without it"
        drop = Statement(Phase.ASIDE, f"drop rule {quoted(old.name)} on {on};")
        return decision(f"somebody's own rule: {what}", drop, undo=f"{old.definition};")
    if old is not None and attribute == "enabled":
        return harmless(Statement(Phase.PROGRAM, f"alter table {on} {SWITCH[new.enabled]} rule {quoted(new.name)};"))
    if old is not None and attribute == "comment":
        return harmless(repair_comments.required("rule", f"{quoted(new.name)} on {on}", new.comment))
    create = Statement(Phase.PROGRAM, f"{new.definition.replace('CREATE RULE', 'CREATE OR REPLACE RULE', 1)};")
    if old is not None:
        return decision("somebody changed it", create, undo=f"{old.definition};")
    return harmless(create, *repair_comments.optional("rule", f"{quoted(new.name)} on {on}", new.comment))


def statistics(attribute: str, new: Statistics | None, old: Statistics | None) -> Repair:
    """Create missing statistics, or drop unexpected ones: no row changes, only how queries are planned."""
    if new is None:
        assert old is not None
        drop = Statement(Phase.ASIDE, f"drop statistics {quoted(old.name)};")
        return decision("queries may be planned otherwise without them", drop, undo=f"{old.definition};")
    name = quoted(new.name)
    if old is not None and attribute == "comment":
        return harmless(repair_comments.required("statistics", name, new.comment))
    create = Statement(Phase.PROGRAM, f"{new.definition};")
    if old is not None:
        drop = Statement(Phase.ASIDE, f"drop statistics {name};")
        return decision("somebody changed them", drop, create, undo=f"{old.definition};")
    return harmless(create, *repair_comments.optional("statistics", name, new.comment))


def replica_identity(new: Relation) -> Repair:
    """Set the replica identity: subscribers find the rows of an UPDATE or a DELETE by it."""
    by = new.replica_identity.replace("index ", "using index ", 1)
    line = f"alter table {quoted(new.name)} replica identity {by};"
    return decision("a subscriber finds the rows that change by it", Statement(Phase.CONSTRAINT, line))
