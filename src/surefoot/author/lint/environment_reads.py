"""What in a Python file reads the environment: variables, the clock, the machine, chance, settings, the connection."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WHOLE_MODULES = frozenset({
    "decouple", "dotenv", "environs", "getpass", "locale", "platform", "pwd", "random", "secrets", "socket",
})  # fmt: skip
"""Modules of which every name reads the environment."""
NAMES = frozenset({
    "alembic.context.config", "alembic.context.get_tag_argument", "alembic.context.get_x_argument",
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "os.cpu_count", "os.environ", "os.environb", "os.getcwd", "os.getenv", "os.getenvb", "os.geteuid", "os.getlogin",
    "os.getpid", "os.getuid", "os.listdir", "os.name", "os.path.exists", "os.path.isdir", "os.path.isfile",
    "os.times", "os.uname", "os.urandom",
    "sys.argv", "sys.executable", "sys.platform", "sys.version", "sys.version_info",
    "time.gmtime", "time.localtime", "time.monotonic", "time.perf_counter", "time.strftime", "time.time",
    "time.time_ns", "time.timezone", "time.tzname",
    "uuid.getnode", "uuid.uuid1", "uuid.uuid4",
})  # fmt: skip
ATTRIBUTES = frozenset({
    "default_isolation_level", "get_isolation_level", "get_x_argument", "in_nested_transaction", "in_transaction",
    "url",
})  # fmt: skip
"""Attributes of a connection, an engine or Alembic's context, whatever the name of the object."""
CONNECTION_INFO = frozenset({"dbname", "host", "hostaddr", "port", "user"})
"""Attributes of psycopg's `connection.info`."""
NOT_READ = frozenset({"alembic", "psycopg", "sqlalchemy", "surefoot"})
"""Packages whose source is not read beside the standard library's: what they read changes no revision."""
PYTHON_DEFAULTS = frozenset({"default", "insert_default", "onupdate"})
"""Arguments of sa.Column that a revision's DDL does not contain."""


@dataclass(frozen=True)
class Read:
    """An expression that reads the environment: its name in full, such as os.environ, and its line."""

    what: str
    line: int

    def __str__(self) -> str:
        return f"{self.what} (line {self.line})"


def imported_names(tree: ast.Module, package: str) -> dict[str, str]:
    """Return the full name behind each name that a file imports; `package` is what its relative imports begin at."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if node.level:
                module = importlib.util.resolve_name(module, package) if package else ""
            for alias in node.names:
                names[alias.asname or alias.name] = f"{module}.{alias.name}"
    return names


def full_name(node: ast.expr, imports: dict[str, str]) -> str | None:
    """Return `os.environ.get` for that attribute of an imported name, None for what is not imported."""
    match node:
        case ast.Name(id=name):
            return imports.get(name)
        case ast.Attribute(value=value, attr=attribute):
            before = full_name(value, imports)
            return f"{before}.{attribute}" if before else None
    return None


def environment_read(node: ast.AST, imports: dict[str, str]) -> Read | None:
    """Return what `node` by itself, without its parts, reads of the environment."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    name = full_name(node, imports)
    if name is not None and _is_read(name):
        return Read(name, node.lineno)
    if isinstance(node, ast.Attribute):
        of_info = isinstance(node.value, ast.Attribute) and node.value.attr == "info"
        if node.attr in ATTRIBUTES or (of_info and node.attr in CONNECTION_INFO):
            return Read(ast.unparse(node), node.lineno)
    return None


def schema_expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Walk an expression without what SQLAlchemy keeps to itself, such as a column's default in Python."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.keyword) and child.arg in PYTHON_DEFAULTS):
            yield from schema_expressions(child)


def project_file(module: str) -> Path | None:
    """Return the file of a module of the project's own, None for the standard library, a library or the engine."""
    package = module.partition(".")[0]
    if not package or package in sys.stdlib_module_names or package in NOT_READ:
        return None
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        return None
    path = Path(found.origin)
    return None if {"site-packages", "dist-packages"} & set(path.parts) else path


def _is_read(name: str) -> bool:
    parts = name.split(".")
    return parts[0] in WHOLE_MODULES or name in NAMES or "settings" in parts
