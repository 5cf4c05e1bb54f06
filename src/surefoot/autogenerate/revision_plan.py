"""Plan one direction of a revision: the list of its changes, sorted by phase."""

from collections.abc import Iterator

from surefoot.autogenerate.compared_sides import Direction
from surefoot.autogenerate.directives import Unfinished
from surefoot.autogenerate.planned_change import Change, Phase
from surefoot.autogenerate.routines_and_views import functions, views
from surefoot.autogenerate.table_changes import tables
from surefoot.autogenerate.types_and_sequences import types_and_sequences
from surefoot.catalogue.differences import Difference


def plan(direction: Direction, difference: Difference) -> list[Change]:
    """Return the changes that make the current side equal to the target, sorted by phase.

    Where an upgrade would be empty despite a `difference`, the author is left one `op.unfinished` for each line of it.
    """
    changes = sorted(_all(direction), key=lambda change: change.phase)
    if not changes and direction.upgrading:
        return [Change(Phase.ASK, Unfinished(line)) for line in difference.lines()]
    return changes


def _all(direction: Direction) -> Iterator[Change]:
    yield from types_and_sequences(direction)
    yield from functions(direction)
    yield from tables(direction)
    yield from views(direction)
