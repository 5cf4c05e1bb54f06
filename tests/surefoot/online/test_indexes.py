"""Indexes built and dropped beside the users' work: what is there afterwards, and what an error shows."""

import threading
import time

import psycopg
import pytest
import sqlalchemy as sa

from surefoot.errors import RefusedError, UsageError
from tests.support.databases import Database
from tests.support.stalls import Stalls
from tests.surefoot.online.harness import MARKS, Work, assert_equal, catalogue, run, wait_until

SHAPES: dict[str, tuple[list[str | sa.TextClause], dict[str, object]]] = {
    "columns": (["pupil_id", "subject"], {}),
    "expression": ([sa.text("lower(subject)"), sa.text("points desc nulls last")], {}),
    "partial": (["subject"], {"postgresql_where": sa.text("subject not in ('Art', 'Music') and note like '5%\\:y'")}),
    "method": (["subject"], {"postgresql_using": "hash"}),
    "including": (["pupil_id"], {"postgresql_include": ["points"], "postgresql_with": {"fillfactor": 70}}),
    "class": (["subject"], {"postgresql_ops": {"subject": "varchar_pattern_ops"}}),
    "unique": (["subject"], {"unique": True, "postgresql_nulls_not_distinct": True}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_equal_to_the_plain_one_and_built_once(
    database: Database, shape: tuple[list[object], dict[str, object]]
) -> None:
    columns, options = shape
    database.execute(*MARKS)
    run(database, lambda op: op.create_index("ix_marks", "marks", columns, **options))
    expected = catalogue(database)
    database.execute("drop index ix_marks")
    run(database, lambda op: op.create_index_online("ix_marks", "marks", columns, **options))
    assert_equal(expected, catalogue(database))
    built = database.value("select 'ix_marks'::regclass::oid")
    run(database, lambda op: op.create_index_online("ix_marks", "marks", columns, **options))
    assert database.value("select 'ix_marks'::regclass::oid") == built


def test_what_a_cut_off_build_left_is_built_again(database: Database) -> None:
    database.execute(*MARKS, "insert into marks (subject) values ('Subject 1')")
    with database.connect(autocommit=True) as connection, pytest.raises(Exception, match="could not create unique"):
        connection.execute("create unique index concurrently ix_subject on marks (subject)")
    database.execute("delete from marks where id = 101")
    assert not valid(database, "ix_subject")
    run(database, lambda op: op.create_index_online("ix_subject", "marks", ["subject"]))
    assert valid(database, "ix_subject")
    assert "UNIQUE" not in definition(database, "ix_subject")


def test_nobody_waits_while_the_build_waits_for_an_old_transaction(scratch: Database) -> None:
    scratch.execute(*MARKS)
    stalls = Stalls(scratch.dsn)
    with stalls, scratch.connect() as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("select count(*) from marks")
        build = threading.Thread(
            target=run, args=(scratch, lambda op: op.create_index_online("ix_points", "marks", ["points"]))
        )
        build.start()
        wait_until(scratch, "select from pg_stat_progress_create_index where phase like 'waiting for old%'")
        began = time.perf_counter()
        scratch.execute("insert into marks (points) values (1)", "update marks set note = 'x'", "delete from marks")
        assert time.perf_counter() - began < 1 + stalls.allowance
        assert build.is_alive()
    build.join(30)
    assert valid(scratch, "ix_points")


def test_duplicates_are_counted_and_sampled_and_nothing_is_left(database: Database) -> None:
    database.execute(
        *MARKS,
        "update marks set subject = 'ART' where id in (3, 7)",
        "update marks set subject = 'art' where id = 5",
        "update marks set subject = 'Music' where id in (20, 30)",
        "update marks set subject = 'Music', note = 'x' where id = 40",
    )
    before = catalogue(database)
    with pytest.raises(RefusedError) as refused:
        run(
            database,
            lambda op: op.create_index_online(
                "ix_subject",
                "marks",
                [sa.text("lower(subject)")],
                unique=True,
                postgresql_where=sa.text("note is null"),
            ),
        )
    assert refused.value.message == ("5 rows of marks would break unique index ix_subject: id 3 = 5 = 7, 20 = 30.")
    assert_equal(before, catalogue(database))


TAKEN = {
    "other columns": ("create index ix_taken on marks (subject)", "ON marks USING btree (subject)", "(pupil_id)"),
    "other predicate": ("create index ix_taken on marks (pupil_id) where id > 5", "WHERE id > 5", "(pupil_id)"),
    "other table": ("create index ix_taken on pupils (id)", "ON pupils USING btree (id)", "ON marks"),
    "a constraint's": (
        "alter table marks add constraint ix_taken unique (id, pupil_id)", "serves constraint ix_taken", "(pupil_id)",
    ),
    "a table": ("create table ix_taken ()", "a table", "(pupil_id)"),
    "a sequence": ("create sequence ix_taken", "a sequence", "(pupil_id)"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "there", "wanted"), TAKEN.values(), ids=TAKEN)
def test_a_name_that_is_taken_shows_both(scratch: Database, make: str, there: str, wanted: str) -> None:
    scratch.execute(*MARKS, make)
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, lambda op: op.create_index_online("ix_taken", "marks", ["pupil_id"]))
    assert "'ix_taken' is taken" in refused.value.message
    assert there in refused.value.message.split("wanted is")[0]
    assert wanted in refused.value.message.split("wanted is")[1]
    assert_equal(before, catalogue(scratch))


WRONG: dict[str, tuple[Work, str]] = {
    "no table": (lambda op: op.create_index_online("ix", "mark", ["id"]), "no table 'mark' in schema public"),
    "no column": (lambda op: op.create_index_online("ix", "marks", ["mark"]), "no column 'mark'; it has id, pupil_id"),
    "no function": (
        lambda op: op.create_index_online("ix", "marks", [sa.text("lowest(note)")]),
        "does not take index ix on marks: function lowest(text) does not exist",
    ),
    "a parameter": (
        lambda op: op.create_index_online("ix", "marks", ["id"], postgresql_where=sa.text("note = ':x'")),
        "has a parameter, :x",
    ),
    "volatile": (
        lambda op: op.create_index_online("ix", "marks", [sa.text("(id + random())")]),
        "functions in index expression must be marked IMMUTABLE",
    ),
    "a view": (lambda op: op.create_index_online("ix", "seen", ["id"]), "'seen' is a view"),
    "a schema": (lambda op: op.create_index_online("ix", "marks", ["id"], schema="other"), "schema='other'"),
    "a long name": (lambda op: op.create_index_online("ü" * 32, "marks", ["id"]), "has 64 bytes"),
    "drop: no index": (lambda op: op.drop_index_online("ix", if_exists=False), "There is no index 'ix'"),
    "drop: a table": (lambda op: op.drop_index_online("marks"), "'marks' is a table, not an index"),
    "drop: a key": (lambda op: op.drop_index_online("marks_pkey"), "serves constraint marks_pkey"),
    "drop: another's": (lambda op: op.drop_index_online("ix_name", "marks"), "Index ix_name is not one of marks"),
    "drop: needed": (lambda op: op.drop_index_online("ix_needed"), "other objects depend on it"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_sentence_and_changes_nothing(scratch: Database, wrong: Work, said: str) -> None:
    scratch.execute(
        *MARKS,
        "create view seen as select id from marks",
        "create index ix_name on pupils (name)",
        "create table twins (id integer)",
        "create unique index ix_needed on twins (id)",
        "alter table marks add foreign key (pupil_id) references twins (id) not valid",
    )
    before = catalogue(scratch)
    with pytest.raises(UsageError) as refused:
        run(scratch, wrong)
    assert said in refused.value.message
    assert refused.value.remedy
    assert_equal(before, catalogue(scratch))


def test_dropped_also_when_cut_off_or_gone(database: Database) -> None:
    database.execute(*MARKS)
    before = catalogue(database)
    database.execute("create index ix_a on marks (id)", "create index ix_b on marks (id)")
    database.execute("update pg_index set indisvalid = false where indexrelid = 'ix_b'::regclass")
    run(database, lambda op: op.drop_index_online("ix_a"), lambda op: op.drop_index_online("ix_b", "marks"))
    assert_equal(before, catalogue(database))
    run(database, lambda op: op.drop_index_online("ix_a"), lambda op: op.drop_index_online("ix_b", "marks"))


def valid(database: Database, name: str) -> object:
    return database.value(f"select indisvalid from pg_index where indexrelid = '{name}'::regclass")


def definition(database: Database, name: str) -> str:
    return str(database.value(f"select pg_get_indexdef('{name}'::regclass)"))
