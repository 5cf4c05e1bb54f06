"""What is hidden from a role, or may not be read by it: each command that looks says what it is, and what helps."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.typed import ourschool, too_wide
from tests.surefoot.online.harness import empty, write
from tests.surefoot.roles.people import HIDE, Role, hide, role

MADE = """
op.execute("create table pupils (id serial primary key, name text)")
op.execute("insert into pupils (name) select 'x' from generate_series(1, 20)")
op.execute("create table marks (id serial primary key)")
"""
OWNER = "alter table {table} no force row level security;"
MESSAGES = {
    "forced": ("Row security hides rows of {table} from the role '{role}'", OWNER),
    "not the owner": ("Row security hides rows of {table} from the role '{role}'", 'alter role "{role}" bypassrls;'),
    "unreadable": ("may not use table {table}", 'grant select on "{table}" to "{role}";'),
}


@pytest.fixture
def owner(scratch: Database, project: Path) -> Iterator[Role]:
    write(empty(project), "made", None, MADE)
    with role(scratch, "createdb", owns=True) as made:
        made.here.alembic("upgrade", "head", cwd=project)
        yield made


def keep_from(owner: Role, how: str, table: str) -> None:
    if how == "forced":
        hide(owner.database, table, "false")
    elif how == "not the owner":
        hide(owner.database, table, "false", HIDE)
        owner.database.execute(
            f"alter table {table} owner to postgres",
            f"grant all on {table} to {owner.name}",
            f"grant all on all sequences in schema public to {owner.name}",
        )
    else:
        owner.database.execute(f"alter table {table} owner to postgres", f"revoke all on {table} from {owner.name}")


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("how", MESSAGES)
@pytest.mark.parametrize("table", ["pupils"])
def test_status_and_identify_name_it_and_its_remedy(owner: Role, project: Path, how: str, table: str) -> None:
    keep_from(owner, how, table)
    message, remedy = (each.format(table=table, role=owner.name) for each in MESSAGES[how])
    shown = ourschool(owner.here, "status", status=0 if how == "unreadable" else 1, cwd=project)
    assert (remedy if how != "unreadable" else "of the tables, postgres, or let the owner run: grant") in words(
        shown.stdout
    )
    assert too_wide(shown.stdout) == []
    known = ourschool(owner.here, "identify", status=0 if how == "unreadable" else 1, cwd=project)
    for said in (shown, known):
        told = words(said.stdout + said.stderr)
        assert "from whom row security hides none of it" not in told
        assert "--repair" not in told
        if how != "unreadable":
            assert message in words(said.stderr)
            assert remedy in words(said.stderr)
            assert "Nothing was changed" not in said.stderr


@pytest.mark.parametrize(
    ("how", "table"),
    [("forced", "alembic_version"), ("not the owner", "migration_journal"), ("unreadable", "migration_journal")],
)
def test_of_the_bookkeeping_likewise(owner: Role, project: Path, how: str, table: str) -> None:
    keep_from(owner, how, table)
    remedy = MESSAGES[how][1].format(table=table, role=owner.name)
    for command in ("status", "identify"):
        told = words(ourschool(owner.here, command, status=4, cwd=project).stderr)
        assert table in told, command
        assert remedy in told, command


def test_purge_rehearse_and_rollback_are_refused_with_the_remedy(owner: Role, project: Path, tmp_path: Path) -> None:
    write(project, "next", "made", "op.execute('create table more (id integer)')", "op.drop_table('more')")
    keep_from(owner, "forced", "pupils")
    env = {"OURSCHOOL_BACKUPS": str(tmp_path / "b")}
    for command in (("rehearse",), ("rollback", "base"), ("backup",)):
        done = ourschool(owner.here, *command, status=3, cwd=project, env=env)
        assert f"Row security hides rows of pupils from the role '{owner.name}'" in words(done.stderr), command
        assert OWNER.format(table="pupils") in words(done.stderr)
    told = json.loads(ourschool(owner.here, "status", "--json", status=1, cwd=project).stdout)
    assert [each["kind"] for each in told["health"]] == ["not looked at"]
