"""Whether a statement leaves every row as it is: only behind such can be asked what a later operation would refuse."""

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
    """Whether each statement of `text` is one that is known to change no row, no column and no table's name."""
    return all(_leaves(piece) for piece in _pieces(text))


def changes_dependents(text: str) -> bool:
    """Whether it makes, changes or drops what may hang on a table or be called by a rule."""
    return _DEPENDENT.search(_plain(_COMMENT.sub(" ", text))) is not None


def _leaves(piece: tuple[str, str]) -> bool:
    plain, whole = piece
    if plain.startswith("do "):
        return _IN_A_BLOCK.search(whole) is None
    return _HARMLESS.match(plain) is not None


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Each statement without what is quoted in it, and as it is."""
    bare = _COMMENT.sub(" ", text)
    whole = " ".join(bare.lower().split())
    for statement in _plain(bare).split(";"):
        if statement.strip():
            yield statement.strip(), whole


def _plain(text: str) -> str:
    return " ".join(_QUOTED.sub("''", text).lower().split())
