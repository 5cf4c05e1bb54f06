"""Normalises expressions that PostgreSQL prints in two forms: after a dump and restore, or in an older version."""

import re

_LITERAL = re.compile(r"(?:E?'(?:[^']|'')*'|NULL)::character varying")
_LITERALS = re.compile(rf"ARRAY\[((?:{_LITERAL.pattern}(?:, )?)+)\]::text\[\]")
_NAME = r"""(?:"(?:[^"]|"")*"|[^\s".;()]+)"""
_SOURCE = re.compile(rf"^ +FROM (?:ONLY )?(?:{_NAME}\.)?(?P<relation>{_NAME})(?: (?P<alias>{_NAME}))?;?$", re.MULTILINE)


def expression(text: str) -> str:
    """Return `text` with the cast of an array to text[] moved to each of its elements.

    PostgreSQL prints `status in ('a', 'b')` on a varchar column with one cast; once that output was read again, as a
    restore does, it prints one cast for each element.
    """
    return _LITERALS.sub(lambda match: f"ARRAY[{_LITERAL.sub(_cast_to_text, match[1])}]", text)


def single_view(text: str) -> str:
    """Return the query of a view on one relation as PostgreSQL 16 and later print it, from the output of PostgreSQL 15.

    PostgreSQL 15 qualifies each column with the name of the relation. Literals, quoted names and `relation.*` stay.
    This is not for views with subqueries, in which every version qualifies columns: those still differ.
    """
    source = _SOURCE.search(text)
    if source is None:
        return text
    name = re.escape(source["alias"] or source["relation"])
    token = re.compile(rf"""(?P<literal>'(?:[^']|'')*')|(?<![\w$."]){name}\.(?!\*)|(?P<quoted>"(?:[^"]|"")*")""")
    return token.sub(lambda match: match["literal"] or match["quoted"] or "", text)


def _cast_to_text(literal: re.Match[str]) -> str:
    return f"{literal[0]}::text"
