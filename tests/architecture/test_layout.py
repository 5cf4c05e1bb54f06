"""The project's own files keep the rules of the layout, and each rule finds what breaks it."""

import shutil
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.support.databases import ROOT

SOURCE = ROOT / "src"
SCHOOL, ENGINE = SOURCE / "ourschool", SOURCE / "surefoot"
FLOORS = rules.floors((ROOT / "docs" / "architecture.md").read_text("utf-8"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the two packages to break rules in."""
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def append(path: Path, line: str) -> None:
    path.write_text((path.read_text("utf-8") if path.exists() else '"""New."""\n') + f"\n{line}\n", "utf-8")


def test_imports_run_downward_only() -> None:
    assert list(rules.upward_imports(ENGINE, FLOORS)) == []


def test_the_drawing_has_every_room_once() -> None:
    rooms = {path.stem for path in ENGINE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    drawn = [room for floor in FLOORS for room in sorted(floor)]
    assert sorted(drawn) == sorted(rooms - {"__init__"})


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("settings.py", "from surefoot import database", "settings imports database, which is above it"),
        ("errors.py", "import surefoot.settings", "errors imports settings, which is above it"),
        ("catalogue/builders.py", "from surefoot.runtime.session import worker", "catalogue.builders imports runtime."),
        ("database.py", "def f():\n    from surefoot.catalogue import reader", "database imports catalogue.reader, "),
        ("runtime/session.py", "from ourschool.models import metadata", "runtime.session imports ourschool.models"),
        ("operate/ensure.py", "import ourschool.project", "operate.ensure imports ourschool.project: the engine"),
        ("helpers.py", "x = 1", "helpers has no floor in docs/architecture.md"),
    ],
)
def test_an_import_against_the_direction_is_found(source: Path, module: str, line: str, fault: str) -> None:
    append(source / "surefoot" / module, line)
    (found,) = rules.upward_imports(source / "surefoot", FLOORS)
    assert found.startswith(fault)


def test_the_models_stand_apart(source: Path) -> None:
    school = source / "ourschool"
    assert list(rules.models_apart(school)) == []
    append(school / "models" / "people.py", "from surefoot.errors import UsageError")
    append(school / "admin.py", "from ourschool.models import metadata")
    assert list(rules.models_apart(school)) == [
        "admin imports models",
        "models.people imports surefoot.errors.UsageError: models import nothing of ours",
    ]


def test_no_two_modules_have_one_name(source: Path) -> None:
    assert list(rules.named_alike(source)) == []
    append(source / "surefoot" / "online" / "recorder.py", "x = 1")
    assert next(rules.named_alike(source)).startswith("recorder: ")


@pytest.mark.promise("O6")
def test_every_module_of_the_models_is_registered() -> None:
    assert list(rules.unregistered(SCHOOL / "models")) == []


@pytest.mark.promise("O6")
def test_a_module_that_nobody_registered_is_found(source: Path) -> None:
    package = source / "ourschool"
    append(package / "models" / "canteen.py", "from ourschool.models.base import Base")
    (package / "models" / "clubs").mkdir()
    append(package / "models" / "clubs" / "chess.py", "x = 1")
    assert list(rules.unregistered(package / "models")) == [
        "ourschool.models.canteen is not registered in models/__init__.py",
        "ourschool.models.clubs.chess is not registered in models/__init__.py",
    ]


@pytest.mark.promise("C8")
def test_create_all_is_for_scratch_schemas_only() -> None:
    assert list(rules.creates_all(SOURCE, allowed=frozenset({"surefoot/catalogue/scratch_schema.py"}))) == []
    assert list(rules.creates_all(ROOT / "alembic")) == []


@pytest.mark.promise("C8")
def test_create_all_is_found(source: Path) -> None:
    package = source / "surefoot"
    append(package / "database.py", "metadata.create_all(engine)")
    append(package / "settings.py", "getattr(metadata, 'create_all')(engine)")
    found = list(rules.creates_all(package, allowed=frozenset({"catalogue/scratch_schema.py"})))
    assert [line.partition(",")[0] for line in found] == ["database.py", "settings.py"]


def test_the_folder_alembic_does_not_shadow_the_library() -> None:
    assert list((ROOT / "alembic").rglob("__init__.py")) == []


def test_env_py_is_a_door_and_no_house() -> None:
    assert len((ROOT / "alembic" / "env.py").read_text("utf-8").splitlines()) <= 10
