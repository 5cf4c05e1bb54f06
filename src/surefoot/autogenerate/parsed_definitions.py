"""Parse the definitions of constraints and indexes that PostgreSQL prints into arguments of operations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_NAME = r'"(?:[^"]|"")+"|[^\s",()]+'
_FOREIGN_KEY = re.compile(
    rf"FOREIGN KEY \((?P<local>(?:{_NAME}|, )+)\) "
    rf"REFERENCES (?P<table>{_NAME})\((?P<remote>(?:{_NAME}|, )+)\)(?P<rest>.*)"
)
_UNIQUE = re.compile(
    rf"(?P<primary>PRIMARY KEY|UNIQUE)(?P<nulls> NULLS NOT DISTINCT)? \((?P<columns>(?:{_NAME}|, )+)\)(?P<rest>.*)"
)
_INDEX = re.compile(rf"CREATE (?P<unique>UNIQUE )?INDEX (?:{_NAME}) ON (?:ONLY )?(?:{_NAME}) USING (?P<method>\w+) ")
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


class Unreadable(ValueError):
    """A definition that no operation can express."""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as `op.add_foreign_key_online` takes it."""

    local: list[str]
    table: str
    remote: list[str]
    options: dict[str, Any]


@dataclass(frozen=True)
class Unique:
    """A unique constraint as `op.add_unique_online` takes it, or a primary key."""

    columns: list[str]
    options: dict[str, Any]


@dataclass(frozen=True)
class IndexParts:
    """An index as `op.create_index_online` takes it: names of columns, and expressions as text."""

    columns: list[str]
    expressions: frozenset[str]
    unique: bool
    options: dict[str, str | list[str] | dict[str, str] | bool] = field(default_factory=dict)


def foreign_key(definition: str) -> ForeignKey:
    """Parse `FOREIGN KEY (…) REFERENCES …`. Raises Unreadable."""
    match = _FOREIGN_KEY.fullmatch(definition)
    if match is None:
        raise Unreadable(definition)
    options: dict[str, Any] = {}
    rest = match["rest"]
    for word, event in (("onupdate", "ON UPDATE"), ("ondelete", "ON DELETE")):
        action = re.search(rf" {event} (CASCADE|RESTRICT|SET (?:NULL|DEFAULT)(?: \([^)]*\))?)", rest)
        if action:
            options[word] = action[1]
            rest = rest.replace(action[0], "")
    return ForeignKey(
        names(match["local"]), unquoted(match["table"]), names(match["remote"]), options | _deferral(rest, definition)
    )


def unique(definition: str) -> Unique:
    """Parse `UNIQUE (…)` or `PRIMARY KEY (…)`. Raises Unreadable."""
    match = _UNIQUE.fullmatch(definition)
    if match is None:
        raise Unreadable(definition)
    options: dict[str, Any] = {"nulls_not_distinct": True} if match["nulls"] else {}
    return Unique(names(match["columns"]), options | _deferral(match["rest"], definition))


def check(definition: str) -> str:
    """Return the condition of `CHECK (…)`. Raises Unreadable."""
    if not definition.startswith("CHECK (") or not definition.endswith(")"):
        raise Unreadable(definition)
    return definition.removeprefix("CHECK (").removesuffix(")")


def index(definition: str) -> IndexParts:
    """Parse `CREATE INDEX …`. Raises Unreadable."""
    match = _INDEX.match(definition)
    if match is None:
        raise Unreadable(definition)
    inside, rest = _parenthesis(definition[match.end() :])
    parts = list(_split(inside))
    columns = [unquoted(part) for part in parts]
    expressions = frozenset(part for part in parts if unquoted(part) == part and not _PLAIN.fullmatch(part))
    options: dict[str, str | list[str] | dict[str, str] | bool] = {}
    if match["method"] != "btree":
        options["postgresql_using"] = match["method"]
    if rest.startswith(" INCLUDE "):
        inside, rest = _parenthesis(rest.removeprefix(" INCLUDE "))
        options["postgresql_include"] = names(inside)
    if rest.startswith(" NULLS NOT DISTINCT"):
        rest = rest.removeprefix(" NULLS NOT DISTINCT")
        options["postgresql_nulls_not_distinct"] = True
    if rest.startswith(" WITH "):
        inside, rest = _parenthesis(rest.removeprefix(" WITH "))
        pairs = (part.partition("=") for part in _split(inside))
        options["postgresql_with"] = {name: value.strip("'") for name, _, value in pairs}
    if rest.startswith(" WHERE "):
        options["postgresql_where"] = rest.removeprefix(" WHERE ")
        rest = ""
    if rest:
        raise Unreadable(definition)
    return IndexParts(columns, expressions, bool(match["unique"]), options)


def computes(definition: str) -> bool:
    """Return whether an index has an expression or a predicate, where a UNIQUE constraint has columns alone."""
    if definition.startswith("UNIQUE"):
        return False
    try:
        parts = index(definition)
    except Unreadable:
        return True
    return "postgresql_where" in parts.options or any("(" in each for each in parts.expressions)


def names(listed: str) -> list[str]:
    """Return the unquoted names of a comma-separated list."""
    return [unquoted(part) for part in _split(listed)]


def unquoted(name: str) -> str:
    """Return a quoted identifier without its quotes, any other text unchanged."""
    quoted = re.fullmatch(r'"((?:[^"]|"")+)"', name)
    return quoted[1].replace('""', '"') if quoted else name


def mentions(text: str, name: str) -> bool:
    """Return whether `text`, which PostgreSQL printed, has the identifier `name` outside of literals."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", text)
    pattern = re.escape(name) if _PLAIN.fullmatch(name) else re.escape('"' + name.replace('"', '""') + '"')
    return re.search(rf'(?<![\w"$]){pattern}(?![\w$])|"{pattern}"', bare) is not None


def _deferral(rest: str, definition: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if " DEFERRABLE" in rest:
        options["deferrable"] = True
    if " INITIALLY DEFERRED" in rest:
        options["initially"] = "DEFERRED"
    if rest.replace(" DEFERRABLE", "").replace(" INITIALLY DEFERRED", ""):
        raise Unreadable(definition)
    return options


def _parenthesis(text: str) -> tuple[str, str]:
    """Return what is inside the parentheses that `text` begins with, and what follows them."""
    depth = 0
    for position, character in _outside_quotes(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return text[1:position], text[position + 1 :]
    raise Unreadable(text)


def _split(text: str) -> Iterator[str]:
    """Yield the members of a comma-separated list; commas in parentheses and quotes do not separate."""
    depth = start = 0
    for position, character in _outside_quotes(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            yield position, character
