"""One direction of a revision as a list of changes in their order, and what its docstring says of them."""

from collections.abc import Iterator

from surefoot.autogenerate.compared_sides import Way
from surefoot.autogenerate.directives import Unfinished
from surefoot.autogenerate.planned_change import Change, Phase
from surefoot.autogenerate.routines_and_views import functions, views
from surefoot.autogenerate.table_changes import tables
from surefoot.autogenerate.types_and_sequences import kinds
from surefoot.catalogue.differences import Difference


def plan(way: Way, difference: Difference) -> list[Change]:
    """Everything that makes the current side the target, each where nothing before it misses it.

    An upgrade is never nothing where there is a `difference`: what no rule here knows is left to the author, and said.
    """
    changes = sorted(_all(way), key=lambda change: change.phase)
    if not changes and way.upgrading:
        return [Change(Phase.ASK, Unfinished(line)) for line in difference.lines()]
    return changes


def _all(way: Way) -> Iterator[Change]:
    yield from kinds(way)
    yield from functions(way)
    yield from tables(way)
    yield from views(way)
