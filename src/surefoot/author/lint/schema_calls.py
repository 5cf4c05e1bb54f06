"""Which calls of a revision file change the schema, as far as its source says."""

import ast
from collections.abc import Callable, Iterator

from alembic.operations import Operations

import surefoot.online  # noqa: F401  # registers op.create_index_online and the rest
from surefoot.author.lint.sql_tokens import DDL, VERBS, block_body, is_block, split, words

NO_SCHEMA = frozenset({"backfill", "bulk_insert", "f", "get_bind", "get_context", "inline_literal", "run_async"})
"""Methods of `op` that change rows alone, or nothing."""
EXECUTES = frozenset({"exec_driver_sql", "execute", "executemany", "scalar", "scalars"})
CHANGES = frozenset(name for name in dir(Operations) if not name.startswith("_")) - NO_SCHEMA - EXECUTES
"""Methods of `op` and of a batch."""
OF_ROWS = frozenset({"delete", "insert", "merge", "select", "update"})
"""SQLAlchemy's functions and methods that build a statement on rows."""

Values = Callable[[str], list[ast.expr]]
"""Gives the expressions that a name was assigned, or that a function of the file returns."""


def changes_schema(call: ast.Call, imports: dict[str, str], values: Values) -> bool:
    """Return whether the call by itself is an operation on the schema, or executes SQL that may be one.

    SQL counts as DDL where its source shows no statement at all.
    """
    match call.func:
        case ast.Attribute(attr=name):
            pass
        case ast.Name(id=alias) if imports.get(alias, "").startswith("alembic.op."):
            name = imports[alias].rpartition(".")[2]
        case _:
            return False
    if name in EXECUTES:
        verbs = {verb for argument in call.args[:1] for verb in _verbs(argument, values, frozenset())}
        return not verbs or bool(verbs & DDL)
    return name in CHANGES or name.startswith(("create", "drop"))  # as SQLAlchemy's tables and types have


def _verbs(node: ast.AST, values: Values, seen: frozenset[str]) -> Iterator[str]:
    """Yield the verbs of the SQL statements in an expression and in what its names stand for."""
    match node:
        case ast.Constant(value=str(text)):
            yield from _verbs_of_text(text)
        case ast.JoinedStr(values=[first, *_] as parts):
            texts = (str(part.value) if isinstance(part, ast.Constant) else "?" for part in parts)
            yield from _verbs_of_text("".join(texts))
            if isinstance(first, ast.FormattedValue):
                yield from _verbs(first.value, values, seen)
            return
        case ast.Name(id=name) if name not in seen:
            for value in values(name):
                yield from _verbs(value, values, seen | {name})
        case ast.Attribute(attr=name) if name in OF_ROWS:
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _verbs(child, values, seen)


def _verbs_of_text(text: str) -> Iterator[str]:
    """Yield the first word of each statement where it is a verb; of a DO block every verb inside."""
    for statement in split(text):
        tokens = words(statement)
        yield from VERBS & set(words(block_body(statement)) if is_block(statement) else tokens[:1])
