"""Builds the catalogue of every revision: runs the history in a scratch database and reads it after each step."""

import logging
import re
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot import database, silence
from surefoot.catalogue import packaged, reader, revision_names
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.revision_names import Name, Names
from surefoot.environment import alembic_api, snapshot_file
from surefoot.program import program
from surefoot.revision_catalogues.cache import CatalogueCache
from surefoot.runtime import error_translation
from surefoot.runtime.session import server_settings
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings

CREATES = re.compile(r"\bcreate\b", re.IGNORECASE)


def history(script: ScriptDirectory) -> list[Script]:
    """Return every revision, oldest first. Raises UsageError for a revision file that cannot be loaded."""
    try:
        return list(script.walk_revisions("base", "heads"))[::-1]
    except Exception as fault:
        raise error_translation.translate(fault, None) from fault


def catalogues(settings: Settings, url: URL, *, keep: bool = True) -> Mapping[str, Catalogue]:
    """Return the catalogue of every revision, oldest first.

    They are taken from `catalogues.xz` and from the user's cache folder. Where one is missing, all are built in a
    scratch database on the server of `url`, whose own database is not touched, and cached; without `keep` all are built
    and none is cached. Raises what a migration raises, and UsageError where no scratch database can be created.
    """
    return {revision: reader.catalogue_from_text(text) for revision, text in _texts(settings, url, keep=keep).items()}


def catalogue(settings: Settings, url: URL, revision: str, revisions: Sequence[Script] | None = None) -> Catalogue:
    """Return the catalogue of one revision, as `catalogues` does; `revisions` is the `history` if the caller has it."""
    revisions = revisions or history(alembic_api.script(settings))
    kept = CatalogueCache(revisions, settings.project.name)
    known = packaged.read(_folder(settings), revisions).get(revision) or kept.read(revision)
    return reader.catalogue_from_text(known if known is not None else _texts(settings, url)[revision])


def write_packaged(settings: Settings, url: URL) -> None:
    """Build the catalogue and the created names of every revision, and write `catalogues.xz` and `names.jsonl`."""
    revisions = history(alembic_api.script(settings))
    during: dict[str, set[Name]] = {}
    texts = _build(settings, url, during)
    packaged.write(_folder(settings), revisions, texts)
    revision_names.write(_folder(settings), revisions, _steps(texts, during))


def created_names(settings: Settings, url: URL, revisions: Sequence[Script]) -> Mapping[str, Names]:
    """Return the names that each revision creates and removes, from `names.jsonl` or else built.

    `revisions` is the whole `history`.
    """
    known = revision_names.read(_folder(settings), revisions)
    if len(known) == len(revisions):
        return known
    return {**known, **_steps(_texts(settings, url), {}, known)}


def _steps(
    texts: Mapping[str, str], during: Mapping[str, set[Name]], known: Container[str] = frozenset()
) -> dict[str, Names]:
    """Return the names of each revision but the `known` ones.

    `texts` are in the order in which the revisions ran, across branches.
    """
    names_at = cache(lambda revision: set(revision_names.names_in(reader.catalogue_from_text(texts[revision]))))
    return {
        revision: revision_names.names_of_step(
            names_at(before) if before else (), during.get(revision, ()), names_at(revision)
        )
        for before, revision in zip((None, *texts), texts, strict=False)
        if revision not in known
    }


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
            newer = {revision.revision for revision in revisions} - known.keys()
            built = _build(settings, url, only=newer)
            for revision in newer:
                kept.write(revision, built[revision])
            return built if len(built) == len(revisions) else known | built
        known[each.revision] = text
    return {each.revision: known[each.revision] for each in revisions}


def _build(
    settings: Settings, url: URL, during: dict[str, set[Name]] | None = None, only: Set[str] | None = None
) -> dict[str, str]:
    """Build the catalogues as JSON text; add the names that existed while each revision ran to `during`.

    With `only` perhaps no more than those of these revisions: the scratch database begins at the snapshot where none of
    them comes before that.
    """
    silence.doing("the catalogues of the revisions are built in a scratch database")
    config = Config(str(settings.project.ini))
    snapshot = snapshot_file.usable(_folder(settings)) if only is not None else None
    config.attributes["snapshot"] = snapshot is not None and only is not None and only.isdisjoint(snapshot.stands_for)
    texts: dict[str, str] = {}
    recorder = _NameRecorder()

    def after_revision(connection: Connection, revision: str) -> None:
        texts[revision] = reader.read_text(connection)
        if during is not None:
            # a name that contains the revision's id cannot conflict with another object
            during[revision] = {name for name in recorder.names if revision not in name.name}
            recorder.names.clear()

    with scratch_database(url, purpose="identify") as scratch:
        options = server_settings(settings) | {"synchronous_commit": "off"}
        engine = database.engine_for(scratch, application_name=f"{program()} identify", options=options)
        if during is not None:
            sa.event.listen(engine, "after_cursor_execute", recorder)
        config.attributes["connection"] = engine
        config.attributes["later"] = False
        config.attributes["applied"] = after_revision
        with _without_progress():
            command.upgrade(config, "heads")
    return texts


@dataclass(eq=False)
class _NameRecorder:
    """Reads the names after each CREATE, because a revision may drop an object again before it ends."""

    names: set[Name] = field(default_factory=set)
    _reading: bool = False

    def __call__(self, connection: Connection, cursor: object, statement: str, *_: object) -> None:
        """Handle SQLAlchemy's event `after_cursor_execute`."""
        del cursor
        if not self._reading and CREATES.search(statement):
            self._reading = True
            try:
                # an operation may have another search_path at this moment; a scratch database is built in public
                self.names.update(revision_names.names_in(reader.read_catalogue(connection, "public")))
            finally:
                self._reading = False


@contextmanager
def _without_progress() -> Iterator[None]:
    """Silence "Running upgrade …", which an operator would take for a change of their own database."""
    loggers = [logging.getLogger(name) for name in ("surefoot", "alembic.runtime.migration")]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.WARNING)
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
