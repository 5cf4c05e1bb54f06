"""The rules of the layout as functions of a folder: each yields a line for every fault that it finds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FLOOR = re.compile(r"^ {4}surefoot +(?P<rooms>[a-z_, ]+?)(?: {2,}.*)?$", re.MULTILINE)
"""A line of the drawing in docs/architecture.md: the rooms of one floor of the engine, the highest first."""
MAY_IMPORT_MODELS = frozenset({"project", "seed"})
"""Of the school's own modules. The engine imports nothing of it."""
COMMANDS = ("adopt", "backup", "ensure", "identify", "lint", "rehearse", "status", "work")
SUBJECTS = ("communication", "curriculum", "fees", "grades", "office", "people", "points")
ALIKE = {
    "__init__": "a package's own",
    "__main__": "Python asks for the name",
    "cli": "the program of any project, and what a school adds to it",
    "project": "what a project is, and the one of this school",
    "testing": "the fixtures of any project, and those of this school",
    "operation": "the operation of its folder: op.backfill, op.change_types_online",
    "journal": "the school's tables of it, the rows that fill them, and the migrations' own",
    **dict.fromkeys(COMMANDS, "a command as it is typed, and what it does"),
    **dict.fromkeys(SUBJECTS, "a subject's tables, and the rows that fill them"),
}
"""Names that more than one module or folder may have, and why."""
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


def floors(drawing: str) -> list[set[str]]:
    """The floors of the engine as the drawing has them, the highest first."""
    return [set(match["rooms"].replace(" ", "").split(",")) for match in FLOOR.finditer(drawing)]


def upward_imports(engine: Path, layers: list[set[str]]) -> Iterator[str]:
    """Imports of the engine against the direction of its floors, or of a project; and what has no floor."""
    rank = {name: number for number, layer in enumerate(layers) for name in layer}
    for path in sorted(engine.rglob("*.py")):
        module = module_of(path, engine)
        room = module.partition(".")[0]
        if room and room not in rank:
            yield f"{module} has no floor in docs/architecture.md"
            continue
        for name in imports(path):
            prefix, _, other = name.partition(".")
            target = other.partition(".")[0]
            if prefix == "ourschool":
                yield f"{module} imports {name}: the engine knows no school"
            elif prefix == engine.name and room and target in rank and rank[target] < rank[room]:
                yield f"{module} imports {other}, which is above it"


def models_apart(school: Path) -> Iterator[str]:
    """Imports of the models by those who have no need of them, and what they import of ours but the naming."""
    for path in sorted(school.rglob("*.py")):
        module = module_of(path, school)
        room = module.partition(".")[0]
        for name in imports(path):
            ours = name.startswith(("ourschool.", "surefoot."))
            if room == "models" and ours and not name.startswith(("ourschool.models", "ourschool.naming")):
                yield f"{module} imports {name}: models import nothing of ours"
            elif name.startswith("ourschool.models") and room not in MAY_IMPORT_MODELS | {"models"}:
                yield f"{module} imports models"


def named_alike(source: Path) -> Iterator[str]:
    """Modules and folders of one name that `ALIKE` does not know."""
    there: dict[str, list[str]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix == ".py" or (path / "__init__.py").exists():
            there.setdefault(path.stem, []).append(str(path.relative_to(source)))
    for name, paths in there.items():
        if len(paths) > 1 and name not in ALIKE:
            yield f"{name}: {', '.join(paths)}"


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
