"""Batches that fill a table: what is filled, what is refused, who is given way to, and what the operator sees."""

import logging
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.runtime.migration import MigrationContext

from ourschool.errors import OurSchoolError, RefusedError, UsageError
from ourschool.migrate.online import progress
from ourschool.migrate.online.backfill import batches, replicas
from ourschool.migrate.online.backfill.operation import BackfillOp
from tests.online.clients import Clients
from tests.online.harness import empty, operations, run, wait_until, when, write
from tests.online.runner import Runner
from tests.support.databases import Database, fresh
from tests.support.servers import Server, _run, _server_user, running

KEYS = {
    "integer": "id integer primary key",
    "uuid": "id uuid primary key default gen_random_uuid()",
    "text": "id text primary key default md5(random()::text)",
    "composite": "a integer not null, id text not null, primary key (id, a)",
    "unique index": "id integer not null unique",
    "timestamp": "id timestamptz primary key",
}
FILL = {
    "integer": "insert into t (id, b) select n, n from generate_series(1, {}) as n",
    "composite": "insert into t (a, id, b) select n, n % 7, n from generate_series(1, {}) as n",
    "timestamp": "insert into t (id, b) select now() + n * interval '1 s', n from generate_series(1, {}) as n",
    "unique index": "insert into t (id, b) select -n, n from generate_series(1, {}) as n",
}


def table(database: Database, key: str = "integer", rows: int = 3000) -> None:
    database.execute(
        f"create table t ({KEYS[key]}, b integer, c integer, n numeric(6, 1), j json)",
        FILL.get(key, "insert into t (b) select n from generate_series(1, {}) as n").format(rows),
    )


def chain(database: Database, project: Path) -> None:
    """Revision two fills the table; the database stands at one."""
    write(empty(project), "one", None, "pass")
    write(project, "two", "one", "op.backfill('t', {'c': 'b'}, 'c is null and b is not null')")
    database.alembic("stamp", "one", cwd=project)


@pytest.mark.parametrize("key", KEYS)
def test_every_row_gets_its_value_by_any_key(database: Database, key: str) -> None:
    table(database, key)
    run(database, lambda op: op.backfill("t", {"c": "b * 2", "n": "b / 7.0"}, "c is null -- not yet"))
    assert database.value("select count(*) from t where c = b * 2 and n = round(b / 7.0, 1)") == 3000


def test_a_key_of_the_authors_choice(scratch: Database) -> None:
    table(scratch)
    scratch.execute("alter table t alter b set not null", "create index on t (b, id)")
    run(scratch, lambda op: op.backfill("t", {"c": "b"}, key="b"))
    assert scratch.value("select count(*) from t where c = b") == 3000


def test_rows_that_are_done_are_not_written_again(database: Database) -> None:
    """Without a where: what a column already holds, rounded as it rounds, and json, which has no equality."""
    table(database)
    values = {"n": "b / 7.0", "j": "json_build_object('a:b', b)"}
    run(database, lambda op: op.backfill("t", values))
    before = database.rows("select id, xmin::text from t order by id")
    database.execute("update t set n = null where id = 17")
    run(database, lambda op: op.backfill("t", values))
    after = database.rows("select id, xmin::text from t order by id")
    assert [row[0] for row, then in zip(after, before, strict=True) if row != then] == [17]
    assert database.value("select count(*) from t where n = round(b / 7.0, 1) and j ->> 'a:b' = b::text") == 3000


def test_rows_that_arrive_behind_the_first_pass_are_done_too(scratch: Database) -> None:
    table(scratch)
    with operations(scratch) as op:
        when(op, "select exists", lambda: scratch.execute("insert into t (id, b) values (-5, 1), (0, 2)"))
        op.backfill("t", {"c": "b"}, "c is null")
    assert scratch.value("select count(*) from t where c is null") == 0


def test_rows_that_never_stop_coming_do_not_keep_it(scratch: Database, caplog: pytest.LogCaptureFixture) -> None:
    table(scratch, rows=10)

    def insert(_: object, __: object, statement: str, *___: object) -> None:
        if "select exists" in statement:
            scratch.execute("insert into t (id, b) select min(id) - 1, 1 from t")

    with operations(scratch) as op, caplog.at_level(logging.WARNING, "ourschool.migrate"):
        sa.event.listen(op.get_bind(), "before_cursor_execute", insert)
        op.backfill("t", {"c": "b"}, "c is null")
    assert "Rows of t still come to match c is null" in caplog.text
    assert scratch.rows("select id from t where c is null") == [(-3,)]


WRONG: dict[str, tuple[Callable[[Any], object], type[OurSchoolError], str]] = {
    "no table": (lambda op: op.backfill("nobody", {"c": "1"}), UsageError, "no table 'nobody'"),
    "no column": (lambda op: op.backfill("t", {"x": "1"}), UsageError, "no column 'x'; it has id, b, c, n, j"),
    "no values": (lambda op: op.backfill("t", {}), UsageError, "no values"),
    "no key": (lambda op: op.backfill("loose", {"a": "1"}), UsageError, "no primary key and no unique index"),
    "no such index": (lambda op: op.backfill("t", {"c": "1"}, key=["b"]), UsageError, r"begins with \(b\)"),
    "a view": (lambda op: op.backfill("seen", {"c": "1"}), UsageError, "'seen' is a view"),
    "wrong SQL": (lambda op: op.backfill("t", {"c": "b +"}), UsageError, "syntax error"),
    "wrong where": (lambda op: op.backfill("t", {"c": "1"}, "zz = 1"), UsageError, 'column "zz" does not exist'),
    "wrong type": (lambda op: op.backfill("t", {"c": "now()"}, "c is null"), UsageError, "is of type integer but"),
    "generated": (lambda op: op.backfill("made", {"b": "1"}), UsageError, "is generated"),
    "always true": (lambda op: op.backfill("t", {"c": "1"}, "b > 0"), RefusedError, "'b > 0', is still true of 500 of"),
    "chance": (lambda op: op.backfill("t", {"c": "random() * 1e6"}), RefusedError, "would never end"),
    "still NULL": (lambda op: op.backfill("t", {"c": "null"}, "c is null"), RefusedError, r"\(id 1, 2, 3, 4, 5\)"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_changed(
    scratch: Database, wrong: tuple[Callable[[Any], object], type[OurSchoolError], str]
) -> None:
    table(scratch)
    scratch.execute(
        "create table loose (a integer)",
        "create view seen as select * from t",
        "create table made (a integer primary key, b integer generated always as (a + 1) stored)",
    )
    work, kind, sentence = wrong
    before = scratch.rows("select * from t order by id")
    with pytest.raises(kind, match=sentence) as raised:
        run(scratch, work)
    assert raised.value.remedy
    assert scratch.rows("select * from t order by id") == before


def test_rows_that_a_policy_hides_are_not_passed_over(scratch: Database) -> None:
    table(scratch, rows=10)
    scratch.execute(
        "create role hidden_from",
        "grant create on schema public to hidden_from",
        "alter table t owner to hidden_from",
        "alter table t enable row level security, force row level security",
        "create policy part on t using (id > 5)",
    )
    try:
        with operations(scratch) as op:
            op.get_bind().exec_driver_sql("set role hidden_from")
            op.get_bind().commit()
            with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
                op.backfill("t", {"c": "b"}, "c is null")
    finally:
        scratch.execute("drop owned by hidden_from cascade", "drop role hidden_from")


def test_a_where_that_reads_the_table_itself_is_not_taken_for_an_endless_one(scratch: Database) -> None:
    """RETURNING sees other rows as they were: what looks unfinished by it is looked at again."""
    table(scratch, rows=50)
    where = "exists (select from t as same where same.id = t.id and same.c is null)"
    run(scratch, lambda op: op.backfill("t", {"c": "b"}, where))
    assert scratch.value("select count(*) from t where c = b") == 50


def test_as_a_revision_up_and_through_psql(database: Database, project: Path) -> None:
    made = f"op.execute('create table t ({KEYS['composite']}, b integer, c integer)')"
    filled = FILL["composite"].format(12_000)
    write(empty(project), "one", None, f"{made}\nop.execute({filled!r})", "op.drop_table('t')")
    write(project, "two", "one", "op.backfill('t', {'c': 'b % 5'}, \"c is null and 'a:b' <> '%'\")")
    database.alembic("upgrade", "one", cwd=project)
    printed = database.alembic("upgrade", "one:two", "--sql", cwd=project).stdout
    database.psql(stdin=printed)
    assert database.value("select count(*) from t where c = b % 5") == 12_000
    database.execute("update t set c = null")
    database.alembic("downgrade", "one", cwd=project)
    database.alembic("upgrade", "two", cwd=project)
    assert database.value("select count(*) from t where c = b % 5") == 12_000


def test_offline_without_a_where_and_a_key(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, "op.backfill('t', {'n': 'b / 7.0', 'j': 'json_build_object(1, b)'}, key='id')")
    table(scratch, rows=6000)
    scratch.psql(stdin=scratch.alembic("upgrade", "head", "--sql", cwd=project).stdout)
    assert scratch.value("select count(*) from t where n = round(b / 7.0, 1) and j ->> '1' = b::text") == 6000


def test_rendered_as_it_is_written() -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))
    context.opts.update({"alembic_module_prefix": "op.", "sqlalchemy_module_prefix": "sa."})
    op = BackfillOp("t", {"c": "b's"}, "c is null", key=["a", "id"])
    assert render_op_text(context, op) == """op.backfill('t', {'c': "b's"}, 'c is null', key=['a', 'id'])"""


def test_killed_before_each_statement_while_others_write(scratch: Database, project: Path) -> None:
    table(scratch)
    chain(scratch, project)
    scratch.execute("alter table t alter id add generated by default as identity (start 10000)")
    values = {"b": lambda chance: chance.randint(1, 1000), "n": lambda chance: chance.randint(1, 100)}
    with Runner(scratch, project) as runner, Clients(scratch, "t", values, pause=0.02) as clients:
        at, killed = 0, True
        while killed and at < 60:
            at += 7
            runner.alembic("downgrade", "one", status=0)
            scratch.execute("update t set c = null")
            killed = runner.alembic("upgrade", "two", kill_at=at).killed
            runner.alembic("upgrade", "two", status=0)
            assert scratch.value("select count(*) from t where c is null and id <= 3000") == 0
    assert at > 20
    assert not clients.failures
    assert not clients.lost()


def test_a_row_that_is_held_makes_the_batch_smaller_and_wait(scratch: Database, project: Path) -> None:
    """Others are not held up by a batch that waits itself, and it ends when the row is free."""
    table(scratch)
    chain(scratch, project)
    with scratch.connect() as holder:
        holder.execute("update t set b = b where id = 1500")
        process = scratch.start("upgrade", "head", cwd=project)
        wait_until(scratch, "select from t having count(c) >= 1400")  # nearer and nearer, in ever smaller batches
        assert process.poll() is None
        assert scratch.value("select count(c) from t") in range(1400, 1500)
        with scratch.connect(autocommit=True) as other:
            other.execute("set lock_timeout = '1s'")
            other.execute("update t set b = b where id between 1501 and 1600")
        holder.commit()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Gave way" in output
    assert scratch.value("select count(*) from t where c is null") == 0


def test_a_line_now_and_then_in_a_log(
    scratch: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    table(scratch)
    with caplog.at_level(logging.INFO, "ourschool.migrate"):
        run(scratch, lambda op: op.backfill("t", {"c": "b"}))
    first, *_, last = [record.getMessage() for record in caplog.records if record.name == "ourschool.migrate"]
    assert first.startswith("Backfill of t (c): 500 of about 3,000 rows, ")
    assert first.endswith(" left.")
    assert last.startswith("Backfill of t (c): done, 3,000 rows looked at, 3,000 changed, ")


def test_a_bar_on_a_terminal_and_none_in_a_pipe(scratch: Database, project: Path) -> None:
    table(scratch, rows=20_000)
    chain(scratch, project)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=project, env=scratch.environment({"TERM": "xterm", "COLUMNS": "120"}), stdin=theirs,
        stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how a terminal says that nobody is there any more
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert process.wait() == 0, seen.decode()
    assert "━".encode() in seen
    assert re.search(rb"\d+/20000", seen)
    scratch.execute("update t set c = null")
    scratch.alembic("downgrade", "one", cwd=project)
    piped = scratch.alembic("upgrade", "head", cwd=project)
    assert "━" not in piped.stderr
    assert "done, 20,000 rows looked at, 20,000 changed" in piped.stderr


def test_batches_adapt_to_the_time_they_take(scratch: Database) -> None:
    """A slow row makes them small, so that nobody who wants one of their rows waits long."""
    table(scratch, rows=1200)
    scratch.execute(
        "create function slow() returns trigger language plpgsql as "
        "$$ begin perform pg_sleep(0.0005); return new; end $$",
        "create trigger slow before update on t for each row execute function slow()",
    )
    run(scratch, lambda op: op.backfill("t", {"c": "b"}))
    sizes = [int(str(size)) for (size,) in scratch.rows("select count(*) from t group by xmin::text order by min(id)")]
    assert sizes[0] == batches.FIRST
    assert max(sizes[3:-1]) <= 130  # 50 ms at half a millisecond and a little for each


@contextmanager
def replica(server: Server, home: Path) -> Iterator[None]:
    """A replica called `delayed`, which applies everything five seconds late."""
    assert server.data is not None
    user = _server_user(home, server.bin)
    hba = server.data / "pg_hba.conf"
    hba.write_text(hba.read_text() + "local replication all trust\n")
    socket = str(server.url.query["host"])
    with server.connect() as admin:
        admin.execute("select pg_reload_conf()")
    data = home / "replica"
    _run(server.bin / "pg_basebackup", "-D", data, "-h", socket, "-p", server.port, "-U", "postgres", "-c", "fast",
         user=user)  # fmt: skip
    (data / "standby.signal").touch()
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(
            f"primary_conninfo = 'host={socket} port={server.port} user=postgres application_name=delayed'\n"
            f"recovery_min_apply_delay = '2s'\nlisten_addresses = ''\nunix_socket_directories = '{home}'\n"
        )
    _run(server.bin / "pg_ctl", "-D", data, "-l", home / "log", "-w", "start", user=user)
    try:
        yield
    finally:
        _run(server.bin / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", user=user, check=False)


def test_it_pauses_while_a_replica_is_behind(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "BEHIND", 0.3)
    monkeypatch.setattr(replicas, "LOOK", 0.1)
    monkeypatch.setattr(replicas, "PATIENCE", 1.0)
    monkeypatch.setattr(batches, "LARGEST", 100)  # the work lasts longer than the replica's delay
    monkeypatch.setattr(batches, "FIRST", 100)
    with (
        tempfile.TemporaryDirectory(prefix="ours-replica-") as home,
        running(18, "wal_level = replica") as server,
        replica(server, Path(home)),
        fresh(server) as database,
    ):
        table(database, rows=20_000)
        database.execute(
            "create function slowly() returns trigger language plpgsql as $$ "
            "begin perform pg_sleep(0.02); return null; end $$",
            "create trigger slowly after update on t for each statement execute function slowly()",
        )
        with caplog.at_level(logging.INFO, "ourschool.migrate"):
            run(database, lambda op: op.backfill("t", {"c": "b"}))
        assert database.value("select count(*) from t where c = b") == 20_000
    assert "Pausing: replica delayed is" in caplog.text
    assert "does not catch up" in caplog.text
