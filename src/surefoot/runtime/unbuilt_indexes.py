"""Indexes that a revision left for later: a database without them is what its revision makes, until they are built."""

import dataclasses
from collections.abc import Iterable

from sqlalchemy.engine import Connection

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Relation
from surefoot.runtime import work_queue
from surefoot.runtime.work_queue import Entry


def names(connection: Connection) -> frozenset[str]:
    """Return the names of the indexes in the queue that are not built, or only half."""
    return named_in(work_queue.read(connection))


def named_in(queue: Iterable[Entry]) -> frozenset[str]:
    """Return the same of a queue that was read."""
    return frozenset(each.name for each in queue if each.is_open and each.kind == work_queue.INDEX)


def as_if_built(unbuilt: frozenset[str], expected: Catalogue, found: Catalogue) -> Catalogue:
    """Return `found`, the catalogue of a database, with the indexes named in `unbuilt` as `expected` has them."""
    if not unbuilt:
        return found
    known = {each.name: each for each in expected.relations}
    relations = (_as_if_built(known.get(each.name, each), each, unbuilt) for each in found.relations)
    return dataclasses.replace(found, relations=tuple(relations))


def _as_if_built(expected: Relation, found: Relation, unbuilt: frozenset[str]) -> Relation:
    meant = [each for each in expected.indexes if each.name in unbuilt]
    there = [each for each in found.indexes if each.name not in {one.name for one in meant}]
    return dataclasses.replace(found, indexes=tuple(sorted([*there, *meant], key=lambda each: each.name)))
