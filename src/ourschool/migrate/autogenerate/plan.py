"""One direction of a revision as a list of changes in their order, and what its docstring says of them."""

from collections.abc import Iterator

from ourschool.migrate.autogenerate.change import Change
from ourschool.migrate.autogenerate.kinds import kinds
from ourschool.migrate.autogenerate.programs import functions, views
from ourschool.migrate.autogenerate.sides import Way
from ourschool.migrate.autogenerate.tables import tables


def plan(way: Way) -> list[Change]:
    """Everything that makes the current side the target, each where nothing before it misses it."""
    return sorted(_all(way), key=lambda change: change.phase)


def _all(way: Way) -> Iterator[Change]:
    yield from kinds(way)
    yield from functions(way)
    yield from tables(way)
    yield from views(way)
