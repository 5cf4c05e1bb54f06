"""Foreign keys added beside the users' work: orphans named first, both tables locked for an instant."""

import threading
import time
from typing import Any

import pytest

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.support.stalls import Stalls
from tests.surefoot.online.harness import MARKS, Work, assert_equal, catalogue, run, when

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "actions": {"ondelete": "cascade", "onupdate": "SET NULL"},
    "restrict": {"ondelete": "RESTRICT", "onupdate": "NO ACTION"},
    "deferred": {"deferrable": True, "initially": "deferred", "ondelete": "SET DEFAULT"},
    "deferrable": {"deferrable": True, "initially": "IMMEDIATE"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equal_to_the_plain_one_and_added_once(database: Database, options: dict[str, Any]) -> None:
    database.execute(*MARKS, "update marks set pupil_id = null where id > 90")
    before = catalogue(database)
    run(database, lambda op: op.create_foreign_key("fk", "marks", "pupils", ["pupil_id"], ["id"], **options))
    expected = catalogue(database)
    database.execute("alter table marks drop constraint fk")
    add: Work = lambda op: op.add_foreign_key_online(  # noqa: E731
        "fk", "marks", "pupils", ["pupil_id"], ["id"], **options
    )
    run(database, add)
    assert_equal(expected, catalogue(database))
    added = database.value("select oid from pg_constraint where conname = 'fk'")
    run(database, add)
    assert database.value("select oid from pg_constraint where conname = 'fk'") == added
    run(database, lambda op: op.drop_constraint_online("fk", "marks"))
    assert_equal(before, catalogue(database))


def test_one_that_is_not_valid_is_validated(database: Database) -> None:
    database.execute(*MARKS, "alter table marks add constraint fk foreign key (pupil_id) references pupils not valid")
    run(database, lambda op: op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"]))
    assert database.value("select convalidated from pg_constraint where conname = 'fk'") is True


def test_a_key_of_two_awkward_columns_to_its_own_table(database: Database) -> None:
    database.execute(
        'create table "Tree" ("Id" integer, "select" integer, "Up" integer, up2 integer, primary key ("Id", "select"))',
        'insert into "Tree" values (1, 1, null, 7), (2, 1, 1, 1)',
    )
    add: Work = lambda op: op.add_foreign_key_online(  # noqa: E731
        "Tree fk", "Tree", "Tree", ["Up", "up2"], ["Id", "select"]
    )
    run(database, add, add)
    assert database.value("select pg_get_constraintdef(oid) from pg_constraint where conname = 'Tree fk'") == (
        'FOREIGN KEY ("Up", up2) REFERENCES "Tree"("Id", "select")'
    )


def test_old_rows_are_read_once_the_locks_that_stop_others_are_given_back(database: Database) -> None:
    database.execute(*MARKS)
    seen: list[object] = []

    def add(op: Any) -> None:
        query = "select convalidated from pg_constraint where conname = 'fk'"
        when(op, "validate constraint", lambda: seen.append(database.value(query)))
        op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"])

    run(database, add)
    assert seen == [False]


def test_orphans_are_counted_and_sampled(database: Database) -> None:
    database.execute(*MARKS, "update marks set pupil_id = 99 where id % 20 = 0", "delete from pupils where id = 2")
    before = catalogue(database)
    with pytest.raises(RefusedError) as refused:
        run(database, lambda op: op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"]))
    assert refused.value.message == (
        "15 rows of marks would break fk FOREIGN KEY (pupil_id) REFERENCES pupils(id): "
        "id 1, 11, 20, 21, 31 and 10 more."
    )
    assert_equal(before, catalogue(database))


def test_an_orphan_that_comes_while_it_is_added_is_named_and_nothing_is_left(scratch: Database) -> None:
    scratch.execute(*MARKS)
    before = catalogue(scratch)

    def add(op: Any) -> None:
        when(op, "not valid", lambda: scratch.execute("update marks set pupil_id = 99 where id = 50"))
        op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"])

    with pytest.raises(RefusedError, match=r"1 row of marks would break fk .*: id 50\."):
        run(scratch, add)
    assert_equal(before, catalogue(scratch))


def test_who_writes_waits_no_longer_than_one_lock_timeout_for_both_tables(scratch: Database) -> None:
    """One session holds the referent: whoever writes to the source meanwhile is soon let through."""
    scratch.execute(*MARKS, f"alter database {scratch.url.database} set lock_timeout = '600ms'")
    longest, stalls = 0.0, Stalls(scratch.dsn)
    with stalls, scratch.connect() as holder:
        holder.execute("update pupils set name = 'x'")

        def add(op: Any) -> None:
            op.add_foreign_key_online("fk", "marks", "pupils", ["pupil_id"], ["id"])

        failed: list[str] = []
        work = threading.Thread(target=lambda: failed.append(_failure(scratch, add)))
        work.start()
        while work.is_alive():
            began = time.perf_counter()
            scratch.execute("update marks set note = 'x' where id = 1")
            longest = max(longest, time.perf_counter() - began)
    work.join()
    assert "lock timeout" in failed[0]
    assert 0.1 < longest < 0.55 + stalls.allowance


WRONG: dict[str, tuple[Work, str]] = {
    "no table": (lambda op: _add(op, source_table="mark"), "no table 'mark'"),
    "no referent": (lambda op: _add(op, referent_table="pupil"), "no table 'pupil'"),
    "no column": (lambda op: _add(op, local_cols=["pupil"]), "marks has no column 'pupil'"),
    "no column there": (lambda op: _add(op, remote_cols=["pupil"]), "pupils has no column 'pupil'"),
    "not as many": (lambda op: _add(op, local_cols=["id", "pupil_id"]), "2 columns here and 1 there"),
    "none": (lambda op: _add(op, local_cols=[], remote_cols=[]), "0 columns here and 0 there"),
    "no key": (lambda op: _add(op, local_cols=["subject"], remote_cols=["name"]), "does not take fk"),
    "other types": (lambda op: _add(op, local_cols=["subject"]), "operator does not exist"),
    "no action": (lambda op: _add(op, ondelete="VANISH"), "knows no 'VANISH', only NO ACTION, RESTRICT"),
    "no time": (lambda op: _add(op, initially="SOON"), "knows no 'SOON'"),
    "a schema": (lambda op: _add(op, schema="other"), "schema='other'"),
    "another": (
        lambda op: _add(op, constraint_name="taken"),
        "there is FOREIGN KEY (pupil_id) REFERENCES pupils(id) ON DELETE CASCADE, wanted is FOREIGN KEY (pupil_id)",
    ),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_changes_nothing(scratch: Database, wrong: Work, said: str) -> None:
    scratch.execute(
        *MARKS,
        "alter table marks add constraint taken foreign key (pupil_id) references pupils on delete cascade",
        "update marks set subject = 'Pupil 1'",
    )
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, wrong)
    assert said in refused.value.message
    assert_equal(before, catalogue(scratch))


def _add(op: Any, **other: Any) -> None:
    arguments: dict[str, Any] = {
        "constraint_name": "fk", "source_table": "marks", "referent_table": "pupils",
        "local_cols": ["pupil_id"], "remote_cols": ["id"],
    }  # fmt: skip
    op.add_foreign_key_online(**arguments | other)


def _failure(database: Database, work: Work) -> str:
    try:
        run(database, work)
    except Exception as fault:  # shown by the test
        return str(fault)
    return "none"
