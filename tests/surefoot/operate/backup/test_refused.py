"""What is not restored: changed, cut short, from a newer server, over people's heads; and nothing is touched then."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from surefoot.errors import AttentionError, CheckFailed, FailedError, RefusedError, UsageError
from surefoot.operate.backup import (
    Backup,
    RestoreOptions,
    backup,
    drop_old,
    find,
    manifest,
    restore,
    swap_in,
    verify,
    verify_files,
)
from surefoot.settings import Settings
from tests.support.databases import Database, fresh
from tests.support.servers import programs, running
from tests.surefoot.faults.runs import holding, until
from tests.surefoot.operate.backup.schools import databases_like, state_of


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)


def largest(made: Backup) -> Path:
    return max(made.dump.iterdir(), key=lambda path: path.stat().st_size)


def one_byte(made: Backup) -> None:
    flip(largest(made), largest(made).stat().st_size // 2)


def one_byte_of_the_list(made: Backup) -> None:
    flip(made.dump / "toc.dat", 2000)


def cut_short(made: Backup) -> None:
    path = largest(made)
    path.write_bytes(path.read_bytes()[:-1])


def a_table_gone(made: Backup) -> None:
    largest(made).unlink()


def a_file_more(made: Backup) -> None:
    (made.dump / "9999.dat.gz").write_bytes(b"")


DAMAGES = [one_byte, one_byte_of_the_list, cut_short, a_table_gone, a_file_more]


@pytest.mark.promise("A6")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_dump(settings: Settings, school: Database, made: Backup, damage: Callable[[Backup], None]) -> None:
    before = databases_like(school)
    damage(made)
    for use in (
        lambda: restore(settings, school.url, made),
        lambda: verify(school.url, made),
        lambda: verify_files(made),
        lambda: restore(settings, school.url, made, RestoreOptions(inside=True)),
    ):
        with pytest.raises(RefusedError, match=f"The backup {made.name} is damaged"):
            use()
    assert databases_like(school) == before


def test_each_byte_of_the_manifest(settings: Settings, made: Backup) -> None:
    path = made.path / manifest.NAME
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        flip(path, at)
        try:
            found = find(settings.backup_folder, made.name)
        except RefusedError:
            pass
        else:  # a blank between two members: JSON does not care, and neither does the seal
            assert found == made
        path.write_bytes(whole)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedError, match="changed or damaged"):
        find(settings.backup_folder, made.name)
    path.unlink()
    with pytest.raises(RefusedError, match=r"has no manifest\.json"):
        find(settings.backup_folder, made.name)


def miscounted(told: dict[str, Any]) -> None:
    told["rows"]["public.users"] = 7


def of_another_schema(told: dict[str, Any]) -> None:
    told["schemas"]["public"] = "0" * 64


def test_a_manifest_that_lies(settings: Settings, school: Database, made: Backup) -> None:
    """Sealed anew by somebody who knows how: the restored database itself is held to it."""
    path = made.path / manifest.NAME
    lies = ((miscounted, "table public.users has"), (of_another_schema, "schema public has another fingerprint"))
    for change, said in lies:
        whole = path.read_text()
        told = json.loads(whole)
        del told[manifest.DIGEST]
        change(told)
        path.write_text(json.dumps(told | {manifest.DIGEST: manifest._digest(told)}))
        lying = find(settings.backup_folder, made.name)
        before = databases_like(school)
        with pytest.raises(FailedError, match=said):
            restore(settings, school.url, lying)
        with pytest.raises(CheckFailed, match=said):
            verify(school.url, lying)
        assert databases_like(school) == before
        path.write_text(whole)
    with pytest.raises(AttentionError, match="another fingerprint"):
        restore(settings, school.url, lying, RestoreOptions(into=f"{school.url.database}_look"))
    assert f"{school.url.database}_look" in databases_like(school)


def test_a_manifest_of_a_later_format(settings: Settings, made: Backup) -> None:
    path = made.path / manifest.NAME
    told = json.loads(path.read_text())
    del told[manifest.DIGEST]
    told["format"] = 2
    path.write_text(json.dumps(told | {manifest.DIGEST: manifest._digest(told)}))
    with pytest.raises(RefusedError, match="has format 2"):
        find(settings.backup_folder, made.name)


def test_from_a_newer_server(settings: Settings, made: Backup) -> None:
    with running(16) as older, fresh(older) as there:
        there.execute("create table kept (id integer)")
        for use in (
            lambda: restore(settings, there.url, made),
            lambda: restore(settings, there.url, made, RestoreOptions(inside=True)),
            lambda: restore(settings, there.url, made, RestoreOptions(into="elsewhere")),
            lambda: verify(there.url, made),
        ):
            with pytest.raises(RefusedError, match="from PostgreSQL 18, and this server is 16"):
                use()
        assert there.value("select count(*) from kept") == 0


@pytest.mark.skipif(programs(15) is None, reason="no PostgreSQL 15 here")
def test_from_an_older_server_it_is_restored(settings: Settings, school: Database) -> None:
    with running(15) as older, fresh(older) as there:
        there.alembic("upgrade", "head")
        made = backup(settings, there.url)
        assert made.manifest.tool.startswith("pg_dump (PostgreSQL) 15")
        before = state_of(there)
    restore(settings, school.url, made)
    assert state_of(school).sums == before.sums
    assert state_of(school).catalogues == before.catalogues


@pytest.mark.promise("A6")
def test_somebody_is_connected(settings: Settings, school: Database, made: Backup) -> None:
    before = databases_like(school)
    with holding(school, "select 1", name="canteen"):
        with pytest.raises(RefusedError, match="application canteen") as refused:
            restore(settings, school.url, made)
        assert "--disconnect" in refused.value.remedy
        with pytest.raises(RefusedError, match="application canteen"):
            restore(settings, school.url, made, RestoreOptions(inside=True))
    assert databases_like(school) == before
    school.execute("delete from attendance_records")
    with pytest.raises(Exception, match="terminating connection"), holding(school, "select 1", name="canteen") as other:  # noqa: PT012
        done = restore(settings, school.url, made, RestoreOptions(disconnect=True))
        other.execute("select 1")
    assert done.kept is not None
    assert school.value("select count(*) from attendance_records")


def test_who_connects_again_and_again_cannot_stand_against_it(
    settings: Settings, school: Database, made: Backup
) -> None:
    over = threading.Event()
    came = []

    def come_back() -> None:
        while not over.is_set():
            try:
                with school.connect() as connection:
                    came.append(1)
                    connection.execute("select pg_sleep(0.3)")
            except psycopg.OperationalError:
                pass

    threads = [threading.Thread(target=come_back) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(came) > 8 or None, "clients")
        done = restore(settings, school.url, made, RestoreOptions(disconnect=True))
        assert done.kept is not None
        assert len(came) > 16
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_prepared_transaction_stands_against_the_swap_and_the_work_is_not_lost(
    settings: Settings, made: Backup
) -> None:
    """Refused at the last moment: what was restored waits, and the same command goes on with it."""
    with running(18, "max_prepared_transactions = 2") as server, fresh(server) as school:
        restore(settings, school.url, made)
        school.execute("begin; update users set first_name = 'Y'; prepare transaction 'forgotten'")
        with pytest.raises(RefusedError, match="prepared transaction") as refused:
            restore(settings, school.url, made, RestoreOptions(disconnect=True))
        ready = refused.value.remedy.partition("--swap-in ")[2].split(",")[0]
        assert ready in databases_like(school)
        school.execute("rollback prepared 'forgotten'")
        said: list[str] = []
        done = restore(settings, school.url, made, say=said.append)
        assert f"Going on with {ready}, which an earlier run has restored" in said
        assert not any(line.startswith("Restoring into") for line in said)
        assert done.kept is not None
        assert ready not in databases_like(school)
        assert school.value("select count(*) from users where first_name = 'Y'") == 0


def test_only_what_a_restore_has_set_aside_is_swapped_or_dropped(school: Database, made: Backup) -> None:
    del made
    for name in ("postgres", str(school.url.database), f"{school.url.database}_before_yesterday"):
        with pytest.raises(UsageError):
            swap_in(school.url, name)
        with pytest.raises(UsageError):
            drop_old(school.url, name)


def test_what_is_no_backup(settings: Settings, tmp_path: Path, made: Backup) -> None:
    assert find(settings.backup_folder, str(made.dump)) == made
    assert find(settings.backup_folder, "latest") == made
    (tmp_path / "x.sql").write_text("select 1")
    for wanted in ("nothing", str(tmp_path / "x.sql")):
        with pytest.raises(UsageError, match=wanted):
            find(settings.backup_folder, wanted)
    with pytest.raises(UsageError, match="no backup of other"):
        find(settings.backup_folder, "latest", "other")
