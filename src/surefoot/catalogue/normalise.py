"""One form for expressions that PostgreSQL prints in two: after a dump and restore, or in an older version."""

import re

_LITERAL = re.compile(r"(?:E?'(?:[^']|'')*'|NULL)::character varying")
_LITERALS = re.compile(rf"ARRAY\[((?:{_LITERAL.pattern}(?:, )?)+)\]::text\[\]")
_NAME = r"""(?:"(?:[^"]|"")*"|[^\s".;()]+)"""
_SOURCE = re.compile(rf"^ +FROM (?:ONLY )?(?:{_NAME}\.)?(?P<relation>{_NAME})(?: (?P<alias>{_NAME}))?;?$", re.MULTILINE)


def expression(text: str) -> str:
    """`text` with the cast of a list to text[] moved to each of its members.

    That is what `status in ('a', 'b')` on a varchar column turns into when its own printed form is read again.
    """
    return _LITERALS.sub(lambda found: f"ARRAY[{_LITERAL.sub(_cast_to_text, found[1])}]", text)


def single_view(text: str) -> str:
    """The query of a view on one relation as PostgreSQL 16 and later print it, from PostgreSQL 15's form.

    Columns lose the relation's name in front of them; literals, quoted names and `relation.*` stay. Not for views with
    subqueries, inside which every version qualifies: those differ between 15 and 16.
    """
    source = _SOURCE.search(text)
    if source is None:
        return text
    name = re.escape(source["alias"] or source["relation"])
    token = re.compile(rf"""(?P<literal>'(?:[^']|'')*')|(?<![\w$."]){name}\.(?!\*)|(?P<quoted>"(?:[^"]|"")*")""")
    return token.sub(lambda found: found["literal"] or found["quoted"] or "", text)


def _cast_to_text(found: re.Match[str]) -> str:
    return f"{found[0]}::text"
