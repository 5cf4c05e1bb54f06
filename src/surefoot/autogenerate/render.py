"""The text of a revision: the renderers of `directives`, and SQL as Python literals that read well."""

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

from surefoot.autogenerate.directives import Ask, Changes, Filled, Remark, Sql, TakeBack, Unfinished, placeholder
from surefoot.private_members import single_percent_signs

WIDTH = 100
"""Characters of a literal in one line: what fits a line of 120 with its indentation and quotes."""
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


def literal(text: str, margin: int = 0) -> str:
    """`text` as Python, in double quotes, in as many lines as it has or needs."""
    pieces = [piece for line in text.splitlines(keepends=True) for piece in _wrapped(line)]
    if len(pieces) == 1:
        return _one(pieces[0])
    return indent("\n".join(_one(piece) for piece in pieces), " " * margin)


def statement(sql: str) -> str:
    """`op.execute` of SQL, in which no colon is a parameter."""
    if sql.startswith("do $") and '"""' not in sql and "\\" not in sql and not _PARAMETER.search(sql):
        return f'op.execute("""\n{indent(sql, "    ")}\n""")'  # indented, which in a function would be a difference
    text = literal(_PARAMETER.sub(r"\\:", sql), margin=4)
    return f"op.execute(\n{text}\n)" if "\n" in text else f"op.execute({text})"


def _wrapped(line: str) -> list[str]:
    pieces = []
    while len(line) > WIDTH:
        cut = line.rfind(" ", WIDTH // 3, WIDTH) + 1
        if cut == 0:
            break
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]


def _one(text: str) -> str:
    quoted = repr(text)
    if quoted.startswith("'") and '"' not in text:
        return '"' + quoted[1:-1].replace("\\'", "'") + '"'
    return quoted


def _text(context: AutogenContext, operations: Iterable[MigrateOperation]) -> str:
    return "\n".join(_one_of(context, operation) for operation in operations)


def _one_of(context: AutogenContext, operation: MigrateOperation) -> str:
    text = render.render_op_text(context, operation)
    if not isinstance(operation, CreateTableOp):
        return text
    first, *arguments, last = text.splitlines()
    return "\n".join([first, *(f"    {line}" for line in arguments), last])


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)]


@contextmanager
def _as_it_stands(context: AutogenContext) -> Iterator[None]:
    """Write SQL expressions so that they arrive as they are: stock Alembic doubles a percent, and a colon is lost."""
    impl = context.migration_context.impl
    stock = impl.render_ddl_sql_expr

    def escaped(expression: ClauseElement, **options: Any) -> str:
        text = stock(expression, **options)
        return text if options.get("is_index") else _PARAMETER.sub(r"\\:", text)

    setattr(impl, "render_ddl_sql_expr", escaped)  # noqa: B010  # a method, for as long as the text is made
    try:
        with single_percent_signs(context.dialect):
            yield
    finally:
        delattr(impl, "render_ddl_sql_expr")


@renderers.dispatch_for(Changes)
def _changes(context: AutogenContext, op: Changes) -> list[str]:
    with _as_it_stands(context):
        return [render.render_op_text(context, operation) for operation in op.upgrade]


@renderers.dispatch_for(Remark)
def _remark(_: AutogenContext, op: Remark) -> str:
    return "\n".join(line for text in op.lines for line in _comment(text))


@renderers.dispatch_for(Ask)
def _ask(_: AutogenContext, op: Ask) -> str:
    return "\n".join([*_comment(op.hint), f"{op.variable} = op.fill_in({_one(op.what)})"])


@renderers.dispatch_for(Unfinished)
def _unfinished(_: AutogenContext, op: Unfinished) -> str:
    text = literal(op.what, margin=4)
    call = f"op.unfinished(\n{text}\n)" if "\n" in text else f"op.unfinished({text})"
    return "\n".join([*(line for hint in op.hints for line in _comment(hint)), call])


@renderers.dispatch_for(Sql)
def _sql(_: AutogenContext, op: Sql) -> str:
    remark = _comment(op.remark) if op.remark else []
    return "\n".join(line for sql in op.statements for line in (*remark, statement(sql)))


@renderers.dispatch_for(TakeBack)
def _take_back(context: AutogenContext, op: TakeBack) -> str:
    call = render.render_op_text(context, op.restore)
    return f"if not {call}:\n{indent(_text(context, op.anew), '    ')}"


@renderers.dispatch_for(Filled)
def _filled(context: AutogenContext, op: Filled) -> str:
    text = render.render_op_text(context, op.operation)
    for variable in op.variables:
        text = text.replace(repr(placeholder(variable)), variable)
    return text


def body(text: str | None) -> str:
    """The body of a function as script.py.mako writes it: as a formatter would quote it, without Alembic's banners."""
    lines = [line for line in (text or "").splitlines() if not line.strip().startswith("# ### ")]
    return _requoted("\n".join(lines).strip()) or "pass"


def _requoted(code: str) -> str:
    """The code with its strings in double quotes, where that needs no other escape."""
    lines = code.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(f"if True:\n    {code}\n").readline)
    strings = [
        token for token in tokens if token.type == tokenize.STRING and re.fullmatch(r"'[^'\"\\]*'", token.string)
    ]
    for token in reversed(strings):
        row, start, end = token.start[0] - 2, token.start[1], token.end[1]
        shift = 4 if row == 0 else 0
        line = lines[row]
        lines[row] = f'{line[: start - shift]}"{token.string[1:-1]}"{line[end - shift :]}'
    return "\n".join(lines)
