"""Revision files that cannot be run, and databases whose revision these files do not know."""

import re
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.surefoot.commands.catalogues import leftovers
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.commands.revisions import BASELINE, HEAD, versions, write

LONG = "l" * 33


@pytest.mark.parametrize(
    "command",
    [
        ("upgrade", "head"),
        ("upgrade", "head", "--sql"),
        ("current",),
        ("check",),
        ("history",),
        ("revision", "-m", "add one more"),
        ("merge", "heads", "-m", "merge the two"),
    ],
    ids=" ".join,
)
def test_a_syntax_error(scratch: Database, project: Path, command: tuple[str, ...]) -> None:
    broken = write(project, "badone", upgrade="x = = 1")
    before = versions(project)
    assert complaint(scratch.alembic(*command, cwd=project, status=2)) == (
        f"The revision file {broken}, line 19, is not Python: invalid syntax.\n"
        "→ Mend that line and run the same command again; nothing was changed."
    )
    assert versions(project) == before
    assert leftovers(scratch) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import nonesuch_at_all", "ModuleNotFoundError: No module named 'nonesuch_at_all'."),
        ("from sqlalchemy import nonesuch", "ImportError: cannot import name 'nonesuch' from 'sqlalchemy'"),
        ("nonesuch", "NameError: name 'nonesuch' is not defined."),
    ],
)
def test_a_revision_that_cannot_be_loaded(scratch: Database, project: Path, line: str, reason: str) -> None:
    broken = write(project, "badone", imports=line)
    said = complaint(scratch.alembic("upgrade", "head", cwd=project, status=2))
    assert said.startswith(f"The revision file {broken}, line 11, cannot be loaded: {reason}")
    assert said.endswith("→ Mend that line, or install what it imports, and run the same command again; "
                         "nothing was changed.")  # fmt: skip
    assert leftovers(scratch) == []


@pytest.mark.promise("C9")
def test_a_parent_that_no_file_has(scratch: Database, project: Path) -> None:
    write(project, "orphan", after="lost1234")
    said = complaint(scratch.alembic("upgrade", "head", cwd=project, status=2))
    assert said.startswith("A revision names 'lost1234' as the one before it, but no file in alembic/versions has")
    assert "\n→ Bring the missing file back (git log --diff-filter=D -- alembic/versions), or correct" in said


@pytest.mark.promise("C9")
def test_one_id_in_two_files(scratch: Database, project: Path) -> None:
    write(project, "twice", message="add one thing")
    write(project, "twice", message="add another thing")
    said = complaint(scratch.alembic("upgrade", "head", cwd=project, status=2))
    assert said.startswith(
        "Two revision files have the id 'twice'.\n→ Give the one that has run nowhere yet another id"
    )


@pytest.mark.promise("E3")
@pytest.mark.parametrize(
    "command",
    [
        ("revision", "-m", "add one more", "--rev-id", LONG),
        ("revision", "--autogenerate", "-m", "add one more", "--rev-id", LONG),
        ("merge", HEAD, BASELINE, "-m", "merge the two", "--rev-id", LONG),
    ],
    ids=["revision", "autogenerate", "merge"],
)
def test_an_id_too_long_is_refused_before_a_file_has_it(
    at_head: Database, project: Path, command: tuple[str, ...]
) -> None:
    before = versions(project)
    assert complaint(at_head.alembic(*command, cwd=project, status=2)) == (
        f"Revision id {LONG!r} has 33 characters; alembic_version holds 32.\n"
        "→ Give the revision a shorter id, in its file and wherever another file names it."
    )
    assert versions(project) == before


@pytest.mark.promise("E3")
@pytest.mark.parametrize(
    "command", [("upgrade", "head"), ("upgrade", "head", "--sql"), ("stamp", "head")], ids=" ".join
)
def test_an_id_too_long_in_a_file_is_refused_before_it_is_run(
    at_head: Database, project: Path, command: tuple[str, ...]
) -> None:
    write(project, LONG, upgrade="op.execute('create table half (id integer)')")
    done = at_head.alembic(*command, cwd=project, status=2)
    assert complaint(done).startswith(f"Revision id {LONG!r} has 33 characters; alembic_version holds 32.\n")
    assert "CREATE TABLE" not in done.stdout
    assert at_head.value("select version_num from alembic_version") == HEAD
    assert at_head.value("select to_regclass('half')") is None


@pytest.mark.promise("E3")
@pytest.mark.parametrize(
    "command",
    [("upgrade", "head"), ("upgrade", "head", "--sql"), ("stamp", "head"), ("revision", "-m", "add one more")],
    ids=" ".join,
)
def test_two_heads(at_head: Database, project: Path, command: tuple[str, ...]) -> None:
    write(project, "hersone")
    write(project, "hisone")
    before = versions(project)
    assert complaint(at_head.alembic(*command, cwd=project, status=2)) == (
        "There are 2 heads (hersone, hisone), so 'head' is ambiguous.\n"
        '→ Merge them: python -m alembic merge heads -m "merge hersone and hisone", then the same command again; or '
        "name the revision you mean."
    )
    assert versions(project) == before
    assert at_head.value("select version_num from alembic_version") == HEAD


@pytest.mark.parametrize(
    "command",
    [
        ("upgrade", "head"),
        ("downgrade", "-1"),
        ("current",),
        ("current", "--check-heads"),
        ("check",),
        ("stamp", "head"),
        ("revision", "--autogenerate", "-m", "add one more"),
    ],
    ids=" ".join,
)
@pytest.mark.promise("T8")
def test_a_revision_in_the_database_that_no_file_has(
    at_head: Database, project: Path, command: tuple[str, ...]
) -> None:
    at_head.execute("update alembic_version set version_num = 'fffff0000000'")
    before = at_head.rows("select * from migration_journal")
    said = complaint(at_head.alembic(*command, cwd=project, status=3))
    assert said.startswith(f"The database says it is at revision 'fffff0000000', which no file in {project}/alembic/")
    assert "\n→ Install the version of ourschool that has the revision, or restore the backup made before" in said
    assert "python -m ourschool identify tells which revision the tables equal" in said
    assert at_head.value("select version_num from alembic_version") == "fffff0000000"
    assert at_head.rows("select * from migration_journal") == before


@pytest.mark.promise("T8")
def test_the_way_out_of_an_unknown_revision_works(existing: Database) -> None:
    existing.alembic("stamp", BASELINE)
    existing.execute("update alembic_version set version_num = 'fffff0000000'")
    existing.alembic("stamp", "--purge", BASELINE)
    assert existing.alembic("current").stdout == f"{BASELINE}\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("upgrade", "nonesuch"), "There is no revision 'nonesuch' in alembic/versions."),
        (("stamp", "nonesuch"), "There is no revision 'nonesuch' in alembic/versions."),
        (("upgrade", "+99"), "+99 goes further than there are revisions from where the database stands."),
        (("downgrade", "-99"), "So many steps lead past a merge, where it is not said which of the lines is meant."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_target_that_is_not_there(at_head: Database, command: tuple[str, ...], sentence: str) -> None:
    said = complaint(at_head.alembic(*command, status=2))
    assert said.startswith(f"{sentence}\n→ python -m alembic ")
    assert at_head.value("select version_num from alembic_version") == HEAD


def test_a_fault_of_our_own_names_its_line(at_head: Database, project: Path) -> None:
    """The guides' raw strings: SQLAlchemy 2 takes none, and the line to mend is the revision's, not the library's."""
    path = write(project, "badone", upgrade="op.get_bind().execute('select 1')")
    said = complaint(at_head.alembic("upgrade", "head", cwd=project, status=4))
    assert re.match(r"upgrade badone failed: ObjectNotExecutableError: Not an executable object: 'select 1'", said)
    assert f"({path}, line 19)" in said
    assert f"\nNothing was changed: the database is at revision {HEAD} (" in said
