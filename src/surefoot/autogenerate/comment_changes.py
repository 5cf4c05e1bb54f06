"""COMMENT ON for objects for which Alembic has no operation."""

from surefoot.autogenerate.compared_sides import text
from surefoot.autogenerate.directives import Sql
from surefoot.autogenerate.planned_change import Change, HeldLock, Lock, Phase


def comment(kind: str, name: str, words: str | None, table: str | None = None) -> Change:
    """Return the change `comment on <kind> <name>`; `name` is quoted. None as `words` removes the comment."""
    locks = (HeldLock(table, Lock.QUIET, "for comments"),) if table else ()
    return Change(Phase.COMMENT, Sql(f"comment on {kind} {name} is {'null' if words is None else text(words)}"), locks)
