"""The wheel, installed into an environment of its own: the command, the revisions and `ensure_current` work from it."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.ourschool.history.schools import HEAD, at
from tests.support.databases import ROOT, Database

NOTHING: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel; its dependencies are the ones that this environment has already."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    interpreter = folder / "venv" / "bin" / "python"
    target = _run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    _run(sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", target, wheel)
    shared = next(path for path in sys.path if path.endswith("site-packages"))
    (Path(target) / "shared.pth").write_text(shared + "\n")
    return interpreter


def test_it_migrates_from_anywhere(python: Path, scratch: Database, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={scratch.url.render_as_string(False)}\n")
    refused = _in(tmp_path, python, "-m", "ourschool", "ensure", "--refuse", status=3).stderr
    (command,) = re.findall(r"(?:→|Next:) Run python (-m ourschool alembic upgrade head), then", refused)
    _in(tmp_path, python, *command.split())
    assert at(scratch) == [HEAD]
    done = _in(tmp_path, python, "-m", "ourschool", "ensure")
    assert "current" in done.stderr, done.stderr
    assert f"{HEAD} (head)" in _in(tmp_path, python, "-m", "ourschool", "alembic", "current").stdout
    code = "import ourschool, sqlalchemy as sa, sys; print(ourschool.ensure_current(sa.create_engine(sys.argv[1])))"
    told = _in(tmp_path, python, "-c", code, scratch.url.render_as_string(False))
    assert told.stdout == f"Ensured(revision='{HEAD}', pending=())\n"
    assert (
        "installed" in _in(tmp_path, python, "-c", "from ourschool.project import PROJECT; print(PROJECT.home)").stdout
    )
    _backups_have_a_place(python, scratch, tmp_path / "elsewhere")


def _backups_have_a_place(python: Path, database: Database, here: Path) -> None:
    """In a folder where nothing of the school is: that of the user's data, which is said."""
    here.mkdir()
    data = here.parent / "data"
    where = {"DATABASE_URL": database.url.render_as_string(False), "XDG_DATA_HOME": str(data)}
    made = Path(_in(here, python, "-m", "ourschool", "backup", more=where).stdout.strip())
    assert made.parent == data / "ourschool" / "backups"
    assert made.name in _in(here, python, "-m", "ourschool", "backup", "list", more=where).stdout
    assert list(here.iterdir()) == []
    (here / "backups").mkdir()
    assert made.name not in _in(here, python, "-m", "ourschool", "backup", "list", more=where).stdout


def test_it_has_every_module(python: Path) -> None:
    installed = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for package in ("ourschool", "surefoot"):
        modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / package).rglob("*.py")}
        assert {module for module in modules if not (installed / module).exists()} == set()


def _in(
    folder: Path, *command: object, status: int = 0, more: Mapping[str, str] = NOTHING
) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "DATABASE_URL", "OURSCHOOL_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept | dict(more), capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def _run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
