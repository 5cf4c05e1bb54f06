"""A database between two revisions, recognised by its catalogue where neither the journal nor a name tells of it."""

from collections.abc import Callable

from alembic.script import ScriptDirectory

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Deviation, Kind
from surefoot.catalogue.model import Catalogue
from surefoot.runtime.interrupted_run import Chain, CutOff

Expected = Callable[[str], Catalogue]
"""The catalogue of a revision."""


def find_unfinished(
    script: ScriptDirectory, heads: tuple[str, ...], found: Catalogue, expected: Expected
) -> CutOff | None:
    """The revision that `found` is on the way to, or back from; `heads` is what alembic_version says."""
    chain = Chain(script, heads)
    if len(heads) != 1 or not chain.can_be_unfinished(heads[0], "downgrade"):
        return None
    here = compare(expected(heads[0]), found).deviations
    for each, direction in chain.unfinished_candidates() if here else ():
        other = each.revision if direction == "upgrade" else each.down_revision
        if isinstance(other, str) and is_between(here, compare(expected(other), found).deviations):
            return chain.cut_off(each.revision, direction)
    return None


def is_between(here: tuple[Deviation, ...], there: tuple[Deviation, ...]) -> bool:
    """Whether all that sets a database apart from where it is, is as where it is going to, and something still is not.

    A thing that is wholly there, or built but not proven yet, counts; a table or a column that only has its name in
    common with the one that is wanted does not.
    """
    wrong = [each for each in there if each.attribute != "valid"]
    pairs, things = {(each.what, each.attribute) for each in wrong}, {each.what for each in wrong}
    strange = {f"table {each.sides.table}" for each in wrong if each.kind is not Kind.MISSING}

    def explained(each: Deviation) -> bool:
        if each.attribute is None:
            return each.what not in things | strange
        return not {(each.what, each.attribute), (each.what, None)} & pairs

    return bool(here) and all(map(explained, here))
