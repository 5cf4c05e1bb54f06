"""What a server raises at its limits has a remedy that fits: neither the revision nor a row is to be mended."""

import datetime as dt
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from surefoot import database as ours
from surefoot.runtime.error_translation import is_interruption, translate_in_revision
from surefoot.runtime.journal import Entry
from surefoot.runtime.stops import StateAfterFailure
from tests.support.databases import Database
from tests.surefoot.faults.runs import revision

RAISED = """do $$ begin raise exception 'what the server says' using errcode = '{}'; end $$"""
LIMITS = {
    "53100": ("The disk of the server of", "Make room where the server keeps its data"),
    "53200": ("The server of {} has no memory left", "Give it more memory"),
    "53300": ("The server of {} has no connection free", "raise max_connections"),
    "57P01": ("The server ended the connection to {}", "Wait until it answers"),
    "57P03": ("The server of {} is starting, stopping", "Wait until it accepts connections"),
    "57014": ("A statement in {} was cancelled", "Find out who cancelled it"),
    "58030": ("The server of {} cannot read or write", "look at its disk"),
    "XX001": ("The server of {} found damaged data", "restore a backup"),
    "22P05": ("The encoding of {} has no such character", "database in UTF8"),
}
FILLS = """
op.execute("set local work_mem = '64kB'")
op.execute("create table sorted as select g from generate_series(1, 200000) as g order by md5(g::text)")
"""


@pytest.fixture
def small_disk(scratch: Database) -> Iterator[str]:
    """A tablespace of 2 MB, where this user may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="small-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("no right to mount a file system here")
    data = scratch.server.data
    assert data is not None
    shutil.chown(folder, data.owner(), data.group())
    name = f"small_{scratch.url.database}"
    scratch.execute(f"create tablespace {name} location '{folder}'")
    yield name
    scratch.execute(f"drop tablespace {name}")
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def raised(database: Database, statement: str) -> sa.exc.DBAPIError:
    """The error of the statement, as SQLAlchemy raises it."""
    engine = ours.engine_for(database.url, application_name="a test")
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as fault:
        connection.exec_driver_sql(statement)
    return fault.value


@pytest.mark.parametrize("state", LIMITS)
def test_a_limit_of_the_server_is_no_fault_of_the_revision(scratch: Database, state: str) -> None:
    left = StateAfterFailure(("before",), {}, ("before",), 0, 1, parts=False)
    fault = raised(scratch, RAISED.format(state))
    error = translate_in_revision(fault, Entry("r", "upgrade", dt.datetime.now(dt.UTC)), left, scratch.url)
    message, remedy = LIMITS[state]
    assert message.format(ours.describe(scratch.url)) in error.message
    assert error.message.endswith(": what the server says.")
    assert remedy in error.remedy
    assert "run the same command again" in error.remedy
    assert "Correct the rows" not in error.remedy
    assert is_interruption(fault) == (state not in {"XX001", "22P05"})


def test_too_many_locks(scratch: Database) -> None:
    fault = raised(scratch, "select pg_advisory_xact_lock(n) from generate_series(1, 1000000) as n")
    error = ours.explain(fault, scratch.url)
    assert "can hold no more locks: out of shared memory." in error.message
    assert error.remedy.startswith("Raise max_locks_per_transaction")


def test_a_limit_reached_in_a_revision_goes_on_when_it_is_raised(scratch: Database, project: Path) -> None:
    for file in (project / "alembic" / "versions").glob("*.py"):
        file.unlink()
    file = revision(project, "filling", "none", FILLS)
    file.write_text(file.read_text().replace('"none"', "None"))
    name = f'"{scratch.url.database}"'
    scratch.execute(f"alter database {name} set temp_file_limit = 64")
    said = scratch.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert "upgrade filling failed. A limit that is set for" in said
    assert "temporary file size exceeds" in said
    assert "alter database ... set temp_file_limit = -1" in " ".join(said.split())
    scratch.execute(f"alter database {name} reset temp_file_limit")
    scratch.alembic("upgrade", "head", cwd=project)


def test_a_disk_that_is_full(scratch: Database, small_disk: str) -> None:
    fault = raised(
        scratch, f"create table rows tablespace {small_disk} as select n from generate_series(1, 200000) as n"
    )
    error = ours.explain(fault, scratch.url)
    assert error.message.startswith("The disk of the server of ")
    assert error.remedy.startswith("Make room where the server keeps its data")
