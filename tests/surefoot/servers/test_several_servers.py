"""Several servers: no revision is read from a standby and run on the primary, and readers there are thought of."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.errors import RefusedError, SurefootError
from surefoot.operate.change.change_preflight import preflight
from surefoot.operate.ensure import ensure_current
from surefoot.operate.status.health import find_problems
from surefoot.settings import Settings
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server, running
from tests.support.servers.pgpool import balanced, needs_pgpool
from tests.support.servers.proxy import proxied
from tests.support.servers.standby import following
from tests.surefoot.online.harness import empty, wait_until, write
from tests.surefoot.online.runner import Runner


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary and its hot standby."""
    with running(18) as primary, following(primary, "reading", "hot_standby = on") as standby:
        yield primary, standby


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two revisions, of which the second must not run twice."""
    folder = tmp_path_factory.mktemp("chain")
    shutil.copytree(ROOT / "alembic", folder / "alembic", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", folder)
    write(empty(folder), "one", None, "op.execute('create table runs (id integer)')")
    write(folder, "two", "one", "op.execute('insert into runs values (1)')")
    return folder


@pytest.fixture(scope="module")
def behind(pair: tuple[Server, Server], chain: Path) -> Iterator[Database]:
    """A database whose last revision does not reach the standby."""
    primary, standby = pair
    with fresh(primary) as database, Runner(database, chain) as runner:
        runner.alembic("upgrade", "one", status=0)
        copy = replace(database, server=standby, url=standby.url.set(database=database.url.database))
        caught_up(database, copy)
        copy.execute("select pg_wal_replay_pause()")
        wait_until(copy, "select 1 where pg_get_wal_replay_pause_state() = 'paused'")
        runner.alembic("upgrade", "two", status=0)
        try:
            yield database
        finally:
            copy.execute("select pg_wal_replay_resume()")


def caught_up(database: Database, copy: Database) -> None:
    """Wait until the standby has all that was committed."""
    written = database.value("select pg_current_wal_lsn()")
    wait_until(copy, f"select 1 where pg_last_wal_replay_lsn() >= '{written}'")


COMMANDS = (("alembic", "upgrade", "head"), ("ourschool", "upgrade", "--yes", "--no-backup"), ("ourschool", "status"))


@needs_pgpool
@pytest.mark.parametrize("weights", [(0, 1), (1, 0)], ids=["reads of the standby", "reads of the primary"])
def test_pgpool_that_divides_reads_is_refused(
    pair: tuple[Server, Server], behind: Database, chain: Path, tmp_path: Path, weights: tuple[int, int]
) -> None:
    pending = tmp_path / "pending"
    shutil.copytree(chain, pending)
    write(pending, "three", "two", "op.execute('insert into runs values (2)')")
    with balanced(*pair, weights=weights) as url:
        here = replace(behind, url=url.set(database=behind.url.database))
        for program, *words in COMMANDS if weights[1] else COMMANDS[:1]:
            process = here.start(*words, program=program, cwd=chain)
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 3, said
            assert f"127.0.0.1:{url.port} is pgpool 4" in " ".join(said.split()), said
        if weights[1]:
            with pytest.raises(RefusedError, match="is pgpool"):
                ensure_current(here.engine(), PROJECT.at(pending))
    assert behind.rows("select * from runs") == [(1,)]


def test_who_is_connected_to_the_standby_itself_is_told(
    pair: tuple[Server, Server], behind: Database, chain: Path
) -> None:
    copy = replace(behind, url=pair[1].url.set(database=behind.url.database))
    for program, *words in COMMANDS[:2]:
        said, _ = (process := copy.start(*words, program=program, cwd=chain)).communicate(timeout=120)
        assert process.returncode == 4, said
        assert "is read-only (a standby, or default_transaction_read_only is on)" in " ".join(said.split()), said
    with pytest.raises(SurefootError, match="read-only"):
        ensure_current(copy.engine(), PROJECT.at(chain))


def test_that_readers_on_a_standby_feel_it_is_told_before(pair: tuple[Server, Server], behind: Database) -> None:
    with pair[0].connect() as admin:
        admin.execute("create role looks login password 'geheim'")
        admin.execute(f"grant connect on database {behind.url.database} to looks")
    seen = pair[0].over_tcp("looks", "geheim", str(behind.url.database))
    for url in behind.url, seen:
        warnings = preflight(Settings(PROJECT), url, with_backup=False)
        told = [each for each in warnings if each.startswith("1 standby server (reading)")]
        assert ["max_standby_streaming_delay" in each for each in told] == [True], warnings
    with behind.engine().connect() as connection:
        found = [each for each in find_problems(connection) if each.kind == "replication"]
    assert [each.what[:16] for each in found] == ["1 standby server"]


def test_pglite_is_refused(scratch: Database) -> None:
    """Its version() is all that it can be told by; a function of that name before PostgreSQL's own says the same."""
    said = "PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten, compiled by emcc 6.0.5, 32-bit"
    scratch.execute(
        "create schema lite",
        f"create function lite.version() returns text language sql as $$ select '{said}'::text $$",
        f"alter database {scratch.url.database} set search_path = lite, pg_catalog, public",
    )
    with scratch.server.connect() as admin:
        admin.execute("alter role postgres password 'geheim'")
    direct = scratch.server.over_tcp("postgres", "geheim", str(scratch.url.database))
    with proxied(scratch.server.port) as proxy:
        here = replace(scratch, url=direct.set(port=proxy.port))
        ended = here.alembic("upgrade", "head", status=3)
        assert f"At 127.0.0.1:{proxy.port} is PGlite" in " ".join(ended.stderr.split())
        with pytest.raises(RefusedError, match="is PGlite"):
            ensure_current(here.engine(), PROJECT)
    assert scratch.value("select to_regclass('public.alembic_version')") is None


@needs_pgpool
def test_pgpool_that_sends_all_to_the_primary_works(pair: tuple[Server, Server], behind: Database, chain: Path) -> None:
    write(chain, "three", "two", "op.execute('insert into runs values (2)')")
    with balanced(*pair, load_balance_mode="off") as url:
        here = replace(behind, url=url.set(database=behind.url.database))
        here.alembic("upgrade", "head", cwd=chain)
    assert behind.rows("select * from runs order by 1") == [(1,), (2,)]
