"""Who may only read may rehearse, for a rehearsal only reads; that this role could not run the upgrade is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.revisions import write
from tests.surefoot.operate.backup import schools
from tests.surefoot.roles.people import Role, hide, own_everything, role

GOOD = "op.execute('update users set last_name = last_name')"
BAD = "op.execute('select 1 / 0 from users')"
UNABLE = "could not run this upgrade itself"


@pytest.fixture
def reader(school: Database) -> Iterator[Role]:
    with role(school, "in role pg_read_all_data") as made:
        yield made


@pytest.fixture
def owner(school: Database) -> Iterator[Role]:
    with role(school, "in role pg_read_all_data", owns=True) as made:
        school.execute(f"alter schema public owner to {made.name}", f"alter schema retired owner to {made.name}")
        own_everything(school, made)
        try:
            yield made
        finally:
            school.execute("alter schema public owner to pg_database_owner", "alter schema retired owner to postgres")


def rehearse(database: Database, project: Path, *words: str, status: int = 0) -> str:
    done = ourschool(database, "rehearse", *words, cwd=project, status=status)
    assert too_wide(done.stdout) == []
    return " ".join((done.stdout + done.stderr).split())


def report(project: Path, suffix: str) -> str:
    (file,) = (project / "rehearsals").glob(f"*{suffix}")
    return file.read_text("utf-8")


def test_a_reader_rehearses_and_is_told(school: Database, reader: Role, project: Path) -> None:
    """It was refused, as the upgrade would be."""
    write(project, "good", upgrade=GOOD)
    before = schools.state_of(school)
    said = rehearse(reader.here, project)
    assert f"The role {reader.name} {UNABLE}: of the tables" in said
    assert "belong to postgres (api_keys," in said
    assert "and only who owns them may change them." in said
    assert "in an embedded server of its own" in said
    assert "Do not upgrade yet" not in said
    assert schools.state_of(school) == before
    assert f"- The role {reader.name} {UNABLE}" in report(project, ".md")
    values = json.loads(report(project, ".json"))
    assert (values["holds"], values["problems"]) == (True, [])
    assert values["lacking"].startswith(f"The role {reader.name} {UNABLE}")
    refused = ourschool(reader.here, "upgrade", "--yes", "--no-backup", cwd=project, status=3)
    assert "would migrate" in refused.stderr


def test_its_good_rehearsal_warns_no_owner(school: Database, reader: Role, project: Path) -> None:
    write(project, "good", upgrade=GOOD)
    rehearse(reader.here, project)
    said = ourschool(school, "upgrade", "--yes", "--no-backup", cwd=project)
    assert "The last rehearsal" not in said.stdout + said.stderr


def test_what_speaks_against_the_upgrade_is_status_1_for_a_reader_too(reader: Role, project: Path) -> None:
    write(project, "bad", upgrade=BAD)
    said = rehearse(reader.here, project, status=1)
    assert UNABLE in said
    assert "Do not upgrade yet" in said


def test_an_owner_who_may_make_nothing_in_the_schema(school: Database, owner: Role, project: Path) -> None:
    write(project, "good", upgrade=GOOD)
    school.execute("alter schema public owner to postgres", "revoke create on schema public from public")
    said = rehearse(owner.here, project)
    assert f"The role {owner.name} {UNABLE}: it lacks CREATE on schema public." in said


def test_an_owner_of_all_tables_but_one(school: Database, owner: Role, project: Path) -> None:
    write(project, "good", upgrade=GOOD)
    school.execute("alter table terms owner to postgres", f"grant select on terms to {owner.name}")
    said = rehearse(owner.here, project)
    assert f"The role {owner.name} {UNABLE}: of the tables 1 belong to postgres (terms)" in said


def test_an_owner_is_told_nothing(owner: Role, project: Path) -> None:
    write(project, "good", upgrade=GOOD)
    assert UNABLE not in rehearse(owner.here, project)


def test_a_reader_from_whom_rows_are_hidden_is_refused(school: Database, reader: Role, project: Path) -> None:
    """A copy without them would prove nothing."""
    write(project, "good", upgrade=GOOD)
    hide(school, "users", "id = 1")
    said = rehearse(reader.here, project, status=3)
    assert f"Row security hides rows of users from the role '{reader.name}'" in said
    assert not (project / "rehearsals").exists()


def test_a_table_that_may_not_be_read_is_named(school: Database, project: Path) -> None:
    write(project, "good", upgrade=GOOD)
    with role(school) as some:
        school.execute(
            f"grant usage on schema retired to {some.name}",
            f"grant select on all tables in schema public, retired to {some.name}",
            f"revoke select on terms from {some.name}",
        )
        said = rehearse(some.here, project, status=4)
    assert f"The role {some.name!r} may not read public.terms" in said
