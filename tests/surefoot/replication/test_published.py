"""Under logical replication: a subscriber that applied every row before applies every row after, or it was refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.errors import RefusedError
from surefoot.operate.change.guarded_upgrade import plan_upgrade
from surefoot.operate.rehearse.copy_source import RehearsalOptions
from surefoot.operate.rehearse.rehearsal import rehearse
from surefoot.operate.status.collect import status
from surefoot.settings import load
from tests.support.databases import fresh
from tests.support.servers import Server, running
from tests.surefoot.online.harness import assert_equal, catalogue, empty, write
from tests.surefoot.online.runner import Runner
from tests.surefoot.replication.subscribing import TABLES, replicating

FIRST = 'op.create_index_online("ix_first", "pupils", ["name"])\n'
"""An operation that would be done before the one that is refused: nothing may be left of it."""
BASE = f"for each in {TABLES!r}: op.execute(each)"
SENT = "for table pupils, marks (id, code, points, mood), rooms where (code > 0), notes, parts"
UNSEEN = frozenset({"hidden text", "its own query", "another identity", "new partition"})
"""What shows only when it has run, in the revision's transaction."""
REFUSED = {
    "retired column": ('op.retire_column("pupils", "name")', "published by p, and this revision sets column name"),
    "column of the filter": ('op.retire_column("rooms", "code")', "code is in the row filter of publication p"),
    "column of the list": ('op.retire_column("marks", "points")', "in the column list or the row filter"),
    "type of one in the list": (
        'op.change_types_online("marks", {"points": (sa.BigInteger, "points::bigint", "points::integer")})',
        "in the column list or the row filter of publication p",
    ),
    "change of types": (
        'op.change_types_online("pupils", {"name": (sa.String(50), "name::varchar(50)", "name::text")})',
        "this revision gives column name another type",
    ),
    "index of the identity": ('op.drop_index_online("ix_rooms_code", "rooms")', "is the replica identity of rooms"),
    "primary key": ('op.drop_constraint_online("pupils_pkey", "pupils")', "is the replica identity of pupils"),
    "replaced identity": (
        'op.create_index_online("ix_rooms_code", "rooms", ["code", "id"], unique=True, replace=True)',
        "is the replica identity of rooms",
    ),
    "unique constraint": ('op.drop_constraint_online("uq_marks_code", "marks")', "ends uq_marks_code"),
    "replaced check": ('op.add_check_online("ck_points", "marks", "points > -5", replace=True)', "ends ck_points"),
    "NOT NULL": ('op.drop_not_null_online("pupils", "name")', "allows NULL in column name"),
    "labels": ('op.change_enum("mood", ["calm", "loud", "glad"], was=["calm", "loud"])', "column mood other labels"),
    "new column": ('op.add_column("pupils", sa.Column("age", sa.Integer))', "adds column age to it"),
    "plain drop": ('op.drop_column("pupils", "name")', "drops column name"),
    "plain type": ('op.alter_column("rooms", "seats", type_=sa.BigInteger)', "gives column seats another type"),
    "renamed column": ('op.alter_column("rooms", "seats", new_column_name="places")', "renames column seats"),
    "renamed table": ('op.rename_table("rooms", "halls")', "renames it"),
    "table renamed online": ('op.rename_table_online("rooms", "halls")', "renames it"),
    "column renamed online": ('op.rename_column_online("rooms", "seats", "places")', "renames column seats"),
    "text": ('op.execute("ALTER TABLE rooms\\n ADD COLUMN floor integer")', "says add column floor"),
    "partitioned": ('op.add_column("parts", sa.Column("age", sa.Integer))', "adds column age to it"),
    "new partition": (
        'op.execute("create table parts_2 partition of parts for values in (2)")',
        "makes it a partition, whose rows are published",
    ),
    "another identity": ('op.execute("alter table marks replica identity full")', "Index marks_pkey is the replica"),
    "values of rows without identity": ('op.backfill("notes", {"body": "1"})', "notes is published by p and has no"),
    "hidden text": (
        "op.execute(\"do $$ begin execute 'alter table rooms ' || 'add floor integer'; end $$\")",
        "adds column floor to it",
    ),
    "its own query": (
        'op.get_bind().exec_driver_sql("alter table rooms drop constraint rooms_pkey, alter seats type bigint")',
        "makes column seats bigint that was integer",
    ),
}  # fmt: skip
PASSES = """
op.create_index_online("ix_pupils", "pupils", ["name"])
op.add_check_online("ck_seats", "rooms", "seats < 1000000")
op.retire_column("marks", "note")
op.add_column("marks", sa.Column("seen", sa.Boolean))
op.create_table("halls", sa.Column("id", sa.Integer, primary_key=True))
op.add_column("halls", sa.Column("name", sa.Text))
"""


@pytest.fixture(scope="module")
def logical() -> Iterator[Server]:
    with running(18, "wal_level = logical", "wal_receiver_status_interval = 1s") as server:
        yield server


def test_what_a_subscriber_would_not_survive_is_refused_before_anything_is_changed(
    logical: Server, project: Path
) -> None:
    write(empty(project), "one", None, BASE)
    with replicating(logical, SENT) as pair, Runner(pair.publisher, project) as runner:
        runner.alembic("stamp", "one", status=0)
        before = catalogue(pair.publisher)
        for name, (operation, words) in REFUSED.items():
            write(project, "two", "one", operation if name in UNSEEN else FIRST + operation)
            ended = runner.alembic("upgrade", "head")
            said = " ".join(ended.output.split())
            assert (ended.status, words in said) == (3, True), (name, ended.output)
            assert pair.publisher.value("select to_regclass('ix_first')") is None, (name, ended.output)
            assert_equal(before, catalogue(pair.publisher))
        write(project, "two", "one", PASSES)
        runner.alembic("upgrade", "head", status=0)
        pair.follows()


def test_who_says_that_the_subscriber_is_changed_goes_on(logical: Server, project: Path) -> None:
    write(empty(project), "one", None, BASE)
    write(project, "two", "one", 'op.add_column("pupils", sa.Column("age", sa.Integer, server_default="7"))',
          'op.retire_column("pupils", "age")')  # fmt: skip
    env = {"OURSCHOOL_SUBSCRIBERS_CHANGED": "yes"}
    with replicating(logical, SENT) as pair, Runner(pair.publisher, project, env) as runner:
        runner.alembic("stamp", "one", status=0)
        settings = load(PROJECT.at(project), environ=pair.publisher.environment())
        with pytest.raises(RefusedError, match=r"p sends what pending revisions change[^$]*\n  pupils: age"):
            plan_upgrade(settings, pair.publisher.url, with_backup=False)
        pair.subscriber.execute("alter table pupils add age integer")
        runner.alembic("upgrade", "head", status=0)
        pair.follows()
        assert pair.subscriber.rows("select age from pupils") == [(7,)]
        write(project, "three", "two", 'op.drop_constraint_online("pupils_pkey", "pupils")')
        assert "is the replica identity of pupils" in runner.alembic("upgrade", "head", status=3).output


def test_a_publication_of_all_tables_is_told_and_with_a_subscriber_refused(logical: Server, project: Path) -> None:
    write(empty(project), "one", None, BASE)
    write(project, "two", "one", 'op.create_table("halls", sa.Column("id", sa.Integer, primary_key=True))',
          'op.drop_table("halls")')  # fmt: skip
    with replicating(logical, "for all tables") as pair, Runner(pair.publisher, project) as runner:
        for command in ("stamp", "one"), ("upgrade", "head"):
            said = " ".join(runner.alembic(*command, status=3).output.split())
            assert f"p is for all tables, read through the replication slot {pair.slot}" in said
        assert pair.publisher.value("select to_regclass('migration_journal')") is None
        pair.follows()
    with fresh(logical) as database, Runner(database, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        database.execute("create publication everything for all tables")
        settings, url = load(PROJECT.at(project), environ=database.environment()), database.url
        copied = rehearse(settings, url, RehearsalOptions("head", None, fresh=True), say=lambda _: None)
        assert copied is not None
        for told in (
            [each.what for each in status(settings, url).health],
            plan_upgrade(settings, url, with_backup=False).warnings,
            copied.replication,
        ):
            assert any("ublication everything is for all tables, no replication slot" in each for each in told), told
        runner.alembic("upgrade", "head", status=0)
        assert database.value("select version_num from alembic_version") == "two"


def test_a_subscribed_table_gets_no_other_type_while_rows_arrive(logical: Server, project: Path) -> None:
    """What the subscription writes fires no trigger, so the new column would miss it."""
    write(empty(project), "one", None, BASE)
    write(project, "two", "one", REFUSED["change of types"][0])
    with replicating(logical, SENT) as pair, Runner(pair.subscriber, project) as runner:
        runner.alembic("stamp", "one", status=0)
        said = runner.alembic("upgrade", "head", status=3).output
        assert f"Subscription {pair.slot} writes to pupils" in said
        pair.subscriber.execute(f"alter subscription {pair.slot} disable")
        pair.publisher.execute("insert into pupils values (100, 'while it was disabled')")
        runner.alembic("upgrade", "head", status=0)
        pair.subscriber.execute(f"alter subscription {pair.slot} enable")
        pair.follows()


@pytest.mark.parametrize(
    ("renames", "what"),
    [
        ('op.rename_table_online("rooms", "halls")', "writes to it by its name"),
        ('op.rename_column_online("rooms", "seats", "places")', "writes to the table by its names"),
    ],
)
def test_a_subscribed_table_keeps_its_names(logical: Server, project: Path, renames: str, what: str) -> None:
    """Its rows arrive by name, and none arrives by that of a view."""
    write(empty(project), "one", None, BASE)
    write(project, "two", "one", FIRST + renames)
    with replicating(logical, SENT) as pair, Runner(pair.subscriber, project) as runner:
        runner.alembic("stamp", "one", status=0)
        before = catalogue(pair.subscriber)
        said = runner.alembic("upgrade", "head", status=3).output
        assert f"subscription {pair.slot} {what}" in said
        assert_equal(before, catalogue(pair.subscriber))
        pair.follows()
