"""revision and merge: the file they write, its name, its question, and when there is none."""

import datetime as dt
import re
from pathlib import Path

import pytest

from tests.support.databases import Database, fresh
from tests.surefoot.commands.catalogues import differences
from tests.surefoot.commands.revisions import HEAD, versions, write

NAME = re.compile(r"(\d{4}_\d\d_\d\d_\d{4})-([0-9a-f]{12})_([a-z0-9_]+)\.py")


def the_new_one(project: Path, before: set[str]) -> Path:
    (name,) = versions(project) - before
    return project / "alembic" / "versions" / name


@pytest.mark.promise("O2", "O3")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_an_empty_revision_is_named_by_utc_id_and_message(scratch: Database, project: Path, zone: str) -> None:
    before = versions(project)
    said = scratch.alembic("revision", "-m", "Add avatar_url to users!", cwd=project, env={"TZ": zone})
    path = the_new_one(project, before)

    name = NAME.fullmatch(path.name)
    assert name is not None, path.name
    stamped = dt.datetime.strptime(name[1], "%Y_%m_%d_%H%M").replace(tzinfo=dt.UTC)
    assert abs(dt.datetime.now(dt.UTC) - stamped) < dt.timedelta(minutes=5)
    assert name[3] == "add_avatar_url_to_users"
    text = path.read_text("utf-8")
    assert f'revision = "{name[2]}"'.replace('"', "'") in text
    assert f"down_revision = '{HEAD}'" in text
    for heading in ("Why: ", "Locks: ", "Data: ", "Way back: "):
        assert f"\n{heading}" in text
    assert "enough?" not in said.stderr
    scratch.alembic("upgrade", "head", cwd=project)
    scratch.alembic("downgrade", "-1", cwd=project)


@pytest.mark.promise("O2")
def test_an_empty_revision_needs_no_database(scratch: Database, project: Path) -> None:
    before = versions(project)
    down = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    scratch.alembic("revision", "-m", "add nothing at all", cwd=project, env=down)
    assert the_new_one(project, before)


@pytest.mark.promise("O2")
def test_autogenerate_writes_nothing_where_models_and_database_agree(at_head: Database, project: Path) -> None:
    before = versions(project)
    said = at_head.alembic("revision", "--autogenerate", "-m", "look for a change", cwd=project)
    assert versions(project) == before
    assert "Models and database agree: no file was written." in said.stderr
    assert at_head.value("select version_num from alembic_version") == HEAD


@pytest.mark.promise("O2")
def test_autogenerate_writes_what_is_missing_and_it_mends_the_database(
    at_head: Database, template_at_head: str, project: Path
) -> None:
    at_head.execute("alter table users drop column date_of_birth", "drop index ix_users_parent_id")
    before = versions(project)
    at_head.alembic("revision", "--autogenerate", "-m", "users get back what they lost", cwd=project)
    text = the_new_one(project, before).read_text("utf-8")
    assert "date_of_birth" in text
    assert "ix_users_parent_id" in text
    assert "\nexpand_only = True\n" in text

    at_head.alembic("upgrade", "head", cwd=project)
    with fresh(at_head.server, template=template_at_head) as expected:
        assert differences(expected, at_head) == ()
    at_head.alembic("downgrade", "-1", cwd=project)


@pytest.mark.promise("T7")
def test_what_alembic_does_not_see_is_written_and_said(at_head: Database, project: Path) -> None:
    at_head.execute("create function nobody_knows() returns integer language sql as 'select 1'")
    before = versions(project)
    said = at_head.alembic("revision", "--autogenerate", "-m", "look for a change", cwd=project).stderr
    (written,) = versions(project) - before
    text = (project / "alembic" / "versions" / written).read_text("utf-8")
    assert "nobody_knows" in text
    assert "expand_only" not in text  # it takes the function away
    assert "Not in the models, so upgrade() takes it away: function nobody_knows(): unexpected" in said


@pytest.mark.promise("C2")
@pytest.mark.parametrize("message", [("-m", "fix"), ("-m", ""), ()], ids=["one word", "empty", "none"])
def test_a_message_that_tells_nothing_is_questioned(scratch: Database, project: Path, message: tuple[str, ...]) -> None:
    said = scratch.alembic("revision", *message, cwd=project).stderr
    assert f"Is {message[-1] if message else ''!r} enough?" in said
    assert "as in 'add avatar_url to users'" in said


@pytest.mark.promise("C2")
def test_the_message_of_a_merge_is_questioned_too(scratch: Database, project: Path) -> None:
    write(project, "hersone")
    write(project, "hisone")
    assert "Is 'merge' enough?" in scratch.alembic("merge", "heads", "-m", "merge", cwd=project).stderr


@pytest.mark.promise("E3", "C7", "T3")
def test_two_heads_are_refused_and_the_merge_that_is_named_joins_them(at_head: Database, project: Path) -> None:
    write(project, "hersone", upgrade="op.execute('create table hers (id integer)')")
    write(project, "hisone", upgrade="op.execute('create table his (id integer)')")
    heads = at_head.alembic("heads", cwd=project).stdout.splitlines()
    assert [line.split(" ")[0] for line in heads] == ["hersone", "hisone"]
    assert at_head.alembic("branches", cwd=project).stdout.startswith(f"{HEAD} (")

    said = at_head.alembic("upgrade", "head", cwd=project, status=2).stderr
    command = 'python -m alembic merge heads -m "merge hersone and hisone"'
    assert f"→ Merge them: {command}," in said
    assert at_head.value("select to_regclass('hers')") is None

    at_head.alembic("merge", "heads", "-m", "merge hersone and hisone", cwd=project)
    assert len(at_head.alembic("heads", cwd=project).stdout.splitlines()) == 1
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.rows("select to_regclass('hers')::text, to_regclass('his')::text") == [("hers", "his")]
    at_head.alembic("downgrade", HEAD, cwd=project)


@pytest.mark.promise("E3")
def test_upgrade_heads_applies_both_without_a_merge(at_head: Database, project: Path) -> None:
    write(project, "hersone")
    write(project, "hisone")
    at_head.alembic("upgrade", "heads", cwd=project)
    assert at_head.rows("select version_num from alembic_version order by 1") == [("hersone",), ("hisone",)]
    at_head.alembic("current", "--check-heads", cwd=project)


@pytest.mark.promise("C3", "E6")
def test_a_flag_and_an_index_go_up_and_down(at_head: Database, project: Path) -> None:
    write(
        project,
        "flagone",
        message="add is_night_owl to users",
        upgrade="""\
            op.add_column("users", sa.Column("is_night_owl", sa.Boolean(), nullable=False, server_default=sa.false()))
            op.create_index("ix_users_is_night_owl", "users", ["is_night_owl"])
            """,
        downgrade="""\
            op.drop_index("ix_users_is_night_owl", "users")
            op.drop_column("users", "is_night_owl")
            """,
    )
    there = "select count(*) from pg_indexes where indexname = 'ix_users_is_night_owl'"
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.value(there) == 1
    at_head.alembic("downgrade", "-1", cwd=project)
    assert at_head.value(there) == 0
    at_head.alembic("check")


@pytest.mark.promise("E3")
def test_a_short_id_may_be_chosen(scratch: Database, project: Path) -> None:
    scratch.alembic("revision", "-m", "chosen by hand", "--rev-id", "i" * 32, cwd=project)
    scratch.alembic("upgrade", "head", cwd=project)
    assert scratch.value("select version_num from alembic_version") == "i" * 32


@pytest.mark.promise("C7")
def test_nothing_is_stamped_over_by_a_revision_on_an_older_parent(at_head: Database, project: Path) -> None:
    """His revision is applied, hers comes with the next pull: both are run, none is skipped."""
    write(project, "hisone", upgrade="op.execute('create table his (id integer)')")
    at_head.alembic("upgrade", "head", cwd=project)
    write(project, "hersone", upgrade="op.execute('create table hers (id integer)')")
    at_head.alembic("merge", "hisone", "hersone", "-m", "merge his and hers", cwd=project)
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.rows("select to_regclass('hers')::text, to_regclass('his')::text") == [("hers", "his")]
