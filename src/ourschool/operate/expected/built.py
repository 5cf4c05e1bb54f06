"""The catalogue of every revision: the history run once in a scratch database and looked at after each step."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from ourschool import database
from ourschool.migrate import faults
from ourschool.migrate.session import server_settings
from ourschool.operate import alembic_here
from ourschool.operate.expected.kept import Kept
from ourschool.operate.scratch import scratch_database
from ourschool.schema import shipped, snapshot
from ourschool.schema.catalogue import Catalogue
from ourschool.settings import Settings

APPLICATION = "ourschool identify"


def history(script: ScriptDirectory) -> list[Script]:
    """Every revision, the oldest first. Raises UsageError for a file that cannot be read."""
    try:
        return list(script.walk_revisions("base", "heads"))[::-1]
    except Exception as fault:
        raise faults.understood(fault, None) from fault


def catalogues(settings: Settings, url: URL, *, keep: bool = True) -> Mapping[str, Catalogue]:
    """The catalogue of every revision, oldest first.

    What is not shipped with the revisions is built in a scratch database beside the one of `url`, which is not touched,
    and kept in the user's cache folder; without `keep` all are built. Raises what a migration raises, and UsageError
    where there is no room for a scratch database.
    """
    return {revision: snapshot.read(text) for revision, text in _texts(settings, url, keep=keep).items()}


def catalogue(settings: Settings, url: URL, revision: str, revisions: Sequence[Script] | None = None) -> Catalogue:
    """The catalogue of one revision, as `catalogues` has it; `revisions` is the `history`, where it was read before."""
    revisions = revisions or history(alembic_here.script(settings))
    known = shipped.read(_folder(settings), revisions).get(revision) or Kept(revisions).read(revision)
    return snapshot.read(known if known is not None else _texts(settings, url)[revision])


def ship(settings: Settings, url: URL) -> None:
    """Build the catalogue of every revision and put it beside their files, to be released with them."""
    revisions = history(alembic_here.script(settings))
    shipped.write(_folder(settings), revisions, _texts(settings, url, keep=False))


def _folder(settings: Settings) -> Path:
    return settings.ini.parent / "alembic"


def _texts(settings: Settings, url: URL, *, keep: bool = True) -> dict[str, str]:
    if not keep:
        return _build(settings, url)
    revisions = history(alembic_here.script(settings))
    kept = Kept(revisions)
    known = shipped.read(_folder(settings), revisions)
    for each in revisions:
        text = known.get(each.revision) or kept.read(each.revision)
        if text is None:
            built = _build(settings, url)
            for revision in built.keys() - known.keys():
                kept.write(revision, built[revision])
            return built
        known[each.revision] = text
    return {each.revision: known[each.revision] for each in revisions}


def _build(settings: Settings, url: URL) -> dict[str, str]:
    config = Config(str(settings.ini))
    seen: dict[str, str] = {}

    def look(connection: Connection, revision: str) -> None:
        seen[revision] = snapshot.text(connection)

    with scratch_database(url, purpose="identify") as scratch:
        options = server_settings(settings) | {"synchronous_commit": "off"}
        config.attributes["connection"] = database.engine_for(scratch, application_name=APPLICATION, options=options)
        config.attributes["applied"] = look
        with _unheard():
            command.upgrade(config, "heads")
    return seen


@contextmanager
def _unheard() -> Iterator[None]:
    """Who reads "Running upgrade" would think that it is their own database."""
    loggers = [logging.getLogger(name) for name in ("ourschool.migrate", "alembic.runtime.migration")]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.WARNING)
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
