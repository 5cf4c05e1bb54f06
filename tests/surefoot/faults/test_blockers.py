"""Who holds what a revision waits for: said by what the server knows, with what ends it, and one deadline for all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.operate.backup.backup_contents import who_holds_tables
from tests.ourschool.history.schools import HEAD, at
from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.surefoot.faults.runs import Run, holding, revision
from tests.surefoot.roles.people import own_everything, role

SHORT = {"OURSCHOOL_LOCK_DEADLINE": "3"}


@pytest.fixture(scope="module")
def prepared() -> Iterator[Database]:
    """A database at head on a server that allows prepared transactions."""
    with running(18, "max_prepared_transactions = 5") as server, fresh(server) as made:
        made.alembic("upgrade", "head")
        yield made


def test_a_prepared_transaction_is_named_with_its_end(prepared: Database, project: Path) -> None:
    revision(project, "waits", HEAD, 'op.execute("alter table users add column late int")')
    with prepared.connect(autocommit=True) as other:
        for statement in ("begin", "lock table users in row exclusive mode", "prepare transaction 'it''s left'"):
            other.execute(statement.encode())
    said = Run(prepared, "upgrade", "head", cwd=project, env=SHORT).ends(4)
    assert 'a table is in use by prepared transaction "it\'s left" (role postgres, since' in said
    assert "rollback prepared 'it''s left'; ends it" in said
    prepared.execute("rollback prepared 'it''s left'")
    prepared.alembic("upgrade", "head", cwd=project)
    assert at(prepared) == ["waits"]


def test_a_prepared_transaction_that_keeps_a_backup_waiting_is_named(prepared: Database) -> None:
    with prepared.connect(autocommit=True) as other:
        for statement in ("begin", "lock table terms", "prepare transaction 'it''s kept'"):
            other.execute(statement.encode())
    with prepared.engine().connect() as connection:
        holders = who_holds_tables(connection)
    prepared.execute("rollback prepared 'it''s kept'")
    assert holders == [
        "prepared transaction \"it's kept\" (role postgres) holds table terms; rollback prepared 'it''s kept'; ends it"
    ]


def test_a_session_that_this_role_may_not_see_is_named_by_its_role(at_head: Database, project: Path) -> None:
    revision(project, "waits", HEAD, 'op.execute("alter table users add column late int")')
    with role(at_head, owns=True) as owner:
        own_everything(at_head, owner)
        with holding(at_head, "lock table users in row exclusive mode") as other:
            pid = other.info.backend_pid
            said = Run(owner.here, "upgrade", "head", cwd=project, env=SHORT).ends(4)
    assert f"pid {pid} (role postgres; with pg_read_all_stats this role would see more)" in said
    assert "None" not in said
    assert f"select pg_terminate_backend({pid}); ends it" in said


@pytest.mark.parametrize(
    "up",
    [
        'op.create_index_online("ix_late", "users", ["last_name"])',
        'op.add_check_online("ck_late", "users", "id > 0")',
        'op.set_not_null_online("users", "date_of_birth")',
        'op.execute("alter table users add column late int")',
    ],
    ids=["index", "check", "not null", "plain"],
)
def test_a_deadline_counts_once(at_head: Database, project: Path, up: str) -> None:
    revision(project, "waits", HEAD, up)
    with holding(at_head, "lock table users in share mode"):
        said = Run(at_head, "upgrade", "head", cwd=project, env=SHORT).ends(4)
    left = [int(seconds) for seconds in re.findall(r"giving up in (\d+) s", said)]
    assert left
    assert left == sorted(left, reverse=True), said
