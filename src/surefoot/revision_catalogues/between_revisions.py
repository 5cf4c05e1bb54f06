"""Recognises by its catalogue a database in which a revision was cut off, where the journal has no record of that."""

from collections.abc import Callable

from alembic.script import ScriptDirectory

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Deviation, Kind
from surefoot.catalogue.model import Catalogue
from surefoot.runtime.interrupted_run import Chain, CutOff

Expected = Callable[[str], Catalogue]
"""Returns the catalogue of a revision."""


def find_unfinished(
    script: ScriptDirectory, heads: tuple[str, ...], found: Catalogue, expected: Expected
) -> CutOff | None:
    """Return the revision whose upgrade or downgrade was cut off in the database with catalogue `found`, or None.

    `heads` are the revisions in alembic_version. Only revisions that commit in parts are considered.
    """
    chain = Chain(script, heads)
    if len(heads) != 1 or not chain.can_be_unfinished(heads[0], "downgrade"):
        return None
    from_start = compare(expected(heads[0]), found).deviations
    for each, direction in chain.unfinished_candidates() if from_start else ():
        target = each.revision if direction == "upgrade" else each.down_revision
        if isinstance(target, str) and is_between(from_start, compare(expected(target), found).deviations):
            return chain.cut_off(each.revision, direction)
    return None


def is_between(from_start: tuple[Deviation, ...], from_target: tuple[Deviation, ...]) -> bool:
    """Return whether every deviation from the start is a step towards the target.

    `from_start` and `from_target` are the deviations of the database from the two revisions. An object that equals the
    target's, or is only NOT VALID yet, counts as a step. A table or column that merely has the name of one does not.
    """
    wrong = [each for each in from_target if each.attribute != "valid"]
    pairs, objects = {(each.what, each.attribute) for each in wrong}, {each.what for each in wrong}
    unlike_tables = {f"table {each.sides.table}" for each in wrong if each.kind is not Kind.MISSING}

    def explained(each: Deviation) -> bool:
        if each.attribute is None:
            return each.what not in objects | unlike_tables
        return not {(each.what, each.attribute), (each.what, None)} & pairs

    return bool(from_start) and all(map(explained, from_start))
