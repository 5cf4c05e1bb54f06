"""Splits SQL into tokens without comments, into statements, and a DO block into the statements inside it.

This is no parser: squawk has one, and what a statement did to the database is read there (table_state).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Words = tuple[str, ...]
"""Tokens: names and keywords in lower case, quoted names without their quotes, strings with theirs."""

TOKEN = re.compile(
    r"""
      (?P<comment>  --[^\n]* | /\*.*?\*/ )
    | (?P<dollar>   \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? \$(?P=tag)\$ )
    | (?P<string>   [eE]'(?:[^'\\]|\\.|'')*' | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*' )
    | (?P<quoted>   "(?:[^"]|"")*" )
    | (?P<name>     [^\W\d][\w$]* )
    | (?P<number>   \d[\w.]* )
    | (?P<symbol>   :: | <= | >= | <> | != | := | => | \S )
    """,
    flags=re.DOTALL | re.VERBOSE,
)

CONTROL = frozenset({"begin", "loop", "then", "else"})
"""Words of PL/pgSQL after which a statement begins."""
DDL = frozenset({
    "alter", "cluster", "comment", "create", "drop", "grant", "reassign", "reindex", "revoke", "security", "truncate",
})  # fmt: skip
VERBS = DDL | {
    "call", "commit", "copy", "delete", "execute", "insert", "lock", "merge", "perform", "refresh", "rollback",
    "select", "set", "update", "vacuum", "with",
}  # fmt: skip
UNKNOWN = "?"
"""A placeholder for a name that is only known when the block runs, as in execute format('alter table %I …')."""


@dataclass(frozen=True)
class Inner:
    """A statement inside a DO block; `part` counts the block's commits before it."""

    sql: str
    part: int


def words(sql: str) -> Words:
    """Return the tokens of `sql`."""
    found = []
    for match in TOKEN.finditer(sql):
        text, kind = match.group(), match.lastgroup
        if kind == "comment":
            continue
        if kind == "quoted":
            found.append(text[1:-1].replace('""', '"'))
        else:
            found.append(text.lower() if kind == "name" else text)
    return tuple(found)


def without_comments(sql: str) -> str:
    """Return the statement without comments, so that one for squawk acknowledges nothing, and without its semicolon."""
    return TOKEN.sub(lambda match: " " if match.group("comment") else match.group(), sql).strip().rstrip(";").rstrip()


def split(sql: str) -> list[str]:
    """Return the statements of a text, without their semicolons."""
    cuts = [0]
    for match in TOKEN.finditer(sql):
        if match.group("symbol") == ";":
            cuts += [match.start(), match.end()]
    cuts.append(len(sql))
    pieces = (sql[start:end].strip() for start, end in zip(cuts[::2], cuts[1::2], strict=True))
    return [piece for piece in pieces if piece]


def is_block(sql: str) -> bool:
    """Return whether `sql` is a DO block."""
    return words(sql)[:1] == ("do",)


def block_body(block: str) -> str:
    """Return the text between the quotes of a DO block, without comments."""
    quoted = [match.group() for match in TOKEN.finditer(block) if match.group("dollar") or match.group("string")]
    return without_comments(_unquoted(max(quoted, key=len, default="")))


def block_statements(block: str) -> Iterator[Inner]:
    """Yield the statements of a DO block as they are written there, those of an EXECUTE with a constant too."""
    part = 0
    for piece in split(block_body(block)):
        statement = _statement(piece)
        if statement is None:
            continue
        if words(statement)[0] in {"commit", "rollback"}:
            part += 1
        else:
            yield Inner(statement, part)


def _statement(piece: str) -> str | None:
    """Return the SQL in a piece of PL/pgSQL: what follows `begin`, `loop`, `then`, `else`, or the whole."""
    before: str | None = None
    for match in TOKEN.finditer(piece):
        word = match.group().lower()
        if word in VERBS and (before is None or before in CONTROL):
            sql = piece[match.start() :]
            return _executed(sql) if word == "execute" else sql
        before = word
    return None


def _executed(call: str) -> str | None:
    """Return the text that EXECUTE runs, None where it is not a constant."""
    for match in TOKEN.finditer(call):
        if match.group("string") or match.group("dollar"):
            text = re.sub(r"%(?:\d+\$)?([IsL])", _placeholder, _unquoted(match.group()))
            return text if words(text) else None
    return None


def _placeholder(match: re.Match[str]) -> str:
    return {"I": f'"{UNKNOWN}"', "L": f"'{UNKNOWN}'", "s": f'"{UNKNOWN}"'}[match.group(1)]


def _unquoted(literal: str) -> str:
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal[len(tag) : -len(tag)]
    return literal[literal.find("'") + 1 : -1].replace("''", "'")
