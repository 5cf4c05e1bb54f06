"""How what a Python file reads of the environment flows into what it does: into conditions, arguments and failures.

Only the source is read, nothing is run. Names are followed through assignments, functions of the file and modules of
the project; what is put together at run time, such as getattr(os, "env" + "iron"), is not seen.
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from surefoot.author.lint.environment_reads import (
    Read,
    environment_read,
    full_name,
    schema_expressions,
)
from surefoot.author.lint.source_file import SourceFile

MUTATES = frozenset({"add", "append", "extend", "insert", "pop", "remove", "setdefault", "update"})
"""Methods after which a list, a set or a dict is what its arguments made of it."""


class Effect(Enum):
    """What the environment decides about a piece of code."""

    WHETHER = "whether a change of the schema is run"
    WHAT = "what a change of the schema is"
    FAILURE = "whether the code fails"


@dataclass(frozen=True)
class Dependence:
    """A piece of code that depends on the environment; `calls` are the calls that led to it, innermost first."""

    effect: Effect
    read: Read
    calls: tuple[ast.stmt | ast.expr, ...]


class Flow:
    """Which names of a file depend on the environment, and what the code makes of them.

    `known` has the flows of the project's modules that were read before.
    """

    def __init__(self, source: SourceFile, known: dict[SourceFile, "Flow"] | None = None) -> None:
        self._source = source
        self._functions = source.functions
        self._known = {} if known is None else known
        self._known[source] = self
        self._names: dict[tuple[str, str], Read] = {}
        """By function and name: what the variable depends on. The function "" is the module."""
        self._results: dict[str, Read] = {}
        """By function: what its result depends on."""
        self._found: list[Dependence] = []
        self._stack: list[ast.stmt | ast.expr] = []
        self._visited: set[tuple[str, bool]] = set()
        self._busy = False

    def dependences(self, function: str) -> list[Dependence]:
        """Return how what `function` does depends on the environment, in the order of the source."""
        if self._busy:  # modules that import each other
            return []
        self._busy = True
        known = -1
        while len(self._names) + len(self._results) != known:
            known = len(self._names) + len(self._results)
            self._found, self._stack, self._visited = [], [], set()
            self._block(self._source.tree.body, "", None)
            if function in self._functions:
                self._enter(function, None)
        self._busy = False
        return list(dict.fromkeys(self._found))

    def read_by(self, name: str) -> Read | None:
        """Return what a module's variable or a function's result depends on."""
        self.dependences(name)
        return self._names.get(("", name)) or self._results.get(name)

    def _in_module(self, node: ast.expr) -> tuple["Flow", str] | None:
        other = self._source.in_module(node)
        return (self._known.get(other[0]) or Flow(other[0], self._known), other[1]) if other is not None else None

    def _read(self, function: str, *nodes: ast.AST | None) -> Read | None:
        """Return the first thing that the expressions read of the environment, straight or through a name."""
        for whole in nodes:
            for node in schema_expressions(whole) if whole is not None else ():
                read = environment_read(node, self._source.imports)
                if read is None and isinstance(node, ast.Name):
                    known = (self._names.get((at, node.id)) for at in self._source.scopes(function))
                    read = next(filter(None, known), None) or self._results.get(node.id)
                if read is None and isinstance(node, ast.Name | ast.Attribute):
                    other = self._in_module(node)
                    inner = other[0].read_by(other[1]) if other is not None else None
                    read = Read(f"{ast.unparse(node)}, which reads {inner.what}", node.lineno) if inner else None
                if read is not None:
                    return read
        return None

    def _enter(self, function: str, cause: Read | None) -> None:
        if (function, cause is not None) not in self._visited:
            self._visited.add((function, cause is not None))
            self._block(self._functions[function].body, function, cause)

    def _block(self, body: Sequence[ast.stmt], function: str, cause: Read | None) -> Read | None:
        """Go through statements; return what decides whether the code after them is reached."""
        for statement in body:
            cause = self._statement(statement, function, cause) or cause
        return cause

    def _statement(self, node: ast.stmt, function: str, cause: Read | None) -> Read | None:
        if isinstance(node, ast.For | ast.AsyncFor):
            self._assign([node.target], function, cause or self._read(function, node.iter))
        parts = _conditions_and_blocks(node)
        if parts is not None:
            return self._branch(node, *parts, function, cause)
        match node:
            case ast.Try() | ast.TryStar():
                return self._try(node, function, cause)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self._expression(item.context_expr, function, cause)
                    if item.optional_vars is not None:
                        self._assign([item.optional_vars], function, self._read(function, item.context_expr))
                return self._block(body, function, cause)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return None
        self._simple(node, function, cause)
        return None

    def _try(self, node: ast.Try | ast.TryStar, function: str, cause: Read | None) -> Read | None:
        read = cause or self._read(function, *node.body)
        before = len(self._found)
        after = self._block(node.body, function, cause)
        if node.handlers:  # a failure is answered here
            self._found[before:] = [each for each in self._found[before:] if each.effect is not Effect.FAILURE]
        for handler in node.handlers:
            self._block(handler.body, function, read)
        self._block(node.orelse, function, read)
        self._block(node.finalbody, function, cause)
        return read if any(_leaves(each, ast.Return) for each in node.handlers) else after

    def _simple(self, node: ast.stmt, function: str, cause: Read | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child, function, cause)
        match node:
            case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.AugAssign(value=value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._assign(targets, function, cause or self._read(function, value))
            case ast.Return(value=value):
                read = cause or self._read(function, value)
                if read is not None:
                    self._results.setdefault(function, read)
            case ast.Raise():
                self._note(Effect.FAILURE, cause, node)
            case ast.Assert(test=test):
                self._note(Effect.FAILURE, cause or self._read(function, test), node)

    def _branch(
        self,
        node: ast.stmt,
        conditions: list[ast.expr],
        blocks: list[list[ast.stmt]],
        function: str,
        cause: Read | None,
    ) -> Read | None:
        for condition in conditions:
            self._expression(condition, function, cause)
        inner = cause or self._read(function, *conditions)
        after = [self._block(block, function, inner) for block in blocks]
        ends = (
            (ast.Return,)
            if isinstance(node, ast.For | ast.AsyncFor | ast.While)
            else (ast.Return, ast.Continue, ast.Break)
        )
        return next(filter(None, after), None) if _leaves(node, *ends) else None

    def _assign(self, targets: Iterable[ast.expr], function: str, read: Read | None) -> None:
        if read is not None:
            for target in targets:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name):
                        self._names.setdefault((function, node.id), read)

    def _expression(self, node: ast.AST, function: str, cause: Read | None) -> None:
        match node:
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._expression(test, function, cause)
                inner = cause or self._read(function, test)
                self._expression(body, function, inner)
                self._expression(orelse, function, inner)
            case ast.BoolOp(values=values):
                for value in values:
                    self._expression(value, function, cause)
                    cause = cause or self._read(function, value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node, function, cause)
            case ast.NamedExpr(target=target, value=value):
                self._expression(value, function, cause)
                self._assign([target], function, cause or self._read(function, value))
            case ast.Subscript(ctx=ast.Load(), value=value, slice=key):
                self._lookup(node, value, key, function, cause)
            case ast.Call():
                self._call(node, function, cause)
            case ast.Name(id=name) if name in self._functions:
                self._enter(name, cause)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._expression(child, function, cause)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, function: str, cause: Read | None
    ) -> None:
        for each in node.generators:
            for part in (each.iter, *each.ifs):
                self._expression(part, function, cause)
            cause = cause or self._read(function, each.iter, *each.ifs)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self._expression(part, function, cause)

    def _lookup(
        self, node: ast.Subscript, value: ast.expr, key: ast.expr, function: str, cause: Read | None
    ) -> None:  # fmt: skip
        """Look at `mapping[key]`, which fails where the environment gives another key, or has no such variable."""
        self._expression(value, function, cause)
        self._expression(key, function, cause)
        if isinstance(key, ast.Slice):
            return
        variable = full_name(value, self._source.imports) in {"os.environ", "os.environb"} and cause is None
        self._note(Effect.FAILURE, self._read(function, value if variable else key), node)

    def _call(self, call: ast.Call, function: str, cause: Read | None) -> None:
        if not isinstance(call.func, ast.Name):
            self._expression(call.func, function, cause)
        arguments = [*call.args, *call.keywords]
        for argument in arguments:
            self._expression(argument, function, cause)
        given = self._read(function, *arguments)
        match call.func:
            case ast.Name(id=name) if name in self._functions:
                self._parameters(self._functions[name], call, function)
                self._stack.insert(0, call)
                self._enter(name, cause)
                self._stack.pop(0)
                return
            case ast.Attribute(value=ast.Name(id=name), attr=method) if method in MUTATES:
                self._assign([ast.Name(name)], function, cause or given)
            case ast.Subscript() | ast.IfExp() | ast.Call():  # which function is called may depend on it
                self._note(Effect.WHETHER, self._read(function, call.func), call)
        other = self._in_module(call.func)
        for each in other[0].dependences(other[1])[:1] if other is not None else ():
            what = f"{ast.unparse(call.func)}, which reads {each.read.what}"
            self._note(each.effect, Read(what, call.lineno), call)
        if self._source.call_changes(call, function):
            self._note(Effect.WHETHER if cause else Effect.WHAT, cause or given, call)

    def _parameters(self, called: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, function: str) -> None:
        names = [each.arg for each in (*called.args.posonlyargs, *called.args.args)]
        for name, argument in zip(names, call.args, strict=False):
            self._assign([ast.Name(name)], called.name, self._read(function, argument))
        for keyword in call.keywords:
            if keyword.arg is not None:
                self._assign([ast.Name(keyword.arg)], called.name, self._read(function, keyword.value))

    def _note(self, effect: Effect, read: Read | None, node: ast.stmt | ast.expr) -> None:
        if read is not None:
            self._found.append(Dependence(effect, read, (node, *self._stack)))


def _conditions_and_blocks(node: ast.stmt) -> tuple[list[ast.expr], list[list[ast.stmt]]] | None:
    """Return what decides which of a statement's blocks is run and how often, and those blocks."""
    match node:
        case ast.If(test=condition, body=body, orelse=orelse) | ast.While(test=condition, body=body, orelse=orelse):
            return [condition], [body, orelse]
        case ast.For(iter=several, body=body, orelse=orelse) | ast.AsyncFor(iter=several, body=body, orelse=orelse):
            return [several], [body, orelse]
        case ast.Match(subject=subject, cases=cases):
            return [subject, *(case.guard for case in cases if case.guard)], [case.body for case in cases]
    return None


def _leaves(node: ast.AST, *ends: type[ast.stmt]) -> bool:
    return any(isinstance(each, ends) for each in ast.walk(node))
