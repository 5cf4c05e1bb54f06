"""What an author meets: nothing to write, marked places, what cannot be written, runs cut off, printed SQL."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.errors import SurefootError
from tests.support.databases import ROOT, Database
from tests.surefoot.autogenerate.author import CASES, STORED, Author
from tests.surefoot.autogenerate.cases import Case

BY_NAME = {case.name: case for case in CASES}
EVERYTHING = BY_NAME["everything at once"]

OF_MODELS = frozenset({
    "drops-index-of-foreign-key", "drops-needed-default", "drops-what-a-release-uses", "exclusion-constraint-scans",
    "foreign-key-of-another-type", "foreign-key-without-index", "json-column",
})  # fmt: skip
"""Rules that find what a model says: to be acknowledged, for the revision has to do it."""


def written(case: Case, school: Database, project: Path) -> tuple[Author, Path]:
    author = Author(school, project, case)
    author.prepare()
    path = author.write()
    assert path is not None
    return author, path


@pytest.mark.promise("O2", "T3")
def test_nothing_is_written_where_models_and_database_agree(school: Database, project: Path) -> None:
    author = Author(school, project, BY_NAME["a check"])
    assert author.write("before") is None
    assert "constraint users_grade_level_check on users: missing" in author.alembic("check", status=1).stderr

    assert author.write() is not None
    author.upgrade()

    assert author.write() is None
    assert "No new upgrade operations detected." in author.alembic("check").stdout


def test_a_marked_place_refuses_before_anything_is_done(school: Database, project: Path) -> None:
    author, path = written(EVERYTHING, school, project)

    refused = author.alembic("upgrade", "head", status=2)

    revision = path.name.partition("-")[2].partition("_")[0]
    assert f"Revision {revision} is not finished: lessons.is_double has to be filled in." in refused.stderr
    assert "Next: In its file write an SQL expression" in refused.stderr
    assert author.difference("before") == ()


def test_a_run_that_was_cut_off_goes_on(school: Database, project: Path) -> None:
    author, path = written(EVERYTHING, school, project)
    author.fill_in(path, EVERYTHING.fill)
    there = author.content()
    whole = path.read_text()
    for direction, stage in (("upgrade", "after"), ("downgrade", "before")):
        head, mark, rest = whole.partition(f"def {direction}() -> None:\n")
        body, after, tail = rest.partition("\n\n\n")
        statements = _statements(body)
        # after half of it, after all but the last, and after all of it
        for place in (len(statements) // 2, len(statements) - 1, len(statements)):
            broken = "\n".join([*statements[:place], '    op.execute("select 1 / 0")', *statements[place:]])
            path.write_text(f"{head}{mark}{broken}{after}{tail}")
            with pytest.raises(SurefootError, match="division by zero"):
                getattr(author, direction)()
        path.write_text(whole)
        getattr(author, direction)()
        assert author.difference(stage) == ()
    assert author.content() == there


def _statements(body: str) -> list[str]:
    """The statements of a function, those that take several lines in one."""
    statements: list[str] = []
    for line in body.splitlines():
        if line.startswith("    ") and not line.startswith(("     ", "    )", "    #")):
            statements.append(line)
        elif statements:
            statements[-1] += f"\n{line}"
    return statements


@pytest.mark.parametrize(
    "name",
    [
        "everything at once",
        "a label less in two tables, once in an array",
        "a unique index becomes a unique key of other columns",
        "another unique index of a column whose type changes",
    ],
)
def test_the_printed_sql_does_the_same(name: str, school: Database, project: Path) -> None:
    case = BY_NAME[name]
    author, path = written(case, school, project)
    author.fill_in(path, case.fill)
    school.execute(*case.rows)
    at = str(school.value("select version_num from alembic_version"))

    school.psql(stdin=author.alembic("upgrade", f"{at}:head", "--sql").stdout)
    assert author.difference("after") == ()
    school.psql(stdin=author.alembic("downgrade", f"head:{at}", "--sql").stdout)
    assert author.difference("before") == ()


def test_what_cannot_be_written_fails_until_it_is_dealt_with(school: Database, project: Path) -> None:
    author, path = written(STORED, school, project)
    text = path.read_text()
    marked = re.compile(r"    op\.unfinished\(.*?\n    \)\n", re.DOTALL)

    with pytest.raises(SurefootError, match=r"is not finished: lessons.doubled is a stored generated column"):
        author.upgrade()
    assert author.difference("before") == ()

    path.write_text(marked.sub("", text))
    author.upgrade()
    assert author.difference("after") == ()


def test_rows_that_come_meanwhile_are_kept_too(school: Database, project: Path) -> None:
    author, path = written(BY_NAME["a column that is never NULL goes"], school, project)
    author.fill_in(path, author.case.fill)
    names = school.rows("select id, name from subjects order by id")

    author.upgrade()
    school.execute("insert into subjects (id, description) values (9001, 'came while it was retired')")
    author.downgrade()

    assert school.rows("select id, name from subjects order by id") == [*names, (9001, "subject 9001")]


def test_rows_of_a_new_table_survive_the_way_back(school: Database, project: Path) -> None:
    author, _ = written(BY_NAME["a table of categories"], school, project)
    author.upgrade()
    school.execute("insert into categories (name, subject_id) select 'sciences', min(id) from subjects")
    rows = school.rows("select * from categories")

    author.downgrade()
    assert school.value("select to_regclass('categories')") is None
    author.upgrade()

    assert school.rows("select * from categories") == rows
    assert author.difference("after") == ()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name.replace(" ", "-"), marks=() if case is EVERYTHING else pytest.mark.long)
        for case in CASES
    ],
)
def test_the_linter_has_nothing_to_say(case: Case, school: Database, project: Path) -> None:
    author, path = written(case, school, project)
    author.fill_in(path, case.fill)

    assert [each for each in author.lint() if each.partition(":")[0] not in OF_MODELS] == []


@pytest.mark.parametrize(
    "name", ["everything at once", "comments", "a label less where rules name the others", "long texts"]
)
def test_what_is_written_passes_the_projects_ruff(name: str, school: Database, project: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", project)
    author = Author(school, project, BY_NAME[name])
    author.prepare()
    path = author.write_here()
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, str(path)]
        done = subprocess.run(ruff, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + path.read_text()
