"""Render a revision: the `directives` as Python text, and SQL as readable string literals."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from textwrap import indent, wrap
from typing import Any

from alembic.autogenerate import render, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, MigrateOperation
from sqlalchemy.sql.elements import ClauseElement

from surefoot.autogenerate.directives import (
    Changes,
    FillIn,
    Remark,
    RestoreOrCreate,
    Sql,
    Unfinished,
    WithVariables,
    placeholder,
)
from surefoot.private_members import single_percent_signs

WIDTH = 100
"""Characters of a literal in one line, which fits a line of 120 with indentation and quotes."""
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


def literal(text: str, margin: int = 0) -> str:
    """Return `text` as a Python literal in double quotes, in several lines where it is long; `margin` indents them."""
    pieces = _pieces(text)
    if len(pieces) == 1:
        return _quoted(pieces[0])
    return indent("\n".join(_quoted(piece) for piece in pieces), " " * margin)


def statement(sql: str) -> str:
    """Return `op.execute(…)` of the SQL; a colon that SQLAlchemy would take for a parameter is escaped."""
    if sql.startswith("do $") and '"""' not in sql and "\\" not in sql and not _PARAMETER.search(sql):
        return f'op.execute("""\n{indent(sql, "    ")}\n""")'  # indented: in a function body that would be a difference
    text = literal(_PARAMETER.sub(r"\\:", sql), margin=4)
    return f"op.execute(\n{text}\n)" if "\n" in text else f"op.execute({text})"


def _pieces(text: str) -> list[str]:
    return [piece for line in text.splitlines(keepends=True) for piece in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    pieces = []
    while len(line) > WIDTH:
        cut = line.rfind(" ", WIDTH // 3, WIDTH) + 1 or WIDTH
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]


def _quoted(text: str) -> str:
    quoted = repr(text)
    if quoted.startswith("'") and '"' not in text:
        return '"' + quoted[1:-1].replace("\\'", "'") + '"'
    return quoted


def _text(context: AutogenContext, operations: Iterable[MigrateOperation]) -> str:
    return "\n".join(_operation_text(context, operation) for operation in operations)


def _operation_text(context: AutogenContext, operation: MigrateOperation) -> str:
    text = render.render_op_text(context, operation)
    if not isinstance(operation, CreateTableOp):
        return text
    first, *arguments, last = text.splitlines()
    return "\n".join([first, *(f"    {line}" for line in arguments), last])


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)]


@contextmanager
def _unescaped_sql(context: AutogenContext) -> Iterator[None]:
    """Render SQL expressions unchanged: Alembic doubles percent signs, and `sa.text` takes a colon for a parameter."""
    impl = context.migration_context.impl
    stock = impl.render_ddl_sql_expr

    def escaped(expression: ClauseElement, **options: Any) -> str:
        text = stock(expression, **options)
        return text if options.get("is_index") else _PARAMETER.sub(r"\\:", text)

    setattr(impl, "render_ddl_sql_expr", escaped)  # noqa: B010  # a method, replaced inside the block
    try:
        with single_percent_signs(context.dialect):
            yield
    finally:
        delattr(impl, "render_ddl_sql_expr")


@renderers.dispatch_for(Changes)
def _changes(context: AutogenContext, op: Changes) -> list[str]:
    with _unescaped_sql(context):
        return [render.render_op_text(context, operation) for operation in op.upgrade]


@renderers.dispatch_for(Remark)
def _remark(_: AutogenContext, op: Remark) -> str:
    return "\n".join(line for text in op.lines for line in _comment(text))


@renderers.dispatch_for(FillIn)
def _ask(_: AutogenContext, op: FillIn) -> str:
    return "\n".join([*_comment(op.hint), f"{op.variable} = op.fill_in({_quoted(op.what)})"])


@renderers.dispatch_for(Unfinished)
def _unfinished(_: AutogenContext, op: Unfinished) -> str:
    text = literal(op.what, margin=4)
    call = f"op.unfinished(\n{text}\n)" if "\n" in text else f"op.unfinished({text})"
    return "\n".join([*(line for hint in op.hints for line in _comment(hint)), call])


@renderers.dispatch_for(Sql)
def _sql(_: AutogenContext, op: Sql) -> str:
    remark = _comment(op.remark) if op.remark else []
    return "\n".join(line for sql in op.statements for line in (*remark, statement(sql)))


@renderers.dispatch_for(RestoreOrCreate)
def _take_back(context: AutogenContext, op: RestoreOrCreate) -> str:
    call = render.render_op_text(context, op.restore)
    return f"if not {call}:\n{indent(_text(context, op.anew), '    ')}"


@renderers.dispatch_for(WithVariables)
def _filled(context: AutogenContext, op: WithVariables) -> str:
    text = render.render_op_text(context, op.operation)
    for variable in op.variables:
        text = text.replace(repr(placeholder(variable)), variable)
    return text


def body(text: str | None) -> str:
    """Return the body of upgrade() or downgrade() for script.py.mako: double-quoted strings, no Alembic banners."""
    lines = [line for line in (text or "").splitlines() if not line.strip().startswith("# ### ")]
    return _requoted("\n".join(lines).strip()) or "pass"


def _requoted(code: str) -> str:
    """Return the code with single-quoted strings in double quotes where that needs no escape, long ones in pieces."""
    lines = code.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(f"if True:\n    {code}\n").readline)
    strings = [token for token in tokens if token.type == tokenize.STRING and token.start[0] == token.end[0]]
    for token in reversed(strings):
        row, start, end = token.start[0] - 2, token.start[1], token.end[1]
        shift = 4 if row == 0 else 0
        line = lines[row]
        lines[row] = line[: start - shift] + _string(token.string) + line[end - shift :]
    return "\n".join(lines)


def _string(token: str) -> str:
    if token.startswith('"""'):
        return token
    value = ast.literal_eval(token)
    if len(value) > WIDTH:
        return " ".join(map(_quoted, _pieces(value)))
    return f'"{token[1:-1]}"' if re.fullmatch(r"'[^'\"\\]*'", token) else token
