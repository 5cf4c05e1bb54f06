"""Databases at a revision that the server keeps as templates, so that whoever lints or proves only clones them.

The name of a template is a checksum of everything it was made from: the revision files up to its own, the code that
runs them and fills the tables, the server, and the day. It is made under the name of a scratch database, and gets its
own name together with its mark when it is whole: what a killed command leaves is a scratch database, and goes as such.
"""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import alembic
import psycopg
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy.engine import URL, Connection

import surefoot
from surefoot import database
from surefoot.program import program
from surefoot.scratch_database import (
    APPLICATION,
    EMPTY,
    drop_database,
    place_for,
    scratch_name,
    temporary_database,
)
from surefoot.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger("surefoot")

PREFIX = "surefoot_kept_"
KEPT = 6
"""Templates of a role that a server has at most."""
MARK = "template of ourschool for lint and prove; it may be dropped at any time: "
"""How the comment on a template begins; JSON follows. A database without it is none, whatever its name."""
NO_SUCH_DATABASE = "3D000"
COMMENT = sa.text("select shobj_description(oid, 'pg_database') from pg_database where datname = :name")
OLD = sa.text("""
    select datname
      from pg_database
     where starts_with(datname, :prefix)
       and starts_with(shobj_description(oid, 'pg_database'), :mark)
       and pg_has_role(current_user, datdba, 'USAGE')
     order by shobj_description(oid, 'pg_database') desc
    offset :kept
""")
"""All templates but the newest: the JSON of a comment begins with the time."""
LOCK, UNLOCK = (sa.text(f"select {call}(hashtextextended(:name, 0))")
                for call in ("pg_advisory_lock", "pg_advisory_unlock"))  # fmt: skip
NO_CODE = frozenset(
    {"catalogues.xz", "names.jsonl", "released.txt", "released_models.txt", "head.txt", "acknowledged.txt"}
)
"""Files of the script folder on which no database depends."""


@dataclass(frozen=True)
class Clone:
    """A database at a revision, and the names of its tables that were filled with sample rows."""

    url: URL
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Opened:
    """A clone, and what drops it."""

    stack: ExitStack
    clone: Clone


class KeptTemplates:
    """The templates of a project on the server of `url`; where its role may not create databases, on an embedded one.

    It is a context, at whose end no clone is left. Making one raises UsageError where neither is possible,
    ConnectFailed where the server does not answer.
    """

    def __init__(self, settings: Settings, url: URL, script: ScriptDirectory) -> None:
        self._settings = settings
        self.script = script
        self._place = place_for(url)
        self._begun: list[tuple[str, Future[_Opened]]] = []
        self._server = self._place.server.set(database="postgres").difference_update_query(["application_name"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._begun:
            begun = self._begun.pop()[1]
            with suppress(sa.exc.DBAPIError):
                begun.result().stack.close()

    def begin(self, revisions: Sequence[str], *, purpose: str, seeded: bool, count: int) -> None:
        """Let the server make clones while the caller does something else: the next calls of `clone` yield them.

        Nothing is done where no revision has run, nor where the template is missing: who makes it does that alone.
        """
        if not revisions:
            return
        name, filled = self.name(revisions, seeded=seeded), None
        with suppress(sa.exc.DBAPIError), self._connect() as connection:  # `clone` says it where that fails, too
            filled = _filled(connection, name)
        if filled is None:
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # many have no use for it

        threads = ThreadPoolExecutor(count)
        for _ in range(count):
            self._begun.append((name, threads.submit(self._open, name, purpose, filled)))
        threads.shutdown(wait=False)

    @contextmanager
    def clone(self, revisions: Sequence[str], *, purpose: str, seeded: bool) -> Iterator[Clone]:
        """Yield a clone of the template in which `revisions` have run, in that order; it is dropped at the end.

        With `seeded` its tables have sample rows. The template is made where there is none. Raises what a migration
        raises.
        """
        name = self.name(revisions, seeded=seeded)
        opened = self._begun_for(name)
        for last_try in (False, True):
            if opened is None:
                try:
                    filled = self._find_or_make(name, revisions, seeded=seeded)
                    opened = self._open(name, purpose, filled)
                except sa.exc.DBAPIError as fault:
                    # meanwhile other commands have made newer ones, and dropped this
                    if last_try or getattr(fault.orig, "sqlstate", None) != NO_SUCH_DATABASE:
                        raise database.explain(fault, self._server) from fault
        assert opened is not None
        with opened.stack:
            yield opened.clone

    def _begun_for(self, name: str) -> "_Opened | None":
        while self._begun:
            begun_name, begun = self._begun.pop(0)
            with suppress(sa.exc.DBAPIError):
                opened = begun.result()
                if begun_name == name:
                    return opened
                opened.stack.close()
        return None

    def _open(self, name: str, purpose: str, filled: frozenset[str]) -> "_Opened":
        stack = ExitStack()
        made = stack.enter_context(temporary_database(self._server, scratch_name(purpose), name))
        return _Opened(stack, Clone(self._place.surroundings.with_path(made), filled))

    def _connect(self) -> Connection:
        engine = database.engine_for(self._server, application_name=f"{program()} template")
        return engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _find_or_make(self, name: str, revisions: Sequence[str], *, seeded: bool) -> frozenset[str]:
        """Return the names of the tables with sample rows in the template `name`, which is made if it is not there."""
        with self._connect() as connection:
            filled = _filled(connection, name)
            if filled is not None:
                return filled
            with _turn(connection, name):
                filled = _filled(connection, name)
                return self._make(connection, name, revisions, seeded=seeded) if filled is None else filled

    def _make(self, connection: Connection, name: str, revisions: Sequence[str], *, seeded: bool) -> frozenset[str]:
        """Make the template, and drop those that are too many."""
        from surefoot.author.lint.history_run import Scratch  # noqa: PLC0415  # clones are begun before it is loaded

        filled: list[str] = []
        with self._empty() if not seeded else self._without_rows(revisions) as url:
            scratch = Scratch(self._settings, url, self.script)
            if seeded:
                filled = scratch.fill()
            else:
                scratch.upgrade_through(revisions)
            _keep(connection, str(url.database), name, filled)
        for old in connection.execute(OLD, {"prefix": PREFIX, "mark": MARK, "kept": KEPT}).scalars().all():
            try:
                drop_database(partial(database.execute_verbatim, connection), self._server, old)
            except sa.exc.DBAPIError as fault:
                log.debug("The template %s is one too many, and stays: %s", old, fault.orig)
        return frozenset(filled)

    @contextmanager
    def _empty(self) -> Iterator[URL]:
        with temporary_database(self._server, scratch_name("template"), EMPTY) as made:
            yield self._place.surroundings.give(made, APPLICATION)

    @contextmanager
    def _without_rows(self, revisions: Sequence[str]) -> Iterator[URL]:
        with self.clone(revisions, purpose="template", seeded=False) as clone:
            yield clone.url

    @property
    def version(self) -> str:
        """The server's version in the form that squawk takes: 18.1."""
        return f"{self._place.version // 10_000}.{self._place.version % 10_000}"

    @property
    def state(self) -> str:
        """A checksum of the server's roles and settings, on which a revision's statements may depend."""
        return self._place.state

    def name(self, revisions: Sequence[str], *, seeded: bool) -> str:
        """Return the name of a template: a checksum of all that it is made from."""
        place, project = self._place, self._settings.project
        digest = hashlib.sha256(_code(project.script_folder))
        for each in (
            seeded,
            dt.datetime.now(dt.UTC).date(),  # what rows say of the time must not be old
            place.made_by,
            [tuple(each) for each in place.surroundings.extensions],
            place.surroundings.with_path(place.server).query.get("options"),
            self._settings.application_role,
            project.naming_convention,
            sorted(project.load_companions().items()),
        ):
            digest.update(f"{each!r}\n".encode())
        for revision in revisions:
            script = self.script.get_revision(revision)
            digest.update(f"{revision}\n".encode() + Path(script.path).read_bytes())
        return PREFIX + digest.hexdigest()[:32]


def _filled(connection: Connection, name: str) -> frozenset[str] | None:
    """Return the names of the tables that a template has sample rows in; None where there is no such template."""
    comment = connection.execute(COMMENT, {"name": name}).scalar_one_or_none() or ""
    if not comment.startswith(MARK):
        return None
    return frozenset(json.loads(comment.removeprefix(MARK))["filled"])


@contextmanager
def _turn(connection: Connection, name: str) -> Iterator[None]:
    """Let whoever wants the same template wait until it is made, unless the role does not let its sessions wait."""
    try:
        connection.execute(LOCK, {"name": name})
    except sa.exc.DBAPIError as fault:
        if fault.connection_invalidated:
            raise
        yield  # two make it then, and the second finds its name taken
        return
    try:
        yield
    finally:
        connection.execute(UNLOCK, {"name": name})


def _keep(connection: Connection, made: str, name: str, filled: list[str]) -> None:
    """Make the database `made` the template `name`, all at once; nothing happens where another command did."""
    mark = MARK + json.dumps({"made": dt.datetime.now(dt.UTC).isoformat(), "filled": filled})
    old, new = sql.Identifier(made), sql.Identifier(name)
    driver = database.driver_of(connection)
    with suppress(psycopg.errors.DuplicateDatabase), driver.transaction():
        driver.execute(sql.SQL("alter database {} allow_connections false").format(old))
        driver.execute(sql.SQL("comment on database {} is {}").format(old, mark))
        driver.execute(sql.SQL("alter database {} rename to {}").format(old, new))


@cache
def _code(script_folder: Path) -> bytes:
    """Return a checksum of what runs the revisions and fills the tables, but for the revisions."""
    digest = hashlib.sha256(f"{alembic.__version__} {sa.__version__}".encode())
    package = Path(surefoot.__file__).parent
    others = (each for each in script_folder.rglob("*") if each.suffix != ".pyc" and each.name not in NO_CODE)
    files = [*package.rglob("*.py"), *(each for each in others if each.parent.name != "versions" and each.is_file())]
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.digest()
