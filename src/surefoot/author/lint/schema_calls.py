"""Which calls of a revision file change the schema, as far as its source says."""

import ast
from collections.abc import Callable, Iterator

from alembic.operations import Operations

import surefoot.online  # noqa: F401  # registers op.create_index_online and the rest
from surefoot.author.lint.sql_tokens import DDL, block_body, is_block, split, words

NO_SCHEMA = frozenset({"backfill", "bulk_insert", "f", "get_bind", "get_context", "inline_literal", "run_async"})
"""Methods of `op` that change rows alone, or nothing."""
EXECUTES = frozenset({"exec_driver_sql", "execute", "executemany", "scalar", "scalars"})
CHANGES = frozenset(name for name in dir(Operations) if not name.startswith("_")) - NO_SCHEMA - EXECUTES
"""Methods of `op` and of a batch."""
OF_ROWS = frozenset({"delete", "from_select", "insert", "merge", "returning", "select", "update", "values", "where"})
"""SQLAlchemy's functions and methods that build a statement on rows."""
OF_TEXT = frozenset({"format", "format_map", "lower", "lstrip", "replace", "rstrip", "strip", "upper"})
"""Methods of str whose result begins as the text does."""

Values = Callable[[str], list[ast.expr]]
"""Gives the expressions that a name was assigned, or that a function of the file returns."""


def changes_schema(call: ast.Call, imports: dict[str, str], values: Values) -> bool:
    """Return whether the call by itself is an operation on the schema, or executes SQL that may be one."""
    match call.func:
        case ast.Attribute(attr=name):
            pass
        case ast.Name(id=alias) if imports.get(alias, "").startswith("alembic.op."):
            name = imports[alias].rpartition(".")[2]
        case _:
            return False
    if name in EXECUTES:
        texts = list(_texts(call.args[0], values, frozenset())) if call.args else [None]
        return any(text is None or _is_ddl(text) for text in texts)
    return name in CHANGES or name.startswith(("create", "drop"))  # as SQLAlchemy's tables and types have


def _is_ddl(text: str) -> bool:
    for statement in split(text):
        if is_block(statement):
            if DDL & set(words(block_body(statement))):
                return True
        elif words(statement)[:1] and words(statement)[0] in DDL:
            return True
    return False


def _texts(node: ast.expr, values: Values, seen: frozenset[str]) -> Iterator[str | None]:
    """Yield each text that `node` may be; None where the source does not say it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr() | ast.BinOp():
            yield from _joined(node, values, seen)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(ast.Tuple([one, other]), values, seen)
        case ast.List(elts=several) | ast.Tuple(elts=several) | ast.Set(elts=several) | ast.Dict(values=several):
            for each in several:
                yield from _texts(each, values, seen)
        case ast.Subscript(value=value) | ast.Starred(value=value):
            yield from _texts(value, values, seen)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            yield from _texts(element, values, seen)
        case ast.Name(id=name):
            yield from _assigned(name, values, seen)
        case ast.Call():
            yield from _called(node, values, seen)
        case _:
            yield None


def _joined(node: ast.JoinedStr | ast.BinOp, values: Values, seen: frozenset[str]) -> Iterator[str | None]:
    """Yield what an f-string, a sum or a `%` begins with, and its other constant parts."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            rest = next(_texts(right, values, seen), None) or "?"
        case ast.BinOp(left=left):
            rest = ""
        case ast.JoinedStr(values=[ast.FormattedValue(value=left), *parts]):
            rest = _constants(parts)
        case ast.JoinedStr(values=parts):
            left, rest = ast.Constant(""), _constants(parts)
    yield from (None if text is None else text + rest for text in _texts(left, values, seen))


def _constants(parts: list[ast.expr]) -> str:
    return " ? ".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _assigned(name: str, values: Values, seen: frozenset[str]) -> Iterator[str | None]:
    assigned = [] if name in seen else values(name)
    if not assigned:
        yield None
    for each in assigned:
        yield from _texts(each, values, seen | {name})


def _called(call: ast.Call, values: Values, seen: frozenset[str]) -> Iterator[str | None]:
    """Yield the text of a call: of rows where SQLAlchemy builds it, else that of its object or first argument."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in OF_ROWS:
            yield "select"
        case ast.Attribute(value=value, attr=name) if name in OF_TEXT | {"items", "keys"}:
            yield from _texts(value, values, seen)
        case ast.Name(id=name) if values(name):
            yield from _assigned(name, values, seen)
        case _ if call.args:
            yield from _texts(call.args[0], values, seen)
        case ast.Attribute(attr="values", value=value):
            yield from _texts(value, values, seen)
        case _:
            yield None
