"""Comments on what Alembic has no operation for."""

from surefoot.autogenerate.compared_sides import text
from surefoot.autogenerate.directives import Sql
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase


def comment(kind: str, name: str, words: str | None, table: str | None = None) -> Change:
    """`comment on <kind> <name>`, the name as SQL writes it; None takes a comment away."""
    held = (HeldLock(table, Lock.QUIET, "for comments"),) if table else ()
    return Change(Phase.COMMENT, Sql(f"comment on {kind} {name} is {'null' if words is None else text(words)}"), held)
