"""The catalogue of every revision: the history run once in a scratch database and looked at after each step."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue import packaged, reader, revision_names
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.revision_names import Name, Names
from surefoot.environment import alembic_api
from surefoot.program import program
from surefoot.revision_catalogues.cache import CatalogueCache
from surefoot.runtime import error_translation
from surefoot.runtime.session import server_settings
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings

CREATES = re.compile(r"\bcreate\b", re.IGNORECASE)


def history(script: ScriptDirectory) -> list[Script]:
    """Every revision, the oldest first. Raises UsageError for a file that cannot be read."""
    try:
        return list(script.walk_revisions("base", "heads"))[::-1]
    except Exception as fault:
        raise error_translation.translate(fault, None) from fault


def catalogues(settings: Settings, url: URL, *, keep: bool = True) -> Mapping[str, Catalogue]:
    """The catalogue of every revision, oldest first.

    What is not shipped with the revisions is built in a scratch database beside the one of `url`, which is not touched,
    and kept in the user's cache folder; without `keep` all are built. Raises what a migration raises, and UsageError
    where there is no room for a scratch database.
    """
    return {revision: reader.catalogue_from_text(text) for revision, text in _texts(settings, url, keep=keep).items()}


def catalogue(settings: Settings, url: URL, revision: str, revisions: Sequence[Script] | None = None) -> Catalogue:
    """The catalogue of one revision, as `catalogues` has it; `revisions` is the `history`, where it was read before."""
    revisions = revisions or history(alembic_api.script(settings))
    kept = CatalogueCache(revisions, settings.project.name)
    known = packaged.read(_folder(settings), revisions).get(revision) or kept.read(revision)
    return reader.catalogue_from_text(known if known is not None else _texts(settings, url)[revision])


def write_packaged(settings: Settings, url: URL) -> None:
    """Build the catalogue of every revision, and the names it makes, and put both beside their files."""
    revisions = history(alembic_api.script(settings))
    passing: dict[str, set[Name]] = {}
    texts = _build(settings, url, passing)
    packaged.write(_folder(settings), revisions, texts)
    revision_names.write(_folder(settings), revisions, _steps(texts, passing))


def created_names(settings: Settings, url: URL, revisions: Sequence[Script]) -> Mapping[str, Names]:
    """The names that each of `revisions`, the `history`, makes: those that come with the files, else built."""
    known = revision_names.read(_folder(settings), revisions)
    if len(known) == len(revisions):
        return known
    return {**_steps(_texts(settings, url), {}), **known}


def _steps(texts: Mapping[str, str], passing: Mapping[str, set[Name]]) -> dict[str, Names]:
    """What each revision makes and removes; `texts` are in the order in which they ran, two branches' among them."""
    found: dict[str, Names] = {}
    before: set[Name] = set()
    for revision, text in texts.items():
        after = set(revision_names.names_in(reader.catalogue_from_text(text)))
        found[revision] = revision_names.names_of_step(before, passing.get(revision, ()), after)
        before = after
    return found


def _folder(settings: Settings) -> Path:
    return settings.project.script_folder


def _texts(settings: Settings, url: URL, *, keep: bool = True) -> dict[str, str]:
    if not keep:
        return _build(settings, url)
    revisions = history(alembic_api.script(settings))
    kept = CatalogueCache(revisions, settings.project.name)
    known = packaged.read(_folder(settings), revisions)
    for each in revisions:
        text = known.get(each.revision) or kept.read(each.revision)
        if text is None:
            built = _build(settings, url)
            for revision in built.keys() - known.keys():
                kept.write(revision, built[revision])
            return built
        known[each.revision] = text
    return {each.revision: known[each.revision] for each in revisions}


def _build(settings: Settings, url: URL, passing: dict[str, set[Name]] | None = None) -> dict[str, str]:
    """The catalogues; into `passing` goes what was to be seen while each revision ran."""
    config = Config(str(settings.project.ini))
    seen: dict[str, str] = {}
    watch = _Watch()

    def look(connection: Connection, revision: str) -> None:
        seen[revision] = reader.read_text(connection)
        if passing is not None:
            # what carries the revision's own id is nobody else's
            passing[revision] = {name for name in watch.seen if revision not in name.name}
            watch.seen.clear()

    with scratch_database(url, purpose="identify") as scratch:
        options = server_settings(settings) | {"synchronous_commit": "off"}
        engine = database.engine_for(scratch, application_name=f"{program()} identify", options=options)
        if passing is not None:
            sa.event.listen(engine, "after_cursor_execute", watch)
        config.attributes["connection"] = engine
        config.attributes["applied"] = look
        with _unheard():
            command.upgrade(config, "heads")
    return seen


@dataclass(eq=False)
class _Watch:
    """Looks after each statement that makes something: a revision may drop it again before it is done."""

    seen: set[Name] = field(default_factory=set)
    _looking: bool = False

    def __call__(self, connection: Connection, cursor: object, statement: str, *_: object) -> None:
        """SQLAlchemy's `after_cursor_execute`."""
        del cursor
        if not self._looking and CREATES.search(statement):
            self._looking = True
            try:
                self.seen.update(revision_names.names_in(reader.read_catalogue(connection)))
            finally:
                self._looking = False


@contextmanager
def _unheard() -> Iterator[None]:
    """Who reads "Running upgrade" would think that it is their own database."""
    loggers = [logging.getLogger(name) for name in ("surefoot", "alembic.runtime.migration")]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.WARNING)
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
