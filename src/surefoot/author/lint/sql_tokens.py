"""Splits SQL into tokens without comments, and into statements; pieces of SQL too, as a revision's source has them.

What a statement means is not judged by its tokens: `syntax` has PostgreSQL's grammar, `table_state` what was done.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

Words = tuple[str, ...]
"""Tokens: names and keywords in lower case, quoted names without their quotes, strings with theirs."""

TOKEN = re.compile(
    r"""
      (?P<comment>  --[^\n]* | /\* )
    | (?P<dollar>   \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? \$(?P=tag)\$ )
    | (?P<string>   [eE]'(?:[^'\\]|\\.|'')*' | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*' )
    | (?P<quoted>   "(?:[^"]|"")*" )
    | (?P<name>     [^\W\d][\w$]* )
    | (?P<number>   \d[\w.]* )
    | (?P<symbol>   :: | <= | >= | <> | != | := | => | \S )
    """,
    flags=re.DOTALL | re.VERBOSE,
)

DDL = frozenset({
    "alter", "cluster", "comment", "create", "drop", "grant", "reassign", "reindex", "revoke", "security", "truncate",
})  # fmt: skip
VERBS = DDL | {
    "call", "commit", "copy", "delete", "execute", "insert", "lock", "merge", "perform", "refresh", "rollback",
    "select", "set", "update", "vacuum", "with",
}  # fmt: skip
COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Token:
    """A token: its text, its kind (a group of TOKEN), and where it begins and ends."""

    text: str
    kind: str
    start: int
    end: int


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of `sql`; a comment with others nested in it is one."""
    place = 0
    while match := TOKEN.search(sql, place):
        place = match.end()
        if match.group() == "/*":
            place = _end_of_comment(sql, place)
        yield Token(sql[match.start() : place], match.lastgroup or "", match.start(), place)


def _end_of_comment(sql: str, place: int) -> int:
    depth = 1
    for edge in COMMENT_EDGE.finditer(sql, place):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


@lru_cache(maxsize=4096)
def words(sql: str) -> Words:
    """Return the tokens of `sql`."""
    found = []
    for token in tokens(sql):
        if token.kind == "quoted":
            found.append(token.text[1:-1].replace('""', '"'))
        elif token.kind != "comment":
            found.append(token.text.lower() if token.kind == "name" else token.text)
    return tuple(found)


@lru_cache(maxsize=4096)
def without_comments(sql: str) -> str:
    """Return the statement without comments, so that one for squawk acknowledges nothing, and without its semicolon."""
    text, place = "", 0
    for token in tokens(sql):
        if token.kind == "comment":
            text, place = f"{text}{sql[place : token.start]} ", token.end
    return (text + sql[place:]).strip().rstrip(";").rstrip()


def split(sql: str) -> list[str]:
    """Return the statements of a text, without their semicolons."""
    cuts = [0]
    for token in tokens(sql):
        if token.text == ";":
            cuts += [token.start, token.end]
    cuts.append(len(sql))
    pieces = (sql[start:end].strip() for start, end in zip(cuts[::2], cuts[1::2], strict=True))
    return [piece for piece in pieces if piece]


def is_block(sql: str) -> bool:
    """Return whether `sql` is a DO block."""
    return words(sql)[:1] == ("do",)


def block_body(block: str) -> str:
    """Return the text between the quotes of a DO block, without comments."""
    quoted = [token.text for token in tokens(block) if token.kind in {"dollar", "string"}]
    return without_comments(_unquoted(max(quoted, key=len, default="")))


def _unquoted(literal: str) -> str:
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal[len(tag) : -len(tag)]
    return literal[literal.find("'") + 1 : -1].replace("''", "'")
