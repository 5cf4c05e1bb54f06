"""Two people wrote a revision at once: git says so, and `rebase` puts one on top of the other."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.revisions import CHAIN, HEAD, released, write

HEAD_LINE = Path("alembic") / "head.txt"


def git(project: Path, *arguments: str, status: int = 0) -> str:
    who = ["-c", "user.name=author", "-c", "user.email=author@school.invalid"]
    done = subprocess.run(["git", *who, *arguments], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def alembic(database: Database, project: Path, *arguments: str) -> str:
    return database.alembic(*arguments, cwd=project).stdout


def by_alembic(database: Database, project: Path, revision: str, message: str = "add something to users") -> Path:
    """An empty revision, as `alembic revision` writes it."""
    alembic(database, project, "revision", "-m", message, "--rev-id", revision)
    return file_of(project, revision)


def file_of(project: Path, revision: str) -> Path:
    (path,) = (project / "alembic" / "versions").glob(f"*-{revision}_*.py")
    return path


def heads(database: Database, project: Path) -> list[str]:
    return re.findall(r"^(\w+) .*\(head\)", alembic(database, project, "heads"), re.MULTILINE)


def said(project: Path) -> str:
    return (project / HEAD_LINE).read_text()


@pytest.fixture
def forked(scratch: Database, project: Path) -> Path:
    """A project in which a1 and then b1 with b2 on it were written on the same head, and neither is released."""
    (project / "alembic" / "released.txt").write_text("\n".join(released(project)) + "\n")
    by_alembic(scratch, project, "a1", "add fees to users")
    for name, *after in (("b1", "--head", HEAD, "--splice"), ("b2", "--head", "b1")):
        alembic(scratch, project, "revision", "-m", f"add exams {name}", "--rev-id", name, *after)
    return project


def test_a_second_head_is_a_conflict_in_git(scratch: Database, project: Path) -> None:
    assert said(project) == f"{HEAD}\n"
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "before"]):
        git(project, *arguments)
    for branch, revision in (("fees", "a1"), ("exams", "b1")):
        git(project, "checkout", "-qb", branch, "main")
        by_alembic(scratch, project, revision)
        assert said(project) == f"{revision}\n"
        git(project, "add", ".")
        git(project, "commit", "-qm", revision)
    assert f"CONFLICT (content): Merge conflict in {HEAD_LINE.as_posix()}" in git(project, "merge", "fees", status=1)

    found = ourschool(scratch, "check", status=1, cwd=project).stdout
    assert "2 heads: a1, b1." in found
    assert "head.txt says <<<<<<< HEAD b1 ======= a1 >>>>>>> fees, and the head is a1 b1: ourschool rebase" in found
    done = ourschool(scratch, "rebase", "b1", cwd=project)
    assert done.stdout.startswith("b1 follows a1 now: ")
    assert heads(scratch, project) == ["b1"]
    assert said(project) == "b1\n"
    git(project, "add", ".")
    git(project, "commit", "-qm", "both")


def test_what_stands_on_it_comes_along_and_the_names_are_in_order(scratch: Database, forked: Path) -> None:
    before = file_of(forked, "a1").read_text()
    old = file_of(forked, "a1").rename(file_of(forked, "a1").with_name("2031_01_01_0000-a1_later.py"))
    refused = ourschool(scratch, "rebase", "b2", status=2, cwd=forked)
    assert "2031_01_01_0000-a1_later.py has a time in its name that is more than a week ahead" in refused.stderr
    assert sorted(heads(scratch, forked)) == ["a1", "b2"], "nothing was written"
    old.rename(old.with_name("2024_01_01_0000-a1_earlier.py"))

    done = ourschool(scratch, "rebase", "b2", cwd=forked)
    one, two = file_of(forked, "b1"), file_of(forked, "b2")
    assert done.stdout.splitlines()[:2] == [f"b1 follows a1 now: {one.name}", f"b2 follows b1 now: {two.name}"]
    assert "Next: ourschool prove b1" in done.stdout
    assert one.name < two.name
    assert 'down_revision = "a1"' in one.read_text().replace("'", '"')
    assert "Revises: a1\n" in one.read_text()
    assert "Revises: b1\n" in two.read_text()
    assert file_of(forked, "a1").read_text() == before
    assert heads(scratch, forked) == ["b2"]
    assert said(forked) == "b2\n"
    assert alembic(scratch, forked, "upgrade", "head") == ""
    assert scratch.rows("select version_num from alembic_version") == [("b2",)]


def test_without_a_name_it_is_the_one_that_is_not_released(scratch: Database, forked: Path) -> None:
    known = forked / "alembic" / "released.txt"
    for revision in ("b1", "b2"):
        known.write_text(f"{known.read_text()}{revision} {'0' * 64}\n")
    told = json.loads(ourschool(scratch, "rebase", "--json", cwd=forked).stdout)
    assert (told["moved"], told["onto"], told["files"]) == (["a1"], "b2", [str(file_of(forked, "a1"))])
    assert json.loads(ourschool(scratch, "rebase", "--json", cwd=forked).stdout) is None
    assert heads(scratch, forked) == ["a1"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nothing"], 2, "There is no revision 'nothing'."),
        (["b1"], 2, "b1 is no head: others follow it."),
        (["b2", "--onto", "b2"], 2, "b2 cannot be put on itself."),
        (["b2", "--onto", "b1"], 2, "b1 is no head: others follow it."),
    ],
)
def test_wrong_use_is_one_sentence(
    scratch: Database, forked: Path, arguments: list[str], status: int, sentence: str
) -> None:
    files = {path.name: path.read_bytes() for path in (forked / "alembic" / "versions").glob("*.py")}
    assert sentence in ourschool(scratch, "rebase", *arguments, status=status, cwd=forked).stderr
    assert {path.name: path.read_bytes() for path in (forked / "alembic" / "versions").glob("*.py")} == files


def test_what_is_released_is_not_moved(scratch: Database, forked: Path) -> None:
    known = forked / "alembic" / "released.txt"
    known.write_text(f"{known.read_text()}b1 {'0' * 64}\n")
    refused = ourschool(scratch, "rebase", "b2", status=3, cwd=forked).stderr
    assert "b1 is released, and what is released never changes." in refused
    assert "ourschool rebase a1 --onto b2" in refused
    known.write_text(f"{known.read_text()}b2 {'0' * 64}\na1 {'0' * 64}\n")
    refused = ourschool(scratch, "rebase", status=3, cwd=forked).stderr
    assert "The heads a1 and b2 are released" in refused


def test_a_database_that_ran_it_goes_below_it_first(scratch: Database, forked: Path) -> None:
    alembic(scratch, forked, "upgrade", "b2")
    refused = ourschool(scratch, "rebase", "b2", status=3, cwd=forked).stderr
    assert "has run b1, and would be taken for one that ran what comes before it." in refused
    assert f"alembic downgrade {HEAD}" in refused
    alembic(scratch, forked, "downgrade", HEAD)
    ourschool(scratch, "rebase", "b2", cwd=forked)
    assert heads(scratch, forked) == ["b2"]


def test_a_database_at_a_revision_of_nobody_here_does_not_stand_in_the_way(scratch: Database, forked: Path) -> None:
    alembic(scratch, forked, "upgrade", HEAD)
    scratch.execute("update alembic_version set version_num = 'deadbeef'")
    ourschool(scratch, "rebase", "b2", cwd=forked)
    assert heads(scratch, forked) == ["b2"]


def test_merges_are_understood(scratch: Database, forked: Path) -> None:
    alembic(scratch, forked, "merge", "heads", "-m", "merge fees and exams", "--rev-id", "m1")
    assert said(forked) == "m1\n"
    done = ourschool(scratch, "rebase", cwd=forked)
    assert done.stdout == "There is one head: nothing was put on top of another.\n"
    write(forked, "c1", message="add a room to lessons")
    (forked / HEAD_LINE).unlink()
    refused = ourschool(scratch, "rebase", "m1", status=3, cwd=forked).stderr
    assert "m1 is a merge of a1 and b2" in refused or "m1 is a merge of b2 and a1" in refused
    assert "alembic merge heads" in refused


def test_three_heads_want_both_names(scratch: Database, forked: Path) -> None:
    alembic(scratch, forked, "revision", "-m", "add rooms to lessons", "--rev-id", "c1", "--head", HEAD, "--splice")
    refused = ourschool(scratch, "rebase", "c1", status=2, cwd=forked).stderr
    assert "c1 can be put on 2 heads: a1, b2." in refused
    ourschool(scratch, "rebase", "c1", "--onto", "a1", cwd=forked)
    ourschool(scratch, "rebase", "b2", cwd=forked)
    assert heads(scratch, forked) == ["b2"]
    assert said(forked) == "b2\n"


def test_a_file_that_was_cut_off_before_its_new_name_gets_it(scratch: Database, forked: Path) -> None:
    ourschool(scratch, "rebase", "b2", cwd=forked)
    late = file_of(forked, "b2")
    late.rename(late.with_name("2024_01_01_0000-b2_add_exams_b2.py"))
    (forked / HEAD_LINE).write_text("a1\n")
    assert "is not the last by name: ourschool rebase" in ourschool(scratch, "check", status=1, cwd=forked).stdout
    ourschool(scratch, "rebase", cwd=forked)
    assert file_of(forked, "b2").name > file_of(forked, "b1").name
    assert said(forked) == "b2\n"


def test_ours_says_its_head() -> None:
    assert (Path(__file__).parents[3] / HEAD_LINE).read_text() == f"{CHAIN[-1]}\n"
