"""Translates a URL for libpq: into a connection URI or environment variables, with the parameters of its service."""

import os
import re
from urllib.parse import quote

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.engine import URL

from surefoot.errors import UsageError
from surefoot.servers import hosts
from surefoot.servers.timed_query import LIMITS

NEVER_INHERITED = frozenset({"PGOPTIONS", "PGCLIENTENCODING", "PGAPPNAME"})
"""Environment variables that are ignored: our connections set these parameters, and only a URL may override them."""


def parameters(url: URL) -> dict[str, str]:
    """Return the connection parameters that the driver passes to libpq for `url`, by keyword."""
    _, given = dialect().create_connect_args(url)  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    return {name: str(value) for name, value in given.items()}


def connection_uri(url: URL) -> str:
    """Return the URL, including its password, as a connection URI that psql, pg_dump and other libpq programs accept.

    SQLAlchemy's own form is not accepted: it leaves spaces unescaped, and writes those of the query as +.
    """
    known = {name: quote(value, safe="/" if name == "dbname" else "") for name, value in parameters(url).items()}
    login = known.pop("user", "") + (f":{known.pop('password')}" if "password" in known else "")
    authority = ""
    if re.fullmatch(r"[\w.-]+", known.get("host", "")):
        authority = ":".join(known.pop(name) for name in ("host", "port") if name in known)
    database = known.pop("dbname", "")
    query = "&".join(f"{name}={value}" for name, value in known.items())
    return f"postgresql://{login}{'@' if login else ''}{authority}/{database}{'?' if query else ''}{query}"


def process_environment(of: URL) -> dict[str, str]:
    """Return the environment for a libpq program that is to connect as we do, so that no argument shows a password.

    The parameters of the URL are in PGHOST, PGPASSWORD and so on. For what the URL leaves open the variables of this
    process apply, as they do for our own connections. A service is resolved here, because in the program it would take
    precedence over those variables. Raises UsageError where the service cannot be read.
    """
    if "service" in of.query or os.environ.get("PGSERVICE"):
        of = resolve_service(of)
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    inherited = set(variables.values()) - NEVER_INHERITED - {"PGSERVICE", "PGSERVICEFILE"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG") or name in inherited}
    for keyword, value in psycopg.conninfo.conninfo_to_dict(connection_uri(of)).items():
        if keyword in variables and value is not None:
            environment[variables[keyword]] = str(value)
    return environment


def limits(of: URL) -> dict[str, str]:
    """Return LIMITS, with the values that the URL names in the place of ours.

    libpq has no environment variable for most of them: a program gets them with the name of the database.
    """
    return {name: str(of.query.get(name, value)) for name, value in LIMITS.items()}


def effective_setting(of: URL, keyword: str) -> str:
    """Return the value of a libpq parameter for connections to the URL: the URL's, else the environment's, else ''."""
    given = parameters(of).get(keyword)
    if given:
        return given
    defaults = {option.keyword.decode(): option.val for option in psycopg.pq.Conninfo.get_defaults()}
    return (defaults.get(keyword) or b"").decode()


def resolve_service(of: URL) -> URL:
    """Return the URL with the parameters of its service, or of the service in PGSERVICE, added to its own.

    libpq itself reads the service file: a connection is started and closed before it connects. Raises UsageError where
    libpq cannot read the service.
    """
    started = psycopg.pq.PGconn.connect_start(connection_uri(of).encode())
    try:
        known = {
            each.keyword.decode(): each.val.decode()
            for each in started.info
            if each.val and each.val != each.compiled and not _from_environment(each)
        }
        fault = started.error_message.decode("utf-8", "replace").strip()
    finally:
        started.finish()
    if not known:
        why = fault.splitlines()[0] if fault else "it did not say why"
        raise UsageError(
            f"DATABASE_URL names a service that libpq cannot read: {why}.",
            "Correct its name, or the file that has it: ~/.pg_service.conf, or the one that PGSERVICEFILE names.",
        )
    known |= parameters(of)
    known.pop("service", None)
    return hosts.url_of(known, of.drivername)


def _from_environment(option: psycopg.pq.misc.ConninfoOption) -> bool:
    """Return whether the value equals a variable of NEVER_INHERITED; libpq does not say where a value comes from."""
    name = option.envvar.decode() if option.envvar else ""
    return name in NEVER_INHERITED and option.val is not None and os.environ.get(name) == option.val.decode()
