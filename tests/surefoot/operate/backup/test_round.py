"""A backup, harm, a restore: an equal database, on each version, and the old one kept."""

import json
import stat
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from surefoot.errors import FailedError, UsageError
from surefoot.operate.backup import (
    Backup,
    RestoreOptions,
    backup,
    backups,
    drop_old,
    list_replaced,
    restore,
    swap_in,
    verify,
)
from surefoot.settings import Settings
from tests.ourschool.history.schools import HEAD
from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.surefoot.faults.runs import until
from tests.surefoot.operate.backup.schools import databases_like, harm, state_of


@pytest.mark.promise("A6", "C5", "E11")
def test_a_restore_brings_everything_back(school_anywhere: Database, settings: Settings) -> None:
    school, url = school_anywhere, school_anywhere.url
    name = str(url.database)
    with school.server.connect() as admin:
        admin.execute(f"alter database {name} set search_path = public, retired")
        admin.execute(f"comment on database {name} is 'the school''s'")
        admin.execute(f"revoke temporary on database {name} from public")
    before = state_of(school)
    made = backup(settings, url)
    proven = verify(url, made)
    assert proven.rows == made.manifest.total_rows
    harm(school)
    done = restore(settings, url, made)
    assert state_of(school) == before
    assert done.notes == ()
    assert done.kept is not None
    assert databases_like(school) == [name, done.kept]
    assert school.value("show timezone") == "America/Chicago"
    assert school.value("show search_path") == "public, retired"
    assert school.value(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    )
    assert not school.value("select has_database_privilege('pg_monitor', current_database(), 'TEMP')")
    assert school.value("select reltuples > 0 from pg_class where relname = 'attendance_records'")
    assert "Nothing to do" in school.alembic("upgrade", "head").stderr

    # the old one as it was, and back again
    assert swap_in(url, done.kept) is not None
    assert school.value("select count(*) from attendance_records") == 0
    (restored,) = [each for each in list_replaced(url) if each.kind == "before"]
    swap_in(url, restored.name)
    assert state_of(school) == before
    for each in list_replaced(url):
        drop_old(url, each.name)
    assert databases_like(school) == [name]
    with pytest.raises(UsageError, match="no database that a restore"):
        drop_old(url, name)


def test_what_a_backup_is(school: Database, settings: Settings, made: Backup) -> None:
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    files = [path for path in made.path.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert made.path.parent == settings.backup_folder
    assert made.name.startswith(f"{school.url.database}-20")
    told = json.loads((made.path / "manifest.json").read_text())
    assert told["revision"] == HEAD
    assert told["rows"]["public.attendance_records"] == school.value("select count(*) from attendance_records")
    assert told["rows"]["public.alembic_version"] == 1
    assert told["rows"]["public.migration_journal"] > 0
    assert any(table.startswith("retired.") for table in told["rows"])
    assert told["tool"].startswith("pg_dump (PostgreSQL) 18")
    assert told["owners"] == ["postgres"]
    assert len(told["fingerprint"]) == 64
    assert backups(settings.backup_folder) == [made]


def test_two_in_one_second_are_two(settings: Settings, school: Database) -> None:
    made = {backup(settings, school.url, jobs=1).path for _ in range(2)}
    assert len(made) == 2
    assert {each.path for each in backups(settings.backup_folder)} == made


def test_rows_are_those_of_the_dumped_snapshot(settings: Settings, school: Database) -> None:
    """Somebody writes all the while: the manifest and the dump speak of one moment."""
    school.execute(
        "create procedure write_on() language plpgsql as $$ begin "
        "loop insert into notes (body) select 'more' from generate_series(1, 200); commit; end loop; end $$"
    )
    writer = school.connect(autocommit=True)
    pid = writer.info.backend_pid
    thread = threading.Thread(target=lambda: _until_ended(writer))
    thread.start()
    try:
        made = [backup(settings, school.url, jobs=2) for _ in range(2)]
    finally:
        school.execute(f"select pg_terminate_backend({pid})")
        thread.join()
    counts = [each.manifest.rows["public.notes"] for each in made]
    assert counts[0] < counts[1]
    for each in made:
        verify(school.url, each)


def _until_ended(writer: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        writer.execute("call write_on()")


def test_into_a_new_database(settings: Settings, school: Database, made: Backup) -> None:
    before = state_of(school)
    name = f"{school.url.database}_look"
    done = restore(settings, school.url, made, RestoreOptions(into=name))
    assert (done.database, done.kept) == (name, None)
    there = Database(school.server, school.url.set(database=name))
    assert state_of(there) == before
    assert there.value("show timezone") == "America/Chicago"
    with pytest.raises(UsageError, match="already"):
        restore(settings, school.url, made, RestoreOptions(into=name))


def test_where_there_is_no_database_any_more(settings: Settings, school: Database, made: Backup) -> None:
    """The disaster that backups are for."""
    before = state_of(school)
    with school.server.connect() as admin:
        admin.execute(f"drop database {school.url.database}")
    done = restore(settings, school.url, made)
    assert done.kept is None
    assert state_of(school) == before
    assert school.value("show timezone") == "America/Chicago"


def test_a_name_of_awkward_characters(settings: Settings, school: Database) -> None:
    name = 'a "Schule"/ü=x ' + "lang" * 10
    with school.server.connect() as admin:
        admin.execute(f"""create database "{name.replace('"', '""')}" template {school.url.database}""")
    there = Database(school.server, school.url.set(database=name))
    try:
        before = state_of(there)
        made = backup(settings, there.url)
        assert Path(made.path).parent == settings.backup_folder
        harm(there)
        done = restore(settings, there.url, made)
        assert state_of(there) == before
        assert done.kept is not None
        drop_old(there.url, done.kept)
    finally:
        with school.server.connect() as admin:
            admin.execute(f"""drop database "{name.replace('"', '""')}" with (force)""")


def test_somebodys_change_of_a_table_costs_one_more_try(settings: Settings, school: Database) -> None:
    """One of pg_dump's jobs finds the table wanted by somebody who came after the first of them."""
    said: list[str] = []
    made: list[Backup] = []
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike %s"

    def waits(query: str) -> bool:
        with school.connect() as connection:
            return bool(connection.execute(waiting, [query]).fetchone() != (0,))

    def change() -> None:
        with school.connect() as connection:
            connection.execute("lock table notes in access exclusive mode")

    backing = threading.Thread(target=lambda: made.append(backup(settings, school.url, jobs=2, say=said.append)))
    changing = threading.Thread(target=change)
    with school.connect() as holder:
        holder.execute("lock table notes in access exclusive mode")
        backing.start()
        until(lambda: waits("lock table %,%") or None, "pg_dump to wait")
        changing.start()
        until(lambda: waits("lock table notes%") or None, "the change to wait behind it")
    backing.join()
    changing.join()
    assert "Somebody changed a table in the meantime: once more" in said
    assert [each.name for each in made] == [each.name for each in backups(settings.backup_folder)]


def test_the_number_of_connections_is_told_where_they_run_out(settings: Settings) -> None:
    with running(18, "max_connections = 6", "superuser_reserved_connections = 0") as few, fresh(few) as school:
        school.execute(*(f"create table t{number} (id integer)" for number in range(10)))
        with pytest.raises(FailedError, match="too many clients") as failed:
            backup(settings, school.url, jobs=6)
        assert "With 6 jobs a backup needs 8 connections at once: give --jobs 1" in failed.value.remedy
        assert backup(settings, school.url, jobs=1).manifest.not_proven is None
