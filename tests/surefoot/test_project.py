"""Where a project is: its own copy in the folder where it is typed, else where it was made; never another's."""

import ast
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ourschool import project as school
from ourschool.project import PROJECT
from surefoot import program
from surefoot.project import Project
from surefoot.revision_heads import heads_of
from tests.support.databases import ROOT

STOCK = "from alembic import context\ncontext.configure()\n"
ANOTHER = "from bakery.project import PROJECT\nfrom surefoot.environment import door\n"


@pytest.fixture
def installed(tmp_path: Path) -> Project:
    """A project as an installed package has it: its home is no folder that anybody works in."""
    home = tmp_path / "site-packages"
    home.mkdir()
    return Project("ourschool", home, PROJECT.load_metadata, workplace=tmp_path)


def copied(folder: Path, env: str | None = None) -> Path:
    """A folder with an Alembic project in it; without `env`, a copy of the school's."""
    (folder / "alembic").mkdir(parents=True)
    shutil.copy(ROOT / "alembic.ini", folder)
    text = (ROOT / "alembic" / "env.py").read_text("utf-8") if env is None else env
    (folder / "alembic" / "env.py").write_text(text, "utf-8")
    return folder


def test_a_copy_in_the_folder_is_taken(installed: Project, tmp_path: Path) -> None:
    folder = copied(tmp_path / "checkout")
    there = installed.at(folder)
    assert (there.home, there.workplace) == (folder, folder)
    assert there.ini == folder / "alembic.ini"
    assert there.script_folder == folder / "alembic"


@pytest.mark.parametrize("env", [STOCK, ANOTHER, "", "# ourschool\n"])
def test_an_application_s_own_alembic_project_is_not(installed: Project, tmp_path: Path, env: str) -> None:
    folder = copied(tmp_path / "application", env)
    there = installed.at(folder)
    assert (there.home, there.workplace) == (installed.home, folder)


@pytest.mark.parametrize("gone", ["alembic.ini", "alembic/env.py"])
def test_half_a_copy_is_none(installed: Project, tmp_path: Path, gone: str) -> None:
    folder = copied(tmp_path / "half")
    (folder / gone).unlink()
    assert installed.at(folder).home == installed.home


def test_in_any_other_folder_it_is_the_installed_one(installed: Project, tmp_path: Path) -> None:
    there = installed.at(tmp_path)
    assert (there.home, there.workplace) == (installed.home, tmp_path)


def test_a_copy_is_known_by_the_folder_of_its_scripts(tmp_path: Path) -> None:
    bakery = Project("bakery", tmp_path, PROJECT.load_metadata, scripts="migrations")
    ours = ROOT / "tests" / "bakery"
    assert bakery.at(ours).script_folder == ours / "migrations"
    assert bakery.at(ROOT).home == tmp_path
    assert bakery.at(ours).head() == "e7b3905d2c18"


def test_sentences_name_the_project_that_is_spoken_for() -> None:
    said = (program.program(), program.variable("BACKUPS"), program.versions(), program.guide("Roles"))
    try:
        program.set_project(Project("bakery", ROOT, PROJECT.load_metadata, scripts="migrations"))
        assert program.program() == "bakery"
        assert program.variable("BACKUPS") == "BAKERY_BACKUPS"
        assert program.versions() == "migrations/versions"
        assert program.guide("Roles") == ""
        assert program.extra("author") == "'bakery[author]'"
    finally:
        program.set_project(PROJECT)
    assert program.guide("Roles") == ""
    assert program.guide("Two people at once", ", has both") == " docs/author.md, 'Two people at once', has both."
    assert said[2] == "alembic/versions"


@pytest.mark.parametrize(
    ("files", "heads"),
    [
        ({"b": 'revision = "1"\ndown_revision = None', "a": "revision='2'\ndown_revision='1'"}, ("2",)),
        ({"a": 'revision: str = "1"\ndown_revision: Union[str, None] = None', "b": ""}, None),
        ({"a": 'revision = "1"\ndown_revision = None', "b": 'revision = "2"\ndown_revision = None'}, ("1", "2")),
        (
            {
                "a": 'revision = "1"\ndown_revision = None',
                "b": 'revision = "2"\ndown_revision = "1"',
                "c": 'revision = "3"\ndown_revision = "1"',
                "d": 'revision = "4"\ndown_revision = (\n    "2",\n    "3",\n)',
            },
            ("4",),
        ),
        ({"a": '"""\nrevision = "0"\n"""\nrevision = "1"\ndown_revision = None'}, None),
        ({"a": 'revision = "1"\ndown_revision = "gone"'}, None),
        ({"a": 'revision = "1"\ndown_revision = None', "b": 'revision = "1"\ndown_revision = None'}, None),
        ({}, ()),
    ],
)
def test_the_heads_are_what_the_files_say(tmp_path: Path, files: dict[str, str], heads: tuple[str, ...] | None) -> None:
    """None where that is not plain, which costs a start no more than Alembic."""
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    found = heads_of(tmp_path)
    assert (None if found is None else tuple(head.revision for head in found)) == heads


def test_alembic_is_spelled_as_it_works_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spelled(project: Project, here: Path) -> str:
        monkeypatch.chdir(here)
        program.set_project(project)
        return program.alembic_command()

    copy, packaged = copied(tmp_path / "a school"), Project("ourschool", tmp_path, PROJECT.load_metadata)
    try:
        assert spelled(PROJECT.at(copy), copy) == "python -m alembic"
        assert spelled(PROJECT.at(copy), tmp_path) == "python -m alembic -c 'a school/alembic.ini'"
        assert spelled(PROJECT.at(copy), ROOT) == f"python -m alembic -c '{copy}/alembic.ini'"
        assert spelled(replace(packaged, user_folder=tmp_path), tmp_path) == "python -m ourschool alembic"
        assert spelled(replace(packaged, user_folder=tmp_path).at(copy), copy) == "python -m alembic"
    finally:
        program.set_project(PROJECT)


def test_an_installed_one_works_where_it_was_worked_in_else_in_the_user_s_folder(
    installed: Project, tmp_path: Path
) -> None:
    packaged, here = replace(installed, user_folder=tmp_path / "data"), tmp_path / "here"
    here.mkdir()
    assert packaged.at(here).workplace == tmp_path / "data"
    (here / ".env").touch()
    assert packaged.at(here).workplace == here


def test_no_message_spells_alembic_by_itself() -> None:
    spelled = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {id(node.body[0].value) for node in ast.walk(tree)
                      if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                      and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
        spelled += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and id(node) not in docstrings and path.name != "program.py"
            if isinstance(node.value, str) and "-m alembic" in node.value
        ]
    assert spelled == []


def test_the_user_s_folder_is_where_such_data_belong_and_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert school._user_folder() == Path("/data/ourschool")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert school._user_folder() == Path("/home/me/.local/share/ourschool")
    monkeypatch.delenv("HOME")
    nobody: dict[int, object] = {}
    monkeypatch.setattr("pwd.getpwuid", nobody.__getitem__)
    assert school._user_folder() == Path.cwd()
