"""A backup that is not made: a full disk, and what a role may not read; one sentence with the remedy."""

import resource
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot.errors import FailedError, RefusedError, SurefootError
from surefoot.operate.backup import backup, backup_access, backups, dump_programs
from surefoot.settings import Settings
from tests.support.databases import Database
from tests.surefoot.faults.runs import holding


def test_the_disk_is_full(settings: Settings, school: Database) -> None:
    """A limit on the size of files stands for it: pg_dump cannot write on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(FailedError, match="pg_dump failed") as failed:
            backup(settings, school.url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert "disk is full or a limit" in failed.value.remedy
    assert list(settings.backup_folder.iterdir()) == []
    assert backups(settings.backup_folder) == []


def test_a_table_that_somebody_holds(settings: Settings, school: Database) -> None:
    """Who it is stands there before the wait, and the wait has an end; also where the role has a limit of its own."""
    said: list[str] = []
    school.execute(f"alter database {school.url.database} set lock_timeout = 10")
    with holding(school, "lock table notes") as other:
        pid = other.info.backend_pid
        ends = threading.Timer(15, other.rollback)
        ends.start()
        with pytest.raises(FailedError):
            backup(replace(settings, lock_deadline=2), school.url, say=said.append)
        ends.cancel()
        ends.join()
    assert said[0] == (
        f"Waiting, 2 s at the longest: pid {pid} (application payroll, role postgres) holds table notes; "
        f"select pg_terminate_backend({pid}); ends it"
    )
    assert list(settings.backup_folder.iterdir()) == []


def test_a_role_that_may_not_read_everything(settings: Settings, school: Database) -> None:
    role = f"r_{school.url.database}"
    school.execute(f"create role {role} login password 'geheim'")
    url = school.server.over_tcp(role, "geheim", str(school.url.database))
    try:
        with pytest.raises(FailedError, match="permission denied") as failed:
            backup(settings, url)
        assert "geheim" not in str(failed.value)
        assert list(settings.backup_folder.iterdir()) == []
    finally:
        with school.server.connect() as admin:
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def hidden_by_row_security(role: str) -> list[str]:
    return [f"grant pg_read_all_data to {role}", "alter table notes enable row level security"]


def one_table_denied(role: str) -> list[str]:
    return [f"grant select on all tables in schema public, retired to {role}", f"revoke select on notes from {role}"]


def one_sequence_denied(role: str) -> list[str]:
    return [f"grant pg_read_all_data to {role}", f"revoke pg_read_all_data from {role}",
            f"grant usage on schema retired to {role}",
            f"grant select on all tables in schema public, retired to {role}",
            f"grant select on all sequences in schema public, retired to {role}",
            f"revoke select on sequence notes_id_seq from {role}"]  # fmt: skip


def one_schema_closed(role: str) -> list[str]:
    return [f"grant select on all tables in schema public to {role}",
            f"grant select on all sequences in schema public to {role}",
            "create schema theirs", "create table theirs.notes (id integer)",
            f"grant usage on schema retired to {role}",
            f"grant select on all tables in schema retired to {role}",
            f"grant select on all sequences in schema retired to {role}"]  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "said", "remedy"),
    [
        (hidden_by_row_security, "Row security hides rows of notes", "bypassrls"),
        (one_table_denied, "may not read public.notes", "Let the owner, postgres, run: grant select on public.notes"),
        (one_schema_closed, "may not read theirs.notes", "run: grant usage on schema theirs to "),
        (one_sequence_denied, "may not read public.notes_id_seq", "grant select on public.notes_id_seq"),
    ],
)
def test_what_it_may_not_read_is_named_with_its_remedy(
    prepare: Callable[[str], list[str]], said: str, remedy: str, settings: Settings, school: Database
) -> None:
    kind: type[SurefootError] = RefusedError if prepare is hidden_by_row_security else FailedError
    role = f"r_{school.url.database}"
    school.execute(f"create role {role} login password 'geheim'", *prepare(role))
    if prepare is one_table_denied:
        school.execute(f"grant usage on schema retired to {role}",
                       f"grant select on all sequences in schema public, retired to {role}")  # fmt: skip
    url = school.server.over_tcp(role, "geheim", str(school.url.database))
    try:
        with pytest.raises(kind, match=said) as failed:
            backup(settings, url)
        assert remedy in failed.value.remedy
        assert "grant create" not in failed.value.remedy
        assert list(settings.backup_folder.glob("*")) == []
    finally:
        with school.server.connect() as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(str(school.url.database))))
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


@pytest.mark.parametrize(
    ("complaint", "said", "remedy"),
    [
        ("query failed: ERROR:  permission denied for table notes", "may not read notes", "grant select on notes"),
        (
            "query failed: ERROR:  permission denied for sequence notes_id_seq",
            "may not read notes_id_seq",
            "grant select",
        ),
        (
            'ERROR:  query would be affected by row-level security policy for table "notes"',
            "Row security hides rows of notes",
            "alter table notes no force row level security",
        ),
    ],
)
def test_what_pg_dump_says_of_it_is_the_same_sentence(complaint: str, said: str, remedy: str, school: Database) -> None:
    """Taken away after we looked."""
    run = subprocess.Popen(["pg_dump"], executable="/bin/false")
    run.wait()
    fault = dump_programs.failed(run, f"pg_dump: error: {complaint}".encode(), school.url.set(username="clerk"), "?")
    assert said in fault.message
    assert "'clerk'" in fault.message
    assert remedy in fault.remedy


@pytest.mark.parametrize(("jobs", "limit"), [(None, 3), (3, 3), (1, 1)])
def test_few_connections(
    jobs: int | None, limit: int, settings: Settings, school: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is the default goes on with one job; what was asked for is refused with the numbers."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    role = f"r_{school.url.database}"
    school.execute(
        f"create role {role} login password 'geheim' connection limit {limit}", f"grant pg_read_all_data to {role}"
    )
    url = school.server.over_tcp(role, "geheim", str(school.url.database))
    said: list[str] = []
    try:
        if jobs is None:
            assert backup(settings, url, say=said.append, prove=False).manifest.jobs == 1
            assert "The server has too few connections free for 4 jobs: once more with one job" in said
            return
        with pytest.raises(FailedError, match="too many connections") as failed:
            backup(settings, url, jobs=jobs, say=said.append, prove=False)
        needed = "With 3 jobs a backup needs 5 connections at once" if jobs > 1 else "A backup needs three connections"
        assert failed.value.remedy.startswith(needed)
        assert "Beside its own" in failed.value.remedy
        assert list(settings.backup_folder.glob("*")) == []
    finally:
        with school.server.connect() as admin:
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_a_table_that_is_dropped_meanwhile_costs_one_more_try(
    settings: Settings, school: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropped after the snapshot was taken and before pg_dump locks it."""
    school.execute("create table passing (id integer)")
    find = backup_access.find_pg_dump

    def dropping(connection: Connection, url: URL) -> Path:
        school.execute("drop table if exists passing")
        return find(connection, url)

    monkeypatch.setattr(backup_access, "find_pg_dump", dropping)
    said: list[str] = []
    made = backup(settings, school.url, say=said.append, prove=False)
    assert "Somebody changed a table in the meantime: once more" in said
    assert "public.passing" not in made.manifest.rows
