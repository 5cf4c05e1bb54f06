"""One Python file as its source says it is: its functions, its imports, what its names are assigned."""

import ast
from pathlib import Path

from surefoot.author.lint.environment_reads import full_name, imported_names, project_file
from surefoot.author.lint.schema_calls import changes_schema


class SourceFile:
    """A file whose source is read; `package` is what its relative imports begin at.

    `loaded` has the files that were read before, by path, so that modules which import each other end.
    """

    def __init__(self, path: Path, package: str = "", loaded: dict[Path, "SourceFile"] | None = None) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text("utf-8"))
        self.imports = imported_names(self.tree, package)
        self.functions = {
            node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._loaded = {} if loaded is None else loaded
        self._loaded[path] = self
        self._enclosing = {
            inner.name: outer.name
            for outer in self.functions.values()
            for inner in ast.walk(outer)
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner is not outer
        }
        self._assigned = _assigned(self.tree)

    def scopes(self, function: str) -> tuple[str, ...]:
        """Return where a name of the function may be assigned: in it, in the function around it, in the module ("")."""
        return function, self._enclosing.get(function, ""), ""

    def in_module(self, node: ast.expr) -> tuple["SourceFile", str] | None:
        """Return the project's module that `node` is a name of, and that name."""
        name = full_name(node, self.imports)
        if name is None or "." not in name:
            return None
        module, _, last = name.rpartition(".")
        file = project_file(module)
        if file is None:
            return None
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        return self._loaded.get(file) or SourceFile(file, package, self._loaded), last

    def changes(self, name: str, seen: frozenset[tuple[Path, str]] = frozenset()) -> bool:
        """Return whether a function of the file changes the schema, itself or by what it calls."""
        if name not in self.functions or (self.path, name) in seen:
            return False
        return any(
            self.call_changes(node, name, seen | {(self.path, name)})
            for node in ast.walk(self.functions[name])
            if isinstance(node, ast.Call)
        )

    def call_changes(self, call: ast.Call, function: str, seen: frozenset[tuple[Path, str]] = frozenset()) -> bool:
        """Return whether a call in `function` changes the schema, itself or by what it calls."""
        if isinstance(call.func, ast.Name) and call.func.id in self.functions:
            return self.changes(call.func.id, seen)
        other = self.in_module(call.func)
        if other is not None:
            return other[0].changes(other[1], seen)
        return changes_schema(call, self.imports, lambda name: self._values(name, function))

    def _values(self, name: str, function: str) -> list[ast.expr]:
        if name in self.functions:
            returned = (node.value for node in ast.walk(self.functions[name]) if isinstance(node, ast.Return))
            return [value for value in returned if value is not None]
        return next((self._assigned[at, name] for at in self.scopes(function) if (at, name) in self._assigned), [])


def _assigned(tree: ast.Module) -> dict[tuple[str, str], list[ast.expr]]:
    """Return, by function and name, the expressions that the name is assigned or iterates over."""
    found: dict[tuple[str, str], list[ast.expr]] = {}

    def collect(node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            value: ast.expr | None = getattr(child, "iter", None) or getattr(child, "value", None)
            targets = getattr(child, "targets", None) or [getattr(child, "target", None)]
            names = (name for target in targets if target is not None for name in ast.walk(target))
            for name in names:
                if isinstance(name, ast.Name) and value is not None:
                    found.setdefault((function, name.id), []).append(value)
            collect(child, child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function)

    collect(tree, "")
    return found
