"""Queries for what only the server knows: which functions are volatile, which casts there are."""

import re
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.autogenerate.parsed_definitions import unquoted
from surefoot.autogenerate.table_rewrites import ZONES, Type

_VOLATILE = sa.text("select exists (select from pg_proc where proname = any(:names) and provolatile = 'v')")
_CALL = re.compile(r"""(?:"((?:[^"]|"")+)"|(\w+))\(""")
_CAST = sa.text("""
select castcontext
  from pg_cast
 where castsource = to_regtype(:old)
   and casttarget = to_regtype(:new)
""")
_STRINGS = frozenset({"text", "character varying", "character"})
_INEXACT = frozenset({"double precision", "real"})


class ServerQueries:
    """Queries to the server of one connection. `is_volatile` caches its results."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_volatile = cache(self._is_volatile)

    def _is_volatile(self, expression: str) -> bool:
        """Return whether a default calls a volatile function: adding a column with it rewrites the table."""
        names = [quoted.replace('""', '"') or bare for quoted, bare in _CALL.findall(expression)]
        return bool(names) and bool(self.connection.scalar(_VOLATILE, {"names": names}))

    def computes(self, query: str) -> bool:
        """Return whether the server computes the query, which reads no table."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(sa.text(query.replace(":", "\\:")))
        except sa.exc.DBAPIError:
            return False
        return True

    def conversion(self, column: str, old: str, new: str, enums: frozenset[str]) -> str | None:
        """Return the expression that converts `column` (quoted) from type `old` to `new`; None where none is known.

        It is the column alone where an assignment converts it: that fails for a value that an explicit cast truncates.
        """
        one, other = Type.read(old).base, Type.read(new).base
        if {one, other} == ZONES:
            return f"{column} at time zone 'UTC'"  # an assignment would use the session's time zone
        if one.endswith("[]") == other.endswith("[]"):
            is_enum = {each: _element(each) in enums for each in (one, other)}
            if is_enum[one] and is_enum[other]:
                return f"{column}::text::{new}"
            if (is_enum[other] and _element(one) in _STRINGS) or (is_enum[one] and other == "text[]"):
                return f"{column}::{new}"
        if one in _INEXACT and other == "numeric":
            return f"{column}::text::numeric"  # a direct cast keeps 15 digits of 17
        if one == other or other in _STRINGS:
            return column
        context = "e" if one in _STRINGS else self.connection.scalar(_CAST, {"old": one, "new": other})
        return {"e": f"{column}::{new}", "a": column, "i": column}.get(context or "")


def _element(kind: str) -> str:
    return unquoted(kind.removesuffix("[]"))
