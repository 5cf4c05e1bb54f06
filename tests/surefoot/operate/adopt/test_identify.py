"""identify says which revision a database equals, whatever alembic_version says, or the nearest and what differs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import user_cache
from surefoot.catalogue import packaged
from surefoot.environment import alembic_api
from surefoot.revision_catalogues import build
from surefoot.revision_catalogues.identify import identify
from tests.support.databases import ROOT, Database
from tests.support.typed import ourschool, too_wide
from tests.surefoot.commands.revisions import CHAIN, HEAD, write
from tests.surefoot.operate.adopt.conftest import project as settings_of
from tests.surefoot.operate.adopt.test_adopt import stamped


@pytest.mark.promise("T8")
def test_it_finds_the_revision_whatever_is_recorded(database: Database) -> None:
    for revision in (CHAIN[0], CHAIN[len(CHAIN) // 2], HEAD):
        database.alembic("upgrade", revision)
        found = identify(settings_of(database), database.url)
        assert (found.equals, found.recorded, found.consistent) == ((revision,), (revision,), True)
        database.execute("update alembic_version set version_num = 'fffff0000000'")
        found = identify(settings_of(database), database.url)
        assert (found.equals, found.unknown, found.consistent) == ((revision,), ("fffff0000000",), False)
        database.execute(f"update alembic_version set version_num = '{revision}'")


@pytest.mark.promise("T8")
def test_an_unknown_revision_is_put_right_where_it_is_proven(scratch: Database) -> None:
    scratch.alembic("upgrade", CHAIN[2])
    scratch.execute("update alembic_version set version_num = 'fffff0000000'")
    assert "python -m ourschool identify" in scratch.alembic("upgrade", "head", status=3).stderr
    done = ourschool(scratch, "identify", status=1)
    assert done.stdout.startswith(f"The tables match revision {CHAIN[2]} (")
    assert "alembic_version records fffff0000000 (unknown to these files)." in done.stdout
    assert f"→ Back up, then record what it is: python -m ourschool adopt {CHAIN[2]}." in done.stderr
    ourschool(scratch, "adopt", CHAIN[2])
    assert stamped(scratch) == CHAIN[2]
    ourschool(scratch, "identify")
    scratch.alembic("upgrade", "head")


@pytest.mark.promise("T8")
def test_the_nearest_and_what_differs(scratch: Database, tmp_path: Path) -> None:
    scratch.alembic("upgrade", "head")
    scratch.execute(
        "alter table users add nickname text", "drop index ix_users_lower_email", "drop table alembic_version"
    )
    done = ourschool(scratch, "identify", status=1)
    lines = done.stdout.splitlines()
    said = " ".join(" ".join(lines[:3]).split())
    assert said.startswith(f"The tables match no revision; {HEAD} (")
    assert "is the nearest, with 2 differences:" in said
    assert "  column users.nickname: unexpected (found text null)" in lines
    assert too_wide(done.stdout) == []
    file = tmp_path / "repair.sql"
    ourschool(scratch, "adopt", HEAD, "--repair", str(file), "--decided", status=3)
    scratch.psql("-f", str(file))
    ourschool(scratch, "adopt", HEAD)
    assert stamped(scratch) == HEAD
    scratch.alembic("check")


def test_a_wrong_record_is_not_believed(scratch: Database) -> None:
    scratch.alembic("upgrade", CHAIN[1])
    scratch.execute(f"update alembic_version set version_num = '{HEAD}'")
    assert f"says it is at {HEAD}, but equals {CHAIN[1]}" in ourschool(scratch, "identify", status=1).stderr


def test_revisions_that_change_rows_alone_are_both_named(scratch: Database, project: Path) -> None:
    write(project, "rowsalone", upgrade="op.execute('update users set first_name = first_name')")
    scratch.alembic("upgrade", "head", cwd=project)
    told = json.loads(ourschool(scratch, "identify", "--json", cwd=project).stdout)
    assert (told["equals"], told["says"], told["in_step"]) == ([HEAD, "rowsalone"], ["rowsalone"], True)


def test_an_empty_database(scratch: Database) -> None:
    assert "The database has no tables." in ourschool(scratch, "identify").stdout


def test_it_leaves_nothing_behind(scratch: Database) -> None:
    scratch.alembic("upgrade", CHAIN[0])
    names = "select datname from pg_database where datname like 'ourschool_identify%'"
    before = scratch.rows("select oid, relfilenode from pg_class order by 1"), scratch.rows(names)
    identify(settings_of(scratch), scratch.url, keep=False)
    assert (scratch.rows("select oid, relfilenode from pg_class order by 1"), scratch.rows(names)) == before


def test_what_is_shipped_is_what_the_revisions_make(database: Database) -> None:
    """Where this fails, `ourschool check --release` builds the catalogues anew, once what changed them is meant."""
    settings = settings_of(database)
    history = build.history(alembic_api.script(settings))
    assert tuple(packaged.read(ROOT / "alembic", history)) == CHAIN
    expected = build.catalogues(settings, database.url, keep=False)
    for revision, found in build.catalogues(settings, database.url).items():
        assert found == expected[revision], revision


def spoiled(file: Path, damage: str) -> None:
    text = bytearray(file.read_bytes())
    text[len(text) // 2] ^= 1
    file.write_bytes({"cut off": bytes(text[:99]), "a byte flipped": bytes(text), "not to be read": b""}[damage])


@pytest.mark.parametrize("damage", ["cut off", "a byte flipped", "not to be read"])
def test_a_kept_or_shipped_catalogue_that_is_damaged_is_built_again(
    scratch: Database, project: Path, damage: str
) -> None:
    write(project, "onemore", upgrade="op.execute('create table canteen (id integer)')")
    settings = replace(settings_of(scratch), project=PROJECT.at(project))
    whole = build.catalogues(settings, scratch.url)
    files = [*(user_cache.folder() / PROJECT.name).glob("*.json.gz"), project / "alembic" / packaged.NAME]
    assert len(files) > 1
    for file in files:
        spoiled(file, damage)
    assert build.catalogues(settings, scratch.url) == whole
    assert (user_cache.folder() / PROJECT.name).stat().st_mode & 0o077 == 0


def test_a_changed_revision_file_is_built_again(scratch: Database, project: Path) -> None:
    write(project, "onemore", upgrade="op.execute('create table canteen (id integer)')")
    told = json.loads(ourschool(scratch, "identify", "--json", cwd=project).stdout)
    assert told["equals"] == []
    scratch.alembic("upgrade", "head", cwd=project)
    assert json.loads(ourschool(scratch, "identify", "--json", cwd=project).stdout)["equals"] == ["onemore"]
    write(project, "onemore", upgrade="op.execute('create table kitchen (id integer)')")
    told = json.loads(ourschool(scratch, "identify", "--json", cwd=project, status=1).stdout)
    assert (told["nearest"], len(told["deviations"])) == (HEAD, 1)
