"""URLs and connection strings in every form that psql takes, and one server among several for a whole command."""

import ipaddress
import re
import socket
from collections.abc import Mapping

import psycopg
from sqlalchemy.engine import URL

from surefoot.settings import URL_SCHEME

READ_DIFFERENTLY = re.compile(
    r"[^/?@]*@?[^/?@]*[,%][^/?]*([/?]|$)|.*[?&](host|hostaddr|port)=|.*[?&](\w+)=.*&\3=|.*[?&](?!options=)\w+=[^&]*\+",
    flags=re.DOTALL,
)
"""What follows `://` where SQLAlchemy reads hosts, a parameter given twice or a + differently from libpq, or not.

In `options` a + is the space that SQLAlchemy writes so; libpq's own would be of no use there.
"""
WITH_PORTS = re.compile(r"[?&]host=[^&/:]*:\d+(&|$)")
"""SQLAlchemy's own form for several hosts, host=h1:1&host=h2:2, which libpq does not know."""
PAIRS = re.compile(r"\s*\w+\s*=")
"""How libpq's other form begins: host=… dbname=…"""


def needs_libpq(text: str) -> bool:
    """Return whether libpq alone reads `text` rightly: several hosts, hosts in the query, or key=value pairs."""
    scheme = URL_SCHEME.match(text)
    if WITH_PORTS.search(text):
        return False
    return bool(READ_DIFFERENTLY.match(text[scheme.end() :]) if scheme else PAIRS.match(text))


def written(url: URL) -> str:
    """Return `url` with its password as text that SQLAlchemy and libpq read alike: without + for a space."""
    address, mark, query = url.render_as_string(hide_password=False).partition("?")
    return f"{address}{mark}{query.replace('+', '%20')}"


def read(text: str, driver: str) -> URL | None:
    """Return what libpq reads from a URL or from key=value pairs, as a URL for `driver`; None where it cannot."""
    address = URL_SCHEME.sub("postgresql://", text, count=1)
    address = re.sub(r"(?<=[?&]options=)[^&]*", lambda options: options[0].replace("+", "%20"), address)
    try:
        known = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        return None
    return url_of({name: str(value) for name, value in known.items() if value is not None}, driver)


def url_of(known: Mapping[str, str], driver: str) -> URL:
    """Return a URL for `driver` with libpq's parameters, by keyword: in a URL's own places, else in its query."""
    rest = dict(known)
    user, password, database = (rest.pop(name, None) for name in ("user", "password", "dbname"))
    host, port = rest.get("host"), rest.get("port")
    plain = host is not None and re.fullmatch(r"[\w.-]+", host) and (port is None or port.isdigit())
    if plain:
        rest.pop("host")
        rest.pop("port", None)
    return URL.create(
        driver,
        user,
        password,
        host if plain else None,
        int(port) if plain and port is not None else None,
        database,
        rest,
    )


def several(places: Mapping[str, str]) -> bool:
    """Return whether a connection may reach one of several servers. `places` are libpq's host, hostaddr and port."""
    if any("," in place for place in places.values()):
        return True
    return not places["hostaddr"] and len(_addresses(places["host"])) > 1


def _addresses(host: str) -> set[str]:
    """Return the addresses of a name in the network; none for a socket, an address, this machine or nobody's name."""
    if not re.fullmatch(r"[\w.-]*[^\W\d][\w.-]*", host):
        return set()
    try:
        found = {str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:  # whoever connects says why
        return set()
    return {each for each in found if not ipaddress.ip_address(each.partition("%")[0]).is_loopback}


def pinned(url: URL, connection: psycopg.Connection) -> URL:
    """Return `url` with the one server that `connection`, made to it, has reached.

    Later connections would choose anew, by chance where load_balance_hosts says so, or after the first server has gone:
    half of a command's work would be done somewhere else. A name may have several addresses, so that one is named too.
    """
    info = connection.info
    named = not info.host.startswith("/")
    rest = {name: value for name, value in url.query.items() if name not in {"host", "hostaddr", "port"}}
    rest.pop("load_balance_hosts", None)
    place = {"hostaddr": info.hostaddr} if named and info.hostaddr else {"host": info.host}
    return url.set(host=info.host if named else None, port=info.port, query={**rest, **place})
