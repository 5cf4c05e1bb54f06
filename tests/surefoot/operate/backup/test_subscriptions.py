"""A database that subscribes to another: no copy of it pulls from the publisher, and every copy can be dropped."""

from pathlib import Path

from psycopg import sql

from ourschool.project import PROJECT
from surefoot.operate.backup import backup, database_swap, find, restore, verify
from surefoot.operate.backup.restore_run import RestoreOptions
from surefoot.scratch_database import scratch_database, temporary_database
from surefoot.settings import Settings
from tests.support import typed
from tests.support.databases import Database
from tests.surefoot.online.harness import empty, write
from tests.surefoot.operate.backup.schools import forget_aside, ourschool

NAMES = ("news", 'a "quoted" one')
SUBSCRIBE = (
    "create subscription {} connection 'host=127.0.0.1 port=1 dbname=elsewhere' publication p "
    "with (connect = false, slot_name = {})"
)
THERE = "select datname::text, subname::text, subenabled from pg_subscription join pg_database d on d.oid = subdbid"
COPIES = "select count(*) from pg_database where datname like 'ourschool\\_%'"


def subscribe(database: Database) -> None:
    database.execute("create table lines (id integer primary key)", "insert into lines values (1), (2)")
    with database.connect(autocommit=True) as connection:
        for number, name in enumerate(NAMES):
            connection.execute(sql.SQL(SUBSCRIBE).format(sql.Identifier(name), sql.Literal(f"slot_{number}")))
            comment = sql.SQL("comment on subscription {} is 'what comes from the office'")
            connection.execute(comment.format(sql.Identifier(name)))


def unsubscribe(database: Database) -> None:
    """Else nobody could drop it."""
    with database.connect(autocommit=True) as connection:
        for (name,) in connection.execute(
            "select subname from pg_subscription where subdbid = "
            "(select oid from pg_database where datname = current_database())"
        ).fetchall():
            for what in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)",
                         "drop subscription {}"):  # fmt: skip
                connection.execute(sql.SQL(what).format(sql.Identifier(name)))


def test_it_is_backed_up_verified_restored_and_every_copy_is_dropped(database: Database, tmp_path: Path) -> None:
    settings = Settings(PROJECT.at(tmp_path))
    subscribe(database)
    stood = database.rows(f"{THERE} order by 1, 2")
    try:
        made = backup(settings, database.url)
        assert made.manifest.not_proven is None
        note = 'Not restored: subscription a "quoted" one, news, so that no copy pulls from the publisher.'
        assert any(each.startswith(note) for each in verify(database.url, made).notes)
        assert database.value(COPIES) == 0
        assert database.rows(f"{THERE} order by 1, 2") == stood

        into = f"{database.url.database}_look"
        done = restore(settings, database.url, made, RestoreOptions(into=into))
        assert any(each.startswith(note) for each in done.notes)
        assert database.rows(f"{THERE} order by 1, 2") == stood
        database.execute(f'drop database "{into}"')

        restored = restore(settings, database.url, made)
        assert restored.kept is not None
        assert database.value("select count(*) from lines") == 2
        assert {name for name, *_ in database.rows(THERE)} == {restored.kept}  # the subscriber is the old one
        said = ourschool(database, tmp_path, "restore", "--drop-old", restored.kept, "--yes", status=3).stderr
        assert f'{restored.kept} has the subscription a "quoted" one, news, whose publisher would keep' in said
        unsubscribe(Database(database.server, database.url.set(database=restored.kept)))
        database_swap.drop_old(database.url, restored.kept)
    finally:
        unsubscribe(database)
        forget_aside(database)


def test_in_place_it_is_left_and_told(scratch: Database, tmp_path: Path) -> None:
    settings = Settings(PROJECT.at(tmp_path))
    subscribe(scratch)
    stood = scratch.rows(THERE)
    try:
        made = backup(settings, scratch.url)
        scratch.execute("delete from lines")
        done = restore(settings, scratch.url, find(settings.backup_folder, made.name), RestoreOptions(inside=True))
        assert any(
            each.startswith('Left as it is: subscription a "quoted" one, news. It brings nothing')
            for each in done.notes
        )
        assert scratch.value("select count(*) from lines") == 2
        assert scratch.rows(THERE) == stood
    finally:
        unsubscribe(scratch)


def test_a_scratch_database_that_subscribes_is_dropped_all_the_same(scratch: Database) -> None:
    """By who made it, and by the next command where that was killed: an earlier version left such ones."""
    with scratch_database(scratch.url) as made:
        subscribe(Database(scratch.server, made))
    assert scratch.value(COPIES) == 0
    with temporary_database(scratch.url, "ourschool_left_1", "template0") as left, scratch.server.connect() as admin:
        subscribe(Database(scratch.server, left))
        pid = admin.execute(
            "select pid from pg_stat_activity where application_name like 'ourschool scratch ourschool_left_1'"
        ).fetchone()
        assert pid is not None
        admin.execute("select pg_terminate_backend(%s)", pid)
        with scratch_database(scratch.url):
            assert scratch.value(f"{COPIES} and datname = 'ourschool_left_1'") == 0


def test_a_rehearsal_of_a_subscriber_pulls_nothing(scratch: Database, project: Path, tmp_path: Path) -> None:
    write(empty(project), "one", None, "op.execute('create table marks (id integer primary key)')")
    write(project, "two", "one", "op.execute('create table more (id integer primary key)')", "op.drop_table('more')")
    scratch.alembic("upgrade", "one", cwd=project)
    subscribe(scratch)
    stood = scratch.rows(THERE)
    try:
        done = typed.ourschool(scratch, "rehearse", cwd=project, env={"OURSCHOOL_BACKUPS": str(tmp_path / "backups")})
        assert "Not restored: subscription" in " ".join((done.stdout + done.stderr).split())
        assert scratch.rows(THERE) == stood
        assert scratch.value(COPIES) == 0
    finally:
        unsubscribe(scratch)
