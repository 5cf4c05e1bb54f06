"""Rule on what a revision file imports: what the application's code means tomorrow, an old revision must not mean."""

import ast
from collections.abc import Iterator

from surefoot.author.lint.environment_reads import project_file
from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.span import Span

IMPORTS = "imports-application"
MODELS = frozenset({"model", "models"})

WHY = (
    "{module} is the application's own code, which goes on changing: in a year this revision runs with other tables, "
    "columns and defaults than it was written for, or not at all."
)
SAFE = (
    "# copy in what is needed, as it is today:\n"
    'pupils = sa.table("pupils", sa.column("id", sa.BigInteger), sa.column("name", sa.Text))'
)


def imports(recording: Recording) -> Iterator[Finding]:
    """Find imports of the project's modules, and of any module of models, at the top or in a function.

    They are told with the upgrade, for the file is one.
    """
    if recording.direction != "upgrade":
        return
    source = recording.file.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        own = [each for each in _modules(node) if not MODELS.isdisjoint(each.split(".")) or project_file(each)]
        if own and isinstance(node, ast.stmt | ast.expr):
            spans = (Span(node.lineno, node.end_lineno or node.lineno),)
            why, text = WHY.format(module=own[0]), ast.unparse(node)
            yield Finding(IMPORTS, recording.revision, recording.file, recording.direction, spans, text, why, SAFE)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = f"{'.' * node.level}{node.module or ''}"
        return [f"models.{module}"] if node.level else [module, *(f"{module}.{alias.name}" for alias in node.names)]
    match node:
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
    return []
