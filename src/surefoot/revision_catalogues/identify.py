"""Which revision a database equals, whatever `alembic_version` says or does not say."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import URL

from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import between_revisions, build
from surefoot.runtime import interrupted_run, preconditions
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings


@dataclass(frozen=True)
class Identity:
    """What a database is: `recorded` is what `alembic_version` has, `unknown` what of it no file has."""

    recorded: tuple[str, ...]
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
    def consistent(self) -> bool:
        """Whether the database is what `alembic_version` says it is."""
        equal = (len(self.recorded) == 1 and self.recorded[0] in self.equals) or (self.empty and not self.recorded)
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
    script = alembic_api.script(settings)
    messages = {each.revision: each.doc or "" for each in build.history(script)}
    with read_connection(url, f"{program()} identify") as connection:
        says, found = heads(connection), read_catalogue(connection)
        begun, hidden = interrupted_run.find(connection, script, says), preconditions.hidden_rows_error(connection)
    unknown = tuple(head for head in says if head not in messages)
    nothing = Difference(())
    if not (found.relations or found.enums or found.functions or found.sequences):
        return Identity(says, unknown, (), None, nothing, messages, begun)
    expected = build.catalogues(settings, url, keep=keep)
    begun = begun or between_revisions.find_unfinished(script, says, found, expected.__getitem__)
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
