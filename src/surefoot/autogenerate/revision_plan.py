"""Plan one direction of a revision: the list of its changes, sorted by phase."""

from collections.abc import Iterable, Iterator

from surefoot.autogenerate.compared_sides import Direction, quoted
from surefoot.autogenerate.directives import Sql, Unfinished
from surefoot.autogenerate.planned_change import Change, Phase
from surefoot.autogenerate.routines_and_views import functions, views
from surefoot.autogenerate.table_changes import tables
from surefoot.autogenerate.types_and_sequences import types_and_sequences
from surefoot.catalogue.differences import Difference


def plan(direction: Direction, difference: Difference, extensions: Iterable[str] = ()) -> list[Change]:
    """Return the changes that make the current side equal to the target, sorted by phase.

    `extensions` are created first: those that the models create and the database lacks. No downgrade drops one, for
    others may use it. Where an upgrade would be empty despite a `difference`, the author is left one `op.unfinished`
    for each line of it.
    """
    changes = sorted((*map(_extension, extensions), *_all(direction)), key=lambda change: change.phase)
    if not changes and direction.upgrading:
        return [Change(Phase.ASK, Unfinished(line)) for line in difference.lines()]
    return changes


def _extension(name: str) -> Change:
    statement = f"create extension if not exists {quoted(name)}"
    return Change(Phase.ASK, Sql(statement, remark="It stays on the way down: others may use it."))


def _all(direction: Direction) -> Iterator[Change]:
    yield from types_and_sequences(direction)
    yield from functions(direction)
    yield from tables(direction)
    yield from views(direction)
