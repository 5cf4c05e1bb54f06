"""Which revision a database equals, whatever `alembic_version` says or does not say."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import URL

from ourschool.errors import RefusedError
from ourschool.migrate import cut_off, refusals
from ourschool.migrate.cut_off import CutOff
from ourschool.operate import alembic_here
from ourschool.operate.expected import built, half_way
from ourschool.operate.looking import heads, look
from ourschool.schema.catalogue import Catalogue
from ourschool.schema.deviations import Difference
from ourschool.schema.difference import compare
from ourschool.schema.snapshot import take
from ourschool.settings import Settings


@dataclass(frozen=True)
class Identity:
    """What a database is: `says` is what `alembic_version` has, `unknown` what of it no file has."""

    says: tuple[str, ...]
    unknown: tuple[str, ...]
    equals: tuple[str, ...]
    """The revisions whose catalogue it has, oldest first: several where a revision changes rows alone."""
    nearest: str | None
    """Where it equals none, the revision with the fewest deviations; None for a database without tables."""
    difference: Difference
    """What sets it apart from `nearest`; empty where it equals a revision."""
    messages: Mapping[str, str]
    """What each revision of the files is about."""
    cut_off: CutOff | None = None
    """The revision that was begun and not finished: it explains why the database equals nothing."""
    hidden: RefusedError | None = None
    """What row security hides from this role; it is no part of any revision."""

    @property
    def in_step(self) -> bool:
        """Whether the database is what `alembic_version` says it is."""
        equal = (len(self.says) == 1 and self.says[0] in self.equals) or (self.empty and not self.says)
        return equal and self.cut_off is None

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.equals and self.nearest is None


def identify(settings: Settings, url: URL, *, keep: bool = True) -> Identity:
    """Compare the database of `url` with what it would be at each revision, built in a scratch database.

    `keep` lets the built catalogues be taken from, and put into, the user's cache folder. Raises ConnectFailed, what a
    migration raises, and UsageError where there is no room for a scratch database.
    """
    script = alembic_here.script(settings)
    messages = {each.revision: each.doc or "" for each in built.history(script)}
    with look(url, built.APPLICATION) as connection:
        says, found = heads(connection), take(connection)
        begun, hidden = cut_off.find(connection, script, says), refusals.hides(connection)
    unknown = tuple(head for head in says if head not in messages)
    nothing = Difference(())
    if not (found.relations or found.enums or found.functions or found.sequences):
        return Identity(says, unknown, (), None, nothing, messages, begun)
    expected = built.catalogues(settings, url, keep=keep)
    begun = begun or half_way.seen(script, says, found, expected.__getitem__)
    equals = tuple(revision for revision in messages if expected[revision] == found)
    if equals:
        return Identity(says, unknown, equals, None, nothing, messages, begun)
    nearest, difference = _nearest(expected, found, says)
    return Identity(says, unknown, (), nearest, difference, messages, begun, hidden)


def _nearest(expected: Mapping[str, Catalogue], found: Catalogue, says: tuple[str, ...]) -> tuple[str, Difference]:
    """The revision with the fewest deviations; of several the one that the database names, else the newest."""
    compared = {revision: compare(catalogue, found) for revision, catalogue in expected.items()}
    newest_first = list(compared)[::-1]
    nearest = min(newest_first, key=lambda revision: (len(compared[revision].deviations), revision not in says))
    return nearest, compared[nearest]
