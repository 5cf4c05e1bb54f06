"""The revision files keep their rules: alone for ever, explained, well named, an unbroken chain."""

import shutil
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.support.databases import ROOT

VERSIONS = ROOT / "alembic" / "versions"
BASELINE = "2025_08_03_0000-cd0edd614cc5_initial_baseline_from_existing_database.py"
RELEASED = ("cd0edd614cc5",)
"""What is out in schools: a revision that is listed here is never renamed, changed in meaning or removed."""


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A copy of the revisions to break rules in."""
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "alembic" / "versions"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_revisions_import_nothing_that_changes() -> None:
    assert list(rules.foreign_imports(VERSIONS)) == []


@pytest.mark.promise("C6", "A11")
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import ourschool", "ourschool"),
        ("from ourschool.models import User", "ourschool.models.User"),
        ("import os", "os"),
        ("from dotenv import load_dotenv", "dotenv.load_dotenv"),
    ],
)
def test_a_foreign_import_is_found(versions: Path, line: str, name: str) -> None:
    change(versions / BASELINE, "import sqlalchemy as sa\n", f"import sqlalchemy as sa\n{line}\n")
    assert list(rules.foreign_imports(versions)) == [f"{BASELINE} imports {name}"]


def test_each_revision_says_why_locks_data_and_way_back() -> None:
    assert list(rules.unexplained(VERSIONS)) == []


@pytest.mark.parametrize("heading", rules.HEADINGS)
def test_a_missing_explanation_is_found(versions: Path, heading: str) -> None:
    change(versions / BASELINE, f"\n{heading} ", "\nSomething: ")
    assert list(rules.unexplained(versions)) == [f"{BASELINE} says nothing behind {heading}"]


def test_what_the_template_left_is_no_explanation(versions: Path) -> None:
    change(versions / BASELINE, "\nLocks: none", "\nLocks: which locks on which tables, and for how long.\n\nNone")
    assert list(rules.unexplained(versions)) == [f"{BASELINE} says nothing behind Locks:"]


@pytest.mark.promise("O3", "O8")
def test_files_are_named_by_time_id_and_message() -> None:
    assert list(rules.misnamed(VERSIONS)) == []
    assert (VERSIONS / BASELINE).exists()


@pytest.mark.promise("O3")
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("cd0edd614cc5_initial_baseline_from_existing_database.py", "is not YYYY_MM_DD_HHMM-<revision>_<slug>.py"),
        (BASELINE.replace("0000-", "0100-"), "was made at another time (UTC) than its name says"),
        (BASELINE.replace("cd0edd", "cd0edf"), "holds revision cd0edd614cc5"),
        (BASELINE.replace("initial", "second"), "begins with another message"),
    ],
)
def test_a_wrong_name_is_found(versions: Path, name: str, fault: str) -> None:
    (versions / BASELINE).rename(versions / name)
    assert list(rules.misnamed(versions)) == [f"{name} {fault}"]


@pytest.mark.promise("C9")
def test_no_id_is_used_twice_and_the_chain_is_unbroken() -> None:
    assert list(rules.broken_chain(VERSIONS)) == []


@pytest.mark.promise("C9")
def test_no_released_revision_is_gone() -> None:
    present = {rules.assigned(path)["revision"] for path in VERSIONS.glob("*.py")}
    assert set(RELEASED) <= present


@pytest.mark.promise("C9")
def test_a_broken_chain_is_found(versions: Path) -> None:
    copy = versions / BASELINE.replace("0000-", "0001-")
    shutil.copy(versions / BASELINE, copy)
    assert list(rules.broken_chain(versions)) == ["cd0edd614cc5 is used twice", "bases: cd0edd614cc5, cd0edd614cc5"]

    copy.unlink()
    change(versions / BASELINE, 'revision = "cd0edd614cc5"', f'revision = "{"c" * 33}"')
    assert list(rules.broken_chain(versions)) == [
        f"{'c' * 33} is longer than 32 characters",
        "cd0edd614cc5 is named as a parent, but no file has it",
        f"heads: {', '.join(sorted({'c' * 33, head_of(versions)}))}",
    ]


def head_of(versions: Path) -> str:
    files = [rules.assigned(path) for path in versions.glob("*.py")]
    named = [file["down_revision"] for file in files]
    parents = {str(parent) for each in named for parent in (each if isinstance(each, tuple) else (each,))}
    (head,) = {str(file["revision"]) for file in files} - parents - {"c" * 33}
    return head
