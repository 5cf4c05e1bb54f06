"""The rules of the layout as functions of a folder: each yields a line for every fault that it finds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

LAYERS = (
    {"cli", "__main__", "testing"},
    {"operate"},
    {"migrate"},
    {"schema"},
    {"clients"},
    {"database"},
    {"denied"},
    {"libpq"},
    {"embedded"},
    {"settings"},
    {"errors", "project"},
)
"""From the top: a module imports from its own layer and from those below. `models` stands beside them."""
MAY_IMPORT_MODELS = frozenset({"operate.seed", "operate.check"})
IN_REVISIONS = frozenset({"__future__", "collections", "datetime", "decimal", "enum", "itertools", "json", "math", "re",
                          "string", "textwrap", "typing", "uuid", "alembic", "sqlalchemy"})  # fmt: skip
"""Nothing that could depend on the machine a revision runs on, and nothing of ours, which will change."""
HEADINGS = ("Why:", "Locks:", "Data:", "Way back:")
FILE_NAME = re.compile(r"(\d{4})_(\d\d)_(\d\d)_(\d\d)(\d\d)-([0-9a-z]{1,32})_([a-z0-9_]+)\.py")


def imports(path: Path) -> Iterator[str]:
    """The full name of every module that the file imports, lazily or not; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path, package: Path) -> str:
    """The dotted name inside the package: `migrate.lock`, or `migrate` for its __init__."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def upward_imports(package: Path) -> Iterator[str]:
    """Imports against the direction cli → operate → migrate → schema → database → settings → errors, and of models."""
    rank = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    for path in sorted(package.rglob("*.py")):
        module = module_of(path, package)
        top = module.partition(".")[0]
        if top not in rank and top not in {"", "models"}:
            yield f"{module} has no place in LAYERS"
            continue
        for name in imports(path):
            prefix, _, other = name.partition(".")
            if prefix != package.name or not other:
                continue
            target = other.partition(".")[0]
            room = ".".join(module.split(".")[:2])
            if target == "models" and top != "models" and room not in MAY_IMPORT_MODELS:
                yield f"{module} imports models"
            elif top == "models" and target != "models":
                yield f"{module} imports {other}: models import nothing of ours"
            elif top and target in rank and rank[target] < rank.get(top, 99):
                yield f"{module} imports {other}, which is above it"


def unregistered(models: Path) -> Iterator[str]:
    """Modules under `models` that its `__init__` does not import: autogenerate would drop their tables.

    `guards` has no tables; the modules with tables import it.
    """
    registered = set(imports(models / "__init__.py"))
    for path in sorted(models.rglob("*.py")):
        name = f"ourschool.models.{module_of(path, models)}".rstrip(".")
        if path.stem not in {"__init__", "guards"} and not any(f"{one}.".startswith(f"{name}.") for one in registered):
            yield f"{name} is not registered in models/__init__.py"


def creates_all(folder: Path, *, allowed: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every use of create_all outside the allowed files; what comments and docstrings say of it is no use."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            said = {getattr(node, field, None) for field in ("attr", "id", "name", "value")}
            if "create_all" in {one for one in said if isinstance(one, str)} and (
                str(path.relative_to(folder)) not in allowed
            ):
                yield f"{path.relative_to(folder)}, line {getattr(node, 'lineno', '?')}: create_all"


def foreign_imports(versions: Path) -> Iterator[str]:
    """What a revision must not import: it has to mean the same for ever, and everywhere."""
    for path in sorted(versions.glob("*.py")):
        for name in imports(path):
            if name.partition(".")[0] not in IN_REVISIONS:
                yield f"{path.name} imports {name}"


def unexplained(versions: Path) -> Iterator[str]:
    """Docstrings without Why, Locks, Data or Way back, or with what the template left there."""
    for path in sorted(versions.glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        template = (path.parents[1] / "script.py.mako").read_text("utf-8")
        for heading in HEADINGS:
            found = re.search(rf"^{heading} (.+)$", text, flags=re.MULTILINE)
            if found is None or f"{heading} {found[1]}" in template:
                yield f"{path.name} says nothing behind {heading}"


def misnamed(versions: Path) -> Iterator[str]:
    """Files not named YYYY_MM_DD_HHMM-<revision>_<slug>.py after what is in them."""
    for path in sorted(versions.glob("*.py")):
        text = path.read_text("utf-8")
        name = FILE_NAME.fullmatch(path.name)
        if name is None:
            yield f"{path.name} is not YYYY_MM_DD_HHMM-<revision>_<slug>.py"
            continue
        year, month, day, hour, minute, revision, slug = name.groups()
        if not re.search(rf"^Create Date: {year}-{month}-{day} {hour}:{minute}:\S+\+00:00$", text, flags=re.MULTILINE):
            yield f"{path.name} was made at another time (UTC) than its name says"
        if revision != assigned(path)["revision"]:
            yield f"{path.name} holds revision {assigned(path)['revision']}"
        headline = re.sub(r"\W+", "_", (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].lower())
        if not headline.startswith(slug):
            yield f"{path.name} begins with another message"


def assigned(path: Path) -> dict[str, object]:
    """The constants that a revision file assigns at its top level."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def broken_chain(versions: Path) -> Iterator[str]:
    """Ids used twice or too long, parents that no file has, more than one base or head: what Alembic only warns of."""
    files = [assigned(path) for path in sorted(versions.glob("*.py"))]
    ids = [str(file["revision"]) for file in files]
    parents: list[str] = []
    for file in files:
        down = file["down_revision"]
        parents += [str(one) for one in (down if isinstance(down, tuple) else (down,)) if one is not None]
    yield from (f"{one} is used twice" for one in sorted(set(ids)) if ids.count(one) > 1)
    yield from (f"{one} is longer than 32 characters" for one in ids if len(one) > 32)
    yield from (f"{one} is named as a parent, but no file has it" for one in sorted(set(parents) - set(ids)))
    bases = [str(file["revision"]) for file in files if file["down_revision"] is None]
    if len(bases) != 1:
        yield f"bases: {', '.join(bases)}"
    heads = sorted(set(ids) - set(parents))
    if len(heads) != 1:
        yield f"heads: {', '.join(heads)}"
