"""A URL as libpq and its programs take it: one text, an environment for psql and pg_dump, what a service adds to it."""

import os
import re
from urllib.parse import quote

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.engine import URL

from surefoot.errors import UsageError

NEVER_INHERITED = frozenset({"PGOPTIONS", "PGCLIENTENCODING", "PGAPPNAME"})
"""Variables that only a URL may set: our own connections say these themselves, whatever the environment has."""


def parameters(url: URL) -> dict[str, str]:
    """What the driver hands to libpq for `url`."""
    _, given = dialect().create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy left it so
    return {name: str(value) for name, value in given.items()}


def connection_uri(url: URL) -> str:
    """The URL, password included, as psql, pg_dump and every other libpq program take it.

    SQLAlchemy's own spelling leaves spaces as they are and writes those of the query as +: libpq takes neither.
    """
    known = {name: quote(value, safe="/" if name == "dbname" else "") for name, value in parameters(url).items()}
    login = known.pop("user", "") + (f":{known.pop('password')}" if "password" in known else "")
    place = ""
    if re.fullmatch(r"[\w.-]+", known.get("host", "")):
        place = ":".join(known.pop(name) for name in ("host", "port") if name in known)
    database = known.pop("dbname", "")
    query = "&".join(f"{name}={value}" for name, value in known.items())
    return f"postgresql://{login}{'@' if login else ''}{place}/{database}{'?' if query else ''}{query}"


def process_environment(of: URL) -> dict[str, str]:
    """The process environment for a program that is to connect as we do: nothing stands in an argument list.

    What the URL says stands in PGHOST, PGPASSWORD and so on; what it leaves open is what libpq's variables say, as it
    is for our own connections. A service is read here, for in a program it would win over those variables.
    """
    if "service" in of.query or os.environ.get("PGSERVICE"):
        of = resolve_service(of)
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    kept = set(variables.values()) - NEVER_INHERITED - {"PGSERVICE", "PGSERVICEFILE"}
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("PG") or name in kept}
    for keyword, value in psycopg.conninfo.conninfo_to_dict(connection_uri(of)).items():
        if keyword in variables and value is not None:
            chosen[variables[keyword]] = str(value)
    return chosen


def effective_setting(of: URL, keyword: str) -> str:
    """What a connection to the URL has for that keyword of libpq: by the URL, else by the environment; or nothing."""
    given = psycopg.conninfo.conninfo_to_dict(connection_uri(of)).get(keyword)
    if given:
        return str(given)
    defaults = {option.keyword.decode(): option for option in psycopg.pq.Conninfo.get_defaults()}
    found = defaults.get(keyword)
    return found.val.decode() if found is not None and found.val else ""


def resolve_service(of: URL) -> URL:
    """The URL with all that its service, or that of PGSERVICE, says beside it.

    libpq reads the service itself, at the beginning of a connection that goes no further. Raises UsageError where there
    is no such service.
    """
    begun = psycopg.pq.PGconn.connect_start(connection_uri(of).encode())
    try:
        known = {
            each.keyword.decode(): each.val.decode()
            for each in begun.info
            if each.val and each.val != each.compiled and not _of_the_environment(each)
        }
        fault = begun.error_message.decode("utf-8", "replace").strip()
    finally:
        begun.finish()
    if not known:
        why = fault.splitlines()[0] if fault else "it did not say why"
        raise UsageError(
            f"DATABASE_URL names a service that libpq cannot read: {why}.",
            "Correct its name, or the file that has it: ~/.pg_service.conf, or the one that PGSERVICEFILE names.",
        )
    known = {name: value for name, value in known.items() if name != "service"} | parameters(of)
    known.pop("service", None)
    user, password, database = (known.pop(name, None) for name in ("user", "password", "dbname"))
    host, port = known.pop("host", None), known.pop("port", None)
    plain = host is not None and re.fullmatch(r"[\w.-]+", host) and (port is None or port.isdigit())
    if not plain:
        known |= {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return URL.create(
        of.drivername,
        user,
        password,
        host if plain else None,
        int(port) if plain and port is not None else None,
        database,
        known,
    )


def _of_the_environment(option: psycopg.pq.misc.ConninfoOption) -> bool:
    """Whether a value is what a variable says that only a URL, or a service, may set; libpq does not tell the two."""
    name = option.envvar.decode() if option.envvar else ""
    return name in NEVER_INHERITED and option.val is not None and os.environ.get(name) == option.val.decode()
