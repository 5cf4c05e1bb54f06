"""Normalises expressions that PostgreSQL prints in two forms: after a dump and restore, or in an older version."""

import re
from collections.abc import Iterable

_TYPE = (
    r"""(?:"(?:[^"]|"")*"|[a-z_][\w$]*)(?:\.(?:"(?:[^"]|"")*"|[a-z_][\w$]*))?"""
    r"(?: varying| precision)?(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?"
)
_ARRAY_CAST = re.compile(rf"::(?P<type>{_TYPE})\[\]")
_ENCLOSED_CAST = re.compile(rf"\)::(?P<type>{_TYPE})\[\]")
_CASTS = re.compile(rf"::{_TYPE}")
_TRAILING_CASTS = re.compile(rf"(?:::{_TYPE})+$")
_BODY = re.compile(r"^(?:AS |(?P<parsed>BEGIN ATOMIC$|RETURN ))", re.MULTILINE)
_TOKENS = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<array>\bARRAY\[)|(?P<open>[(\[])|(?P<close>[)\]])|(?P<comma>,)"""
    r"""|[\w$]+|.""",
    re.DOTALL,
)
_NAME = r"""(?:"(?:[^"]|"")*"|[^\s".;()]+)"""
_COLLATED = re.compile(rf"(?P<inner>.+)(?P<collation> COLLATE (?:{_NAME}\.)?{_NAME})", re.DOTALL)
_SOURCE = re.compile(rf"^ +FROM (?:ONLY )?(?:{_NAME}\.)?(?P<relation>{_NAME})(?: (?P<alias>{_NAME}))?;?$", re.MULTILINE)


def expression(text: str) -> str:
    """Return `text` with the cast of an array moved to each of its elements.

    PostgreSQL prints `status in ('a', 'b')` on a varchar column with one cast of the array to text[]; once that output
    was read again, as a restore does, it prints one cast for each element, whatever their types are.
    """
    if "ARRAY[" not in text:  # nearly every text, and looking at each of its tokens is most of reading a catalogue
        return text
    found = next((token for token in _TOKENS.finditer(text) if token["array"]), None)
    if found is None:
        return text
    end, elements = _elements(text, found.end())
    elements = [expression(element) for element in elements]
    before, array, after = text[: found.start()], f"ARRAY[{', '.join(elements)}]", text[end:]
    plain, enclosed = _ARRAY_CAST.match(after), _ENCLOSED_CAST.match(after)
    if elements == [""]:  # an empty array has no other type than its cast
        pass
    elif plain is not None:
        array, after = _with_casts(elements, plain["type"], always=False), after[plain.end() :]
    elif enclosed is not None and before.endswith("("):
        before, after = before[:-1], after[enclosed.end() :]
        array = _with_casts(elements, enclosed["type"], always=True)
    return before + array + expression(after)


def routine(definition: str) -> str:
    """Return the definition of a routine; only a body of parsed SQL (BEGIN ATOMIC, RETURN) is printed in two forms."""
    body = _BODY.search(definition)
    if body is None or not body["parsed"]:
        return definition
    return definition[: body.start()] + expression(definition[body.start() :])


def _elements(text: str, start: int) -> tuple[int, list[str]]:
    """Return the end of the array whose first element begins at `start`, behind its bracket, and its elements."""
    depth, begin, elements = 0, start, []
    for token in _TOKENS.finditer(text, start):
        if token["array"] or token["open"]:
            depth += 1
        elif token["close"] and depth:
            depth -= 1
        elif token["close"] or (token["comma"] and not depth):
            elements.append(text[begin : token.start()].strip())
            begin = token.end()
            if token["close"]:
                return token.end(), elements
    return len(text), [*elements, text[begin:]]


def _with_casts(elements: Iterable[str], type_: str, *, always: bool) -> str:
    """Return the array with a cast of each element; `always` is the form that PostgreSQL prints where not pretty."""
    return f"ARRAY[{', '.join(_cast(element, type_, always=always) for element in elements)}]"


def _cast(element: str, type_: str, *, always: bool) -> str:
    if element.startswith("ARRAY[") and _elements(element, len("ARRAY["))[0] == len(element):
        return _with_casts(_elements(element, len("ARRAY["))[1], type_, always=always)
    collated = None if always else _COLLATED.fullmatch(element)
    if collated is not None:  # it is printed behind the cast then
        return f"{_cast(collated['inner'], type_, always=False)}{collated['collation']}"
    operand = _TRAILING_CASTS.sub("", element)
    relabelled = element.endswith(("::character varying", "::text"))  # other casts are printed as functions are
    operation = relabelled and operand.startswith("(") and _elements(operand, 1)[0] == len(operand)
    enclosed = always or operation or (" " in _without_casts(element) and not element.startswith("CASE"))
    return f"({element})::{type_}" if enclosed else f"{element}::{type_}"


def _without_casts(element: str) -> str:
    """Return the element without its casts, quoted text and whatever is inside brackets: an operator has spaces."""
    depth, kept = 0, ""
    for token in _TOKENS.finditer(_CASTS.sub("", element)):
        depth += bool(token["array"] or token["open"]) - bool(token["close"])
        kept += token[0] if not depth and not token["quoted"] else ""
    return kept


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
