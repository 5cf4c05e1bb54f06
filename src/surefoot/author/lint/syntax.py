"""SQL as PostgreSQL's own grammar reads it, by libpg_query: the statements of a text, those of DO blocks included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from surefoot.errors import UsageError
from surefoot.program import extra

Node = Mapping[str, Any]
UNKNOWN = "?"
"""A placeholder for what is only known when the block runs, as in execute format('alter table %I …')."""


@dataclass(frozen=True)
class Parsed:
    """A statement: its text, the kind of its node such as UpdateStmt, and the node.

    `kind` is empty where the grammar, that of PostgreSQL 17, does not know it. `inner` is set for a statement of a DO
    block, and `part` counts the block's commits before it.
    """

    sql: str
    kind: str = ""
    node: Node = field(default_factory=dict, compare=False)
    inner: bool = False
    part: int = 0


@cache
def _library() -> ModuleType:
    """Return pgparse, which has PostgreSQL's grammar; it is of an extra. Raises UsageError where it is missing."""
    try:
        import pgparse  # noqa: PLC0415  # `new` and `check` import this module, and may do without
    except ImportError as missing:
        raise UsageError(
            "pgparse is not installed, and lint reads the SQL with it.",
            f"Install the extra that brings it: python -m pip install {extra('author')}.",
        ) from missing
    return pgparse  # type: ignore[no-any-return]  # it has no types


@lru_cache(maxsize=4096)
def parse(sql: str) -> tuple[Parsed, ...]:
    """Return the statements of a text; one without a kind where it cannot be parsed.

    Raises UsageError where pgparse is not installed.
    """
    library = _library()
    try:
        found = library.parse(sql)
    except library.PGQueryError:
        return (Parsed(sql),)
    text = sql.encode()
    statements = []
    for each in found:
        start = each.get("stmt_location", 0)
        end = start + each["stmt_len"] if "stmt_len" in each else len(text)
        ((kind, node),) = each["stmt"].items()
        statements.append(Parsed(text[start:end].decode().strip(), kind, node))
    return tuple(statements)


@lru_cache(maxsize=1024)
def block_statements(block: Parsed) -> tuple[Parsed, ...]:
    """Return the statements of a DO block as they are written there, those of an EXECUTE with a known text too.

    There are none where the block is in another language than PL/pgSQL.
    """
    options = {each["DefElem"]["defname"]: each["DefElem"]["arg"]["String"]["sval"] for each in block.node["args"]}
    if options.get("language", "plpgsql") != "plpgsql":
        return ()
    library = _library()
    try:
        functions = library.parse_pgsql(block.sql)
    except (library.PGQueryError, ValueError):  # ValueError: its JSON is not
        return ()
    found: list[Parsed] = []
    part = 0
    for sql in _queries(functions):
        if sql is None:
            part += 1
            continue
        found += [Parsed(each.sql, each.kind, each.node, inner=True, part=part) for each in parse(sql)]
    return tuple(found)


def _queries(node: Any) -> Iterator[str | None]:
    """Yield the queries in a PL/pgSQL function in the order of its text; None stands for COMMIT and ROLLBACK."""
    if isinstance(node, list):
        for each in node:
            yield from _queries(each)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in {"PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"}:
            yield None
        elif key in {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"}:
            text = _executed(value["query"]["PLpgSQL_expr"]["query"])
            if text is not None:
                yield text
            yield from _queries(value.get("body"))
        elif key == "PLpgSQL_expr":
            expression = value["query"]
            yield expression if value.get("parseMode") == 0 else f"select {expression}"
        else:
            yield from _queries(value)


def _executed(expression: str) -> str | None:
    """Return the text that EXECUTE runs, with placeholders for what is not constant; None where nothing is known."""
    (parsed,) = parse(f"select {expression}")[:1]
    if not parsed.kind:
        return None
    text = _text(parsed.node["targetList"][0]["ResTarget"]["val"])
    return text if text and text.replace(f'"{UNKNOWN}"', "").strip() else None


def _text(node: Node) -> str | None:
    """Return the value of an expression that is a string, with a placeholder for each part that is not known."""
    match node:
        case {"A_Const": {"sval": {"sval": str(text)}}}:
            return text
        case {"A_Const": {"sval": _}}:
            return ""
        case {"TypeCast": {"arg": inner}}:
            return _text(inner)
        case {"A_Expr": {"name": [{"String": {"sval": "||"}}], "lexpr": left, "rexpr": right}}:
            return (_text(left) or f'"{UNKNOWN}"') + (_text(right) or f'"{UNKNOWN}"')
        case {"FuncCall": {"funcname": [*_, {"String": {"sval": "format"}}], "args": [first, *arguments]}}:
            return _formatted(_text(first) or "", [_text(each) for each in arguments])
    return None


def _formatted(template: str, arguments: list[str | None]) -> str:
    pieces, values = template.split("%"), iter(arguments)
    text = pieces[0]
    skip = False
    for piece in pieces[1:]:
        if skip or not piece:
            text, skip = (text + piece, False) if skip else (text + "%", True)
            continue
        letter = piece.lstrip("0123456789$-")[:1]
        rest = piece.lstrip("0123456789$-")[1:]
        value = next(values, None) if piece[:1] == letter else None
        quote = "'" if letter == "L" else '"' if letter == "I" or value is None else ""
        text += f"{quote}{value or UNKNOWN}{quote}{rest}"
    return text


def nodes(node: Any, *kinds: str) -> Iterator[tuple[str, Node]]:
    """Yield every node of those kinds inside a tree, the outer one first, with its kind."""
    if isinstance(node, list):
        for each in node:
            yield from nodes(each, *kinds)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in kinds:
                yield key, value
            if isinstance(value, (dict, list)):
                yield from nodes(value, *kinds)


def whole(parsed: Parsed) -> Node:
    """Return the tree with the statement's own node in it, for `nodes`."""
    return {parsed.kind: parsed.node}


def range_name(node: Node | None) -> str | None:
    """Return the name of a table as written, qualified or not; `node` is a RangeVar."""
    if not node or "relname" not in node:
        return None
    return f"{node['schemaname']}.{node['relname']}" if "schemaname" in node else str(node["relname"])


def strings(items: list[Node]) -> tuple[str, ...]:
    """Return the texts of a list of String nodes."""
    return tuple(str(each["String"].get("sval", "")) for each in items if "String" in each)


def functions(parsed: Parsed) -> Iterator[tuple[str, list[Node]]]:
    """Yield the name, without its schema, and the arguments of each function that a statement calls."""
    for _, call in nodes(whole(parsed), "FuncCall"):
        yield strings(call["funcname"])[-1], call.get("args", [])
