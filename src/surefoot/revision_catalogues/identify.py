"""Identifies the revision that a database equals, whatever alembic_version contains."""

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
from surefoot.runtime import interrupted_run, preconditions, unbuilt_indexes
from surefoot.runtime.interrupted_run import CutOff
from surefoot.settings import Settings


@dataclass(frozen=True)
class Identity:
    """The revisions in alembic_version, the revisions that the database equals, and how the two differ."""

    recorded: tuple[str, ...]
    """The revisions in alembic_version."""
    unknown: tuple[str, ...]
    """Those of them that no revision file has."""
    equals: tuple[str, ...]
    """The revisions whose catalogue the database has, oldest first: several where a revision changes only rows."""
    nearest: str | None
    """The revision with the fewest deviations, where the database equals none; None for an empty database."""
    difference: Difference
    """The deviations from `nearest`; empty where the database equals a revision."""
    messages: Mapping[str, str]
    """The title of each revision that has a file."""
    cut_off: CutOff | None = None
    """The revision that was begun and not finished; it explains why the database equals no revision."""
    hidden: RefusedError | None = None
    """The error that a migration by this role would get because row security hides rows, where that is so."""

    @property
    def consistent(self) -> bool:
        """Return whether the database equals the revision in alembic_version, or is empty and has none."""
        equal = (len(self.recorded) == 1 and self.recorded[0] in self.equals) or (self.empty and not self.recorded)
        return equal and self.cut_off is None

    @property
    def empty(self) -> bool:
        """Return whether the database has no objects."""
        return not self.equals and self.nearest is None


def identify(settings: Settings, url: URL, *, keep: bool = True) -> Identity:
    """Compare the database of `url` with the catalogue of each revision.

    `keep` is that of `build.catalogues`. Raises ConnectFailed, what a migration raises, and UsageError where no scratch
    database can be created.
    """
    script = alembic_api.script(settings)
    messages = {each.revision: each.doc or "" for each in build.history(script)}
    with read_connection(url, f"{program()} identify") as connection:
        recorded, found = heads(connection), read_catalogue(connection)
        unbuilt = unbuilt_indexes.names(connection)
        cut_off, hidden = (
            interrupted_run.find(connection, script, recorded),
            preconditions.hidden_rows_error(connection),
        )
    unknown = tuple(head for head in recorded if head not in messages)
    nothing = Difference(())
    if not (found.relations or found.enums or found.functions or found.sequences):
        return Identity(recorded, unknown, (), None, nothing, messages, cut_off)
    expected = build.catalogues(settings, url, keep=keep)
    for head in recorded:  # which has left them for later
        found = unbuilt_indexes.as_if_built(unbuilt, expected[head], found) if head in expected else found
    cut_off = cut_off or between_revisions.find_unfinished(script, recorded, found, expected.__getitem__)
    equals = tuple(revision for revision in messages if not compare(expected[revision], found))
    if equals:
        return Identity(recorded, unknown, equals, None, nothing, messages, cut_off)
    nearest, difference = _nearest(expected, found, recorded)
    return Identity(recorded, unknown, (), nearest, difference, messages, cut_off, hidden)


def _nearest(expected: Mapping[str, Catalogue], found: Catalogue, recorded: tuple[str, ...]) -> tuple[str, Difference]:
    """Return the revision with the fewest deviations; among several the recorded one, else the newest."""
    compared = {revision: compare(catalogue, found) for revision, catalogue in expected.items()}
    newest_first = list(compared)[::-1]
    nearest = min(newest_first, key=lambda revision: (len(compared[revision].deviations), revision not in recorded))
    return nearest, compared[nearest]
