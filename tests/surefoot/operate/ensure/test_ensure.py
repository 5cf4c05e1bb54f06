"""ensure_current: current, behind, new, ahead, not ours; many at once; what it imports, logs and leaves."""

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ourschool import ensure_current
from ourschool.project import PROJECT
from surefoot.errors import FailedError, RefusedError, UsageError
from surefoot.operate.ensure import ensure_current as ensure
from tests.ourschool.history.schools import BASELINE, CHAIN, HEAD, at, journal, make_existing
from tests.support.databases import Database, fresh
from tests.support.servers import running
from tests.surefoot.faults.runs import advisory_locks

ADDED = """revision: str = "{name}"
down_revision: "str | None" = ("{before}",)


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""


@pytest.fixture
def engine(scratch: Database) -> Iterator[sa.Engine]:
    made = sa.create_engine(scratch.url)
    yield made
    made.dispose()


@pytest.mark.promise("A7", "A8", "E10")
def test_an_empty_database_is_built_and_the_log_says_so(
    scratch: Database, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ourschool"):
        ensured = ensure_current(engine)
    assert (ensured.revision, ensured.pending) == (HEAD, tuple(CHAIN))
    assert at(scratch) == [HEAD]
    told = [record.getMessage() for record in caplog.records if record.name == "ourschool"]
    assert told[:2] == ["Checking the database.", f"Creating a new database at {HEAD}."]
    assert re.fullmatch(rf"The database is current at {HEAD} \({len(CHAIN)} were pending, .* s\)\.", told[2])
    assert len(told) == 3


@pytest.mark.promise("A7")
def test_one_that_is_behind_is_brought_up_and_a_current_one_is_left_alone(scratch: Database, engine: sa.Engine) -> None:
    make_existing(scratch)
    assert ensure_current(engine).pending == tuple(CHAIN[1:])
    before = journal(scratch)
    assert ensure_current(engine).pending == ()
    assert journal(scratch) == before
    assert advisory_locks(scratch) == []


@pytest.mark.promise("A7", "A8")
def test_one_that_is_behind_may_be_left_to_a_person(
    scratch: Database, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    make_existing(scratch)
    with pytest.raises(RefusedError) as refused:
        ensure_current(engine, when_behind="refuse")
    assert f"The database is at {BASELINE}, and {len(CHAIN) - 1} revisions are pending: {CHAIN[1]}" in str(
        refused.value
    )
    assert at(scratch) == [BASELINE]
    assert "the application must not start" in caplog.records[-1].getMessage()
    assert caplog.records[-1].levelname == "ERROR"


def test_one_that_is_ahead_is_explained(scratch: Database, engine: sa.Engine) -> None:
    ensure_current(engine)
    scratch.execute("update alembic_version set version_num = 'ffffffffffff'")
    with pytest.raises(RefusedError, match=r"which no file in .* has: it was migrated by a newer"):
        ensure_current(engine)


def test_one_that_has_tables_but_no_revision_is_not_touched(scratch: Database, engine: sa.Engine) -> None:
    make_existing(scratch)
    scratch.execute("drop table alembic_version")
    with pytest.raises(RefusedError, match=r"has tables .* but no revision"):
        ensure_current(engine)
    assert scratch.value("select to_regclass('alembic_version')") is None


@pytest.mark.promise("A7")
def test_a_revision_that_fails_stops_the_start(scratch: Database, engine: sa.Engine) -> None:
    make_existing(scratch)
    scratch.execute("create view seen as select grade_level from users")
    with pytest.raises(FailedError, match="grade_level"):
        ensure_current(engine)
    assert at(scratch) == [BASELINE]
    scratch.execute("drop view seen")
    assert ensure_current(engine).revision == HEAD


@pytest.mark.promise("O7")
@pytest.mark.parametrize("begun", [False, True], ids=["outside a transaction", "inside one"])
def test_a_connection_is_given_back_as_it_was(scratch: Database, engine: sa.Engine, begun: bool) -> None:
    ensure_current(engine)
    with engine.connect() as connection:
        if begun:
            connection.exec_driver_sql("create table mine (id integer)")
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, psycopg.Connection)
        ensure_current(connection)
        assert connection.in_transaction() is begun
        assert driver.autocommit is False
        connection.rollback()
    assert scratch.value("select to_regclass('mine') is null") is True


def test_inside_a_transaction_a_missing_version_table_does_not_spoil_it(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("create table mine (id integer)")
        with pytest.raises(RefusedError, match="mine"):
            ensure_current(connection)
        assert connection.exec_driver_sql("select count(*) from mine").scalar_one() == 0


@pytest.mark.promise("A7")
def test_threads_of_one_process(scratch: Database, engine: sa.Engine) -> None:
    found: list[object] = []

    def start() -> None:
        try:
            found.append(ensure_current(engine).revision)
        except Exception as fault:
            found.append(fault)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [HEAD] * 8
    assert journal(scratch) == [("upgrade", each) for each in CHAIN]


@pytest.mark.promise("A7")
def test_processes_at_once_on_an_empty_database(scratch: Database) -> None:
    _all_at_once(scratch, 6)


@pytest.mark.long
def test_fifty_processes_at_once_on_an_empty_database() -> None:
    with running(18, "max_connections = 300") as server, fresh(server) as database:
        _all_at_once(database, 50)


def _all_at_once(database: Database, count: int) -> None:
    command = [sys.executable, "-m", "ourschool", "ensure"]
    starting = [
        subprocess.Popen(
            command, env=database.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(count)
    ]
    for each in starting:
        output, _ = each.communicate()
        assert each.returncode == 0, output
    assert journal(database) == [("upgrade", each) for each in CHAIN]


@pytest.mark.promise("E7", "E10")
def test_the_command_for_start_scripts(scratch: Database) -> None:
    command = [sys.executable, "-m", "ourschool", "ensure"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], env=scratch.environment(), capture_output=True, text=True, check=False)

    refused = run("--refuse")
    assert refused.returncode == 3
    assert "The database is at no revision" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run().returncode == 0
    again = run("--refuse")
    assert again.returncode == 0
    assert f"The database is current at {HEAD}" in again.stderr
    assert again.stdout == ""


def test_alembic_is_not_imported_where_nothing_is_to_do(scratch: Database, engine: sa.Engine) -> None:
    ensure_current(engine)
    code = (
        "import sys, ourschool, sqlalchemy\n"
        "assert 'surefoot.operate.ensure' not in sys.modules, 'whoever wants models alone waits for nothing else'\n"
        "engine = sqlalchemy.create_engine(sys.argv[1])\n"
        "print(ourschool.ensure_current(engine).revision)\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'alembic']\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, scratch.url.render_as_string(False)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == (f"{HEAD}\n", 0), done.stderr


def test_two_revisions_of_one_minute_are_told_apart_and_two_heads_are_named(at_head: Database, project: Path) -> None:
    """What follows what is in the files; their names sort as they like."""
    for name, before in (("zzz", HEAD), ("aaa", "zzz")):
        file = project / "alembic" / "versions" / f"2026_11_28_1200-{name}_add.py"
        file.write_text(ADDED.format(name=name, before=before))
    made, there = at_head.engine(), PROJECT.at(project)
    assert ensure(made, there).pending == ("zzz", "aaa")
    assert subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ourschool", "ensure"],
        cwd=project, env=at_head.environment(), capture_output=True, text=True, check=True,
    ).stderr.count(" alembic.") == 0  # fmt: skip
    (project / "alembic" / "versions" / "2026_11_28_1201-bbb_add.py").write_text(ADDED.format(name="bbb", before="zzz"))
    with pytest.raises(UsageError, match=r"There are 2 heads \(aaa, bbb\)"):
        ensure(made, there)
    done = subprocess.run(
        [sys.executable, "-m", "ourschool", "ensure"],
        cwd=project, env=at_head.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "There are 2 heads (aaa, bbb)" in done.stderr
