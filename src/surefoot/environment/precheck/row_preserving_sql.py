"""Recognises SQL statements that change no row: only after those can the checks of later operations be trusted."""

import re
from collections.abc import Iterator

_QUOTED = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_HARMLESS = re.compile(r"""
    comment\ on\b | set\ (local\ )?\w+ | reset\b | grant\b | revoke\b
  | create\ (or\ replace\ )?(function|procedure|trigger|constraint\ trigger|view|sequence|domain|type|schema|policy
                            |statistics|unique\ index|index)\b
  | alter\ (sequence|function|domain|index|view|policy|trigger|default\ privileges)\b
  | alter\ type\ \S+\ (rename|add\ value|set\ schema|owner)\b
  | drop\ (view|trigger|function|policy|index|sequence|statistics)\b
  | alter\ table\ (if\ exists\ )?(only\ )?\S+\ (
        rename\ constraint | enable | disable | force | no\ force | set\ \( | reset\ \( | validate\ constraint
      | drop\ constraint | owner\ to | replica\ identity | cluster\ on
      | alter\ (column\ )?\S+\ (set\ (default|statistics|storage)|drop\ (default|expression|identity|not\ null))
      )
""", re.VERBOSE)  # fmt: skip
_DEPENDENT = re.compile(r"\b(view|trigger|policy|function|procedure|rule)\b")
_IN_A_BLOCK = re.compile(
    r"\b(insert|update|delete|merge|truncate|copy|call|perform|lock|drop (table|column)|(add|alter|rename) column"
    r"|drop schema \S+ cascade|select(?! from\b))\b"
)


def preserves_rows(text: str) -> bool:
    """Return whether each statement of `text` is known to change no row, no column and no table's name."""
    return all(_preserves(plain, whole) for plain, whole in _statements(text))


def changes_dependents(text: str) -> bool:
    """Return whether `text` creates, changes or drops a view, trigger, policy, function or rule."""
    return _DEPENDENT.search(plain_text(text)) is not None


def plain_text(text: str) -> str:
    """Return `text` without comments and contents of strings, in lower case and with single spaces."""
    return _plain(_COMMENT.sub(" ", text))


def _preserves(plain: str, whole: str) -> bool:
    if plain.startswith("do "):
        return _IN_A_BLOCK.search(whole) is None
    return _HARMLESS.match(plain) is not None


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield each statement with its quoted parts emptied, and the whole of `text` with them, both in lower case."""
    bare = _COMMENT.sub(" ", text)
    whole = " ".join(bare.lower().split())
    for statement in _plain(bare).split(";"):
        if statement.strip():
            yield statement.strip(), whole


def _plain(text: str) -> str:
    return " ".join(_QUOTED.sub("''", text).lower().split())
