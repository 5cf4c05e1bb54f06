"""A database to try things in, on the configured server or else an embedded one, and gone afterwards."""

import atexit
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL

from ourschool import database, embedded
from ourschool.errors import UsageError

APPLICATION = "ourschool scratch"
NOT_ALLOWED = "42501"


@contextmanager
def scratch_database(url: URL, *, purpose: str = "scratch", template: str | None = None) -> Iterator[URL]:
    """A database beside the one of `url`, named ourschool_<purpose>_<random>, dropped at the end.

    Empty, or a copy of the database `template`, in which nobody may be connected. Where the role may not create
    one, an embedded server under a temporary folder takes its place, of the same major version if the extra has that.
    Raises UsageError where neither is to be had, ConnectFailed where nothing answers.
    """
    name = f"ourschool_{purpose}_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    server = _maintenance(url) if template is None else url.set(database="postgres")
    try:
        _run(server, create)
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) != NOT_ALLOWED:
            raise database.explain(fault, server) from fault
        server = _elsewhere(server)
        _run(server, create)
    try:
        yield server.set(database=name)
    finally:
        _run(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _maintenance(url: URL) -> URL:
    """The database of `url`, or where that does not exist (yet) the server's own `postgres`."""
    query = {key: value for key, value in url.query.items() if key != "dbname"}
    named = url.set(database=url.database or str(url.query["dbname"]), query=query)
    try:
        _run(named, sql.SQL("select"))
    except sa.exc.DBAPIError as missing:
        fallback = named.set(database="postgres")
        try:
            _run(fallback, sql.SQL("select"))
        except sa.exc.DBAPIError:
            raise database.explain(missing, named) from missing
        return fallback
    return named


def _run(url: URL, statement: sql.Composed | sql.SQL) -> None:
    engine = database.engine_for(url, application_name=APPLICATION)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        database.as_it_is(connection, statement)


def _elsewhere(url: URL) -> URL:
    try:
        return temporary_server(_major(url))
    except embedded.EmbeddedMissing as missing:
        role = psycopg.sql.Identifier(url.username or "current_user").as_string()
        raise UsageError(
            f"The role {url.username!r} may not create a scratch database on that server.",
            f"Let a superuser run: alter role {role} createdb; or install the extra: "
            "pip install 'ourschool[embedded]'.",
        ) from missing


def _major(url: URL) -> int:
    engine = database.engine_for(url, application_name=APPLICATION)
    with engine.connect() as connection:
        number = connection.exec_driver_sql("select current_setting('server_version_num')::integer").scalar_one()
    return int(number) // 10_000


@lru_cache(maxsize=4)
def temporary_server(major: int = embedded.NEWEST) -> URL:
    """One embedded server for as long as this process lives; its folder goes after it (atexit runs backwards)."""
    folder = Path(tempfile.mkdtemp(prefix="ourschool-scratch-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        embedded.programs(major)
    except KeyError:
        major = embedded.NEWEST
    return embedded.start(folder / "data", major=major)
