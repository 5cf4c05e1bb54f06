"""9ad05485e457: what NULL in a flag meant is kept around 17d4b8e26fa9, holds again, and comes back."""

import datetime as dt
import logging

import pytest
from alembic import command
from alembic.config import Config

from surefoot.operate import retired_items
from surefoot.operate.change import purgeable
from tests.ourschool.history.conftest import Stop
from tests.ourschool.history.schools import (
    BASELINE,
    CHAIN,
    HEAD,
    HISTORY,
    catalogue,
    columns,
    cut_off,
    downgrade,
    upgrade,
)
from tests.support.databases import ROOT, Database

REVISION, BEFORE, AMENDED = "9ad05485e457", "3bbd118a38df", "17d4b8e26fa9"
BELOW = str(HISTORY.get_revision(AMENDED).down_revision)
USERS, TEMPLATES = f"retired.users_mended_{REVISION}", f"retired.assignment_templates_mended_{REVISION}"
SCHOOL = """
insert into users (id, email, username, hashed_password, first_name, last_name, role, is_active, created_at, updated_at)
values (1, 'a', 'a', '-', 'A', 'A', 'admin', true, '2020-01-01', '2020-01-01'),
       (2, 'b', 'b', '-', 'B', 'B', 'student', null, '2020-01-01', '2020-01-02'),
       (3, 'c', 'c', '-', 'C', 'C', 'student', null, null, null),
       (4, 'd', 'd', '-', 'D', 'D', 'student', null, '2020-01-01', 'infinity'),
       (5, 'e', 'e', '-', 'E', 'E', 'student', null, null, '2020-01-01'),
       (6, 'f', 'f', '-', 'F', 'F', 'student', false, '2020-01-01', null),
       (7, 'g', 'g', '-', 'G', 'G', 'student', true, null, null);
insert into subjects (id, name) values (1, 'Art');
insert into assignment_templates (id, name, subject_id, created_by, is_exportable, is_archived, max_points,
    assignment_type)
values (1, 'x', 1, 1, null, false, 10, 'homework'), (2, 'y', 1, 1, false, false, 10, 'homework'),
       (3, 'z', 1, 1, true, false, 10, 'homework');
"""
WERE = {1: True, 2: None, 3: None, 4: None, 5: None, 6: False, 7: True}
MEANT = {each: bool(value) for each, value in WERE.items()}
AS_17D4_LEFT_THEM = {each: value is not False for each, value in WERE.items()}


def active(database: Database) -> dict[object, object]:
    return columns(database, "select id, is_active from users order by id")


def exportable(database: Database) -> dict[object, object]:
    return columns(database, "select id, is_exportable from assignment_templates order by id")


def filled(database: Database) -> None:
    database.execute(*(each for each in SCHOOL.split(";") if each.strip()))


@pytest.fixture
def school(at_revision: Stop) -> Database:
    """The existing database, with users who are neither on nor off."""
    database = at_revision(BASELINE)
    filled(database)
    return database


def test_the_whole_way_up_down_and_up(school: Database, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "surefoot"):
        upgrade(school, HEAD)
    assert (active(school), exportable(school)) == (MEANT, {1: False, 2: False, 3: True})
    assert "users: 4 have NULL in is_active" in caplog.text, "said before anything is changed"
    assert "users: 4 had NULL in is_active, which the application takes for false" in caplog.text
    assert f"{USERS} keeps who they are (first ones: users 2, 3, 4, 5)" in caplog.text
    assert "assignment_templates: 1 had NULL in is_exportable" in caplog.text
    noted = school.value(f"select note from migration_journal where revision = '{AMENDED}'")
    assert noted == "4 NULL in users.is_active and 1 NULL in assignment_templates.is_exportable"
    downgrade(school, BEFORE)
    assert (active(school), exportable(school)) == (AS_17D4_LEFT_THEM, {1: True, 2: False, 3: True})
    upgrade(school, HEAD)
    assert (active(school), exportable(school)) == (MEANT, {1: False, 2: False, 3: True})
    downgrade(school, BASELINE)
    assert (active(school), exportable(school)) == (WERE, {1: None, 2: False, 3: True})
    assert school.rows(f"select from pg_class where relname in ('{USERS[8:]}', '{TEMPLATES[8:]}')") == []
    upgrade(school, HEAD)
    assert (active(school), exportable(school)) == (MEANT, {1: False, 2: False, 3: True})


def test_each_stop_between_keeps_what_null_meant(at_revision: Stop) -> None:
    """However many commands the way takes: one that stops at the amended revision, one at another, then head."""
    database = at_revision(BELOW)
    filled(database)
    for stop in (AMENDED, CHAIN[CHAIN.index(AMENDED) + 1], BEFORE):
        upgrade(database, stop)
        assert active(database) == AS_17D4_LEFT_THEM
    with database.engine().connect() as connection:
        kept = [str(each) for each in retired_items.read(connection) if USERS in each.identifier]
    assert kept == [f"table {USERS}, 4 rows, kept for {REVISION}, which has not run here yet"]
    assert [each for each in purgeable(database.url, dt.timedelta()) if USERS in each.identifier] == [], "it is needed"
    upgrade(database, HEAD)
    assert active(database) == MEANT


def test_a_run_that_was_cut_off_is_simply_run_again(at_revision: Stop) -> None:
    database = at_revision(BELOW)
    filled(database)
    upgrade(database, AMENDED)
    database.execute(
        f"update alembic_version set version_num = '{BELOW}'", "alter table users alter is_active drop not null",
        "update users set is_active = null where id in (2, 3)",
    )  # fmt: skip
    upgrade(database, AMENDED)
    assert database.rows(f"select id from {USERS} where left_at is null order by id") == [(2,), (3,), (4,), (5,)]
    upgrade(database, REVISION)
    downgrade(database, BEFORE)
    cut_off(database, "upgrade", REVISION)
    upgrade(database, REVISION)
    assert active(database) == MEANT
    cut_off(database, "downgrade", BEFORE)
    downgrade(database, BEFORE)
    assert active(database) == AS_17D4_LEFT_THEM
    cut_off(database, "downgrade", BELOW)
    downgrade(database, BELOW)
    assert active(database) == WERE


def test_whom_somebody_has_chosen_since_stays_on_and_is_named(
    school: Database, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(school, BEFORE)
    school.execute(
        "update users set updated_at = now() where id = 2",
        "insert into user_sessions (user_id, token_hash, expires_at) values (3, repeat('ab', 32), now() + '1 day')",
        "update users set is_active = false, updated_at = now() where id = 4",
    )
    with caplog.at_level(logging.WARNING, "surefoot"):
        upgrade(school, HEAD)
    assert active(school) == MEANT | {2: True, 3: True}
    assert "users: 2 whose is_active was NULL were edited or used since" in caplog.text
    assert "users 2, 3. Set it to false where that is wrong." in caplog.text
    assert "users: 1 had NULL in is_active" in caplog.text
    downgrade(school, BASELINE)
    assert active(school) == WERE | {2: True, 3: True, 4: False}, "what somebody chose is not taken back"
    assert school.rows(f"select id, left_at is not null from {USERS} order by id") == [(2, True), (3, True), (4, True)]


def test_a_row_that_was_changed_or_deleted_afterwards_keeps_the_change(school: Database) -> None:
    upgrade(school, HEAD)
    school.execute("update users set is_active = true where id = 2", "delete from users where id = 3")
    downgrade(school, BASELINE)
    gone = {each: value for each, value in WERE.items() if each != 3}
    assert active(school) == gone | {2: True}


def test_who_went_through_before_it_was_kept_is_told(school: Database, caplog: pytest.LogCaptureFixture) -> None:
    """As the package before this one left it: nothing kept, nothing noted."""
    upgrade(school, BEFORE)
    school.execute(f"drop table {USERS}", f"drop table {TEMPLATES}", "update migration_journal set note = null")
    with caplog.at_level(logging.WARNING, "surefoot"):
        upgrade(school, HEAD)
    assert active(school) == AS_17D4_LEFT_THEM
    assert "17d4b8e26fa9 ran here before it kept whose is_active was NULL" in caplog.text
    assert '"Users who were neither on nor off"' in caplog.text
    assert "### Users who were neither on nor off\n" in (ROOT / "MIGRATIONS.md").read_text("utf-8")


@pytest.mark.parametrize("rows", ["none at all", "none with NULL", "all younger than the run"])
def test_nothing_to_mend_leaves_nothing_and_says_nothing(
    at_revision: Stop, caplog: pytest.LogCaptureFixture, rows: str
) -> None:
    database = at_revision(BELOW)
    if rows == "none with NULL":
        filled(database)
        database.execute("update users set is_active = true", "update assignment_templates set is_exportable = true")
    upgrade(database, BEFORE)
    if rows == "all younger than the run":
        database.execute("update migration_journal set note = null")
        database.execute(
            "insert into users (email, username, hashed_password, first_name, last_name, role)"
            " values ('a', 'a', '-', 'A', 'A', 'student')"
        )
    caplog.clear()
    with caplog.at_level(logging.INFO, "surefoot"):
        upgrade(database, HEAD)
    assert "NULL" not in caplog.text
    assert database.rows(f"select from pg_tables where schemaname = 'retired' and tablename like '%{REVISION}'") == []


def test_printed_sql_keeps_it_as_well(at_revision: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    database = at_revision(BELOW)
    filled(database)
    config = Config(str(ROOT / "alembic.ini"))
    before = catalogue(database)

    def printed(what: object, way: str) -> str:
        capsys.readouterr()
        assert callable(what)
        what(config, way, sql=True)
        return capsys.readouterr().out

    database.psql(stdin=printed(command.upgrade, f"{BELOW}:{HEAD}"))
    assert active(database) == MEANT
    database.psql(stdin=printed(command.downgrade, f"{REVISION}:{BELOW}"))
    assert active(database) == WERE
    assert catalogue(database) == before
