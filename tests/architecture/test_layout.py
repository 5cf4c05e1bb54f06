"""The project's own files keep the rules of the layout, and each rule finds what breaks it."""

import shutil
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.support.databases import ROOT

PACKAGE = ROOT / "src" / "ourschool"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package to break rules in."""
    copy = tmp_path / "ourschool"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def append(path: Path, line: str) -> None:
    path.write_text((path.read_text("utf-8") if path.exists() else '"""New."""\n') + f"\n{line}\n", "utf-8")


def test_imports_run_downward_only() -> None:
    assert list(rules.upward_imports(PACKAGE)) == []


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("settings.py", "from ourschool import database", "settings imports database, which is above it"),
        ("errors.py", "import surefoot.settings", "errors imports settings, which is above it"),
        (
            "schema/rows.py",
            "from surefoot.runtime.migrator_lock import SPACE",
            "schema.rows imports migrate.lock.SPACE, which",
        ),
        ("database.py", "def f():\n    from surefoot.catalogue import rows", "database imports schema.rows, which is"),
        ("migrate/lock.py", "from ourschool.models import metadata", "migrate.lock imports models"),
        ("operate/upgrade.py", "from ourschool.models import metadata", "operate.upgrade imports models"),
        ("models/people.py", "from surefoot.errors import UsageError", "models.people imports errors.UsageError"),
        ("helpers.py", "x = 1", "helpers has no place in LAYERS"),
    ],
)
def test_an_import_against_the_direction_is_found(package: Path, module: str, line: str, fault: str) -> None:
    (package / module).parent.mkdir(exist_ok=True)
    append(package / module, line)
    (found,) = rules.upward_imports(package)
    assert found.startswith(fault)


def test_who_may_import_models_may(package: Path) -> None:
    (package / "operate").mkdir(exist_ok=True)
    append(package / "operate" / "seed.py", "from ourschool.models import metadata")
    assert list(rules.upward_imports(package)) == []


@pytest.mark.promise("O6")
def test_every_module_of_the_models_is_registered() -> None:
    assert list(rules.unregistered(PACKAGE / "models")) == []


@pytest.mark.promise("O6")
def test_a_module_that_nobody_registered_is_found(package: Path) -> None:
    append(package / "models" / "canteen.py", "from ourschool.models.base import Base")
    (package / "models" / "clubs").mkdir()
    append(package / "models" / "clubs" / "chess.py", "x = 1")
    assert list(rules.unregistered(package / "models")) == [
        "ourschool.models.canteen is not registered in models/__init__.py",
        "ourschool.models.clubs.chess is not registered in models/__init__.py",
    ]


@pytest.mark.promise("C8")
def test_create_all_is_for_scratch_schemas_only() -> None:
    assert list(rules.creates_all(PACKAGE, allowed=frozenset({"schema/scratch.py"}))) == []
    assert list(rules.creates_all(ROOT / "alembic")) == []


@pytest.mark.promise("C8")
def test_create_all_is_found(package: Path) -> None:
    append(package / "database.py", "metadata.create_all(engine)")
    append(package / "settings.py", "getattr(metadata, 'create_all')(engine)")
    found = list(rules.creates_all(package, allowed=frozenset({"schema/scratch.py"})))
    assert [line.partition(",")[0] for line in found] == ["database.py", "settings.py"]


def test_the_folder_alembic_does_not_shadow_the_library() -> None:
    assert list((ROOT / "alembic").rglob("__init__.py")) == []


def test_env_py_fits_a_screen_and_a_half() -> None:
    assert len((ROOT / "alembic" / "env.py").read_text("utf-8").splitlines()) <= 70
