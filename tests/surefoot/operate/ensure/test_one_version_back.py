"""An application one version back: what it can work with it starts on, and what takes something away it names."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from ourschool import ensure_current
from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author import snapshot_writer
from surefoot.errors import RefusedError
from tests.support import typed
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.commands.revisions import CHAIN, HEAD, write
from tests.surefoot.faults.runs import Run, until
from tests.surefoot.roles.people import role

ONLY_ADDS = "expand_only = True"
PLANS = """
    op.create_table("plans", sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
                    sa.Column("owner_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE")))
    op.add_column("users", sa.Column("plan_id", sa.Integer, sa.ForeignKey("plans.id")))
    op.add_column("users", sa.Column("house", sa.Text, comment="where \\u00fcber-tall pupils live"))
"""
NO_PLANS = 'op.drop_column("users", "house")\nop.drop_column("users", "plan_id")\nop.drop_table("plans")'


def add_plans(project: Path, **options: str) -> None:
    """Make `project` one version newer, by a revision that only adds."""
    write(
        project, "plans1", message="plans and houses", upgrade=PLANS, downgrade=NO_PLANS, imports=ONLY_ADDS, **options
    )


def as_before(database: Database) -> None:
    """Give the database the journal of an earlier version."""
    for name in ("file", "expand_only", "takes_away"):
        database.execute(f"alter table migration_journal drop if exists {name}")


def ensured(database: Database, *options: str, status: int = 0) -> str:
    """What `ourschool ensure` of the version of this checkout says."""
    done = typed.ourschool(database, "ensure", *options, status=status)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("--refuse",)], ids=" ".join)
def test_what_only_adds_lets_the_older_version_start(
    at_head: Database, project: Path, options: tuple[str, ...]
) -> None:
    add_plans(project)
    at_head.alembic("upgrade", "head", cwd=project)
    said = ensured(at_head, *options)
    assert (
        f"The database is newer than this version, at plans1: 1 revision after {HEAD} (plans1) only adds, as declared "
        "and as proved when it was run, so this version can work with it.\n"
    ) in said
    assert at_head.value("select version_num from alembic_version") == "plans1"


def test_so_does_another_name_whose_old_one_is_alive(at_head: Database, project: Path) -> None:
    """A table and a column, which others point to."""
    write(project, "plans1", message="other names", imports=ONLY_ADDS,
          upgrade='op.rename_column_online("subjects", "name", "title")\n'
          'op.rename_table_online("grade_history", "marked")',
          downgrade='op.undo_table_rename("grade_history", "marked")\n'
          'op.undo_column_rename("subjects", "name", "title")')  # fmt: skip
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.rows("select expand_only, takes_away from migration_journal where revision = 'plans1'") == [
        (True, None)
    ]
    assert "(plans1) only adds, as declared and as proved when it was run" in ensured(at_head)


def test_every_door_understands_it(at_head: Database, project: Path) -> None:
    add_plans(project)
    write(project, "more1", after="plans1", message="an index more", imports=ONLY_ADDS,
          upgrade='op.create_index_online("ix_users_house", "users", ["house"])',
          downgrade='op.drop_index_online("ix_users_house", "users")')  # fmt: skip
    at_head.alembic("upgrade", "head", cwd=project)
    sentence = f"2 revisions after {HEAD} (plans1, more1) only add, as declared and as proved when they were run"
    assert f"Nothing to do. The database is newer than this version, at more1: {sentence}" in (
        at_head.alembic("upgrade", "head").stderr
    )
    for command in (["current"], ["current", "--check-heads"]):
        assert at_head.alembic(*command).stdout == f"more1 (newer than {HEAD}, and only adds)\n"
    shown = " ".join(typed.ourschool(at_head, "status").stdout.split())
    assert "Newer plans1 plans and houses (only adds) Newer more1 an index more (only adds)" in shown
    assert sentence in shown
    upgraded = typed.ourschool(at_head, "upgrade", "--yes").stdout
    assert "Nothing to do" in upgraded
    assert sentence in " ".join(upgraded.split())
    engine = at_head.engine()
    ensured = ensure_current(engine)
    assert (ensured.revision, ensured.pending) == ("more1", ())
    assert sentence in ensured.newer
    with engine.begin() as connection:  # in a transaction of the caller's
        assert sentence in ensure_current(connection, when_behind="refuse").newer
    for command in (["downgrade", "-1"], ["check"], ["stamp", "head"], ["upgrade", HEAD]):
        refused = complaint(at_head.alembic(*command, status=3))
        assert (
            "this version can work with it, for plans1, more1 only add, but this command needs their files" in refused
        )


def test_what_takes_something_away_is_named(at_head: Database, project: Path) -> None:
    add_plans(project)
    write(project, "noname", after="plans1", message="theme is gone", upgrade='op.drop_column("users", "theme")')
    write(project, "late1", after="noname", message="one more", imports=ONLY_ADDS,
          upgrade='op.create_table("late", sa.Column("id", sa.Integer))')  # fmt: skip
    file = next((project / "alembic" / "versions").glob("*-noname_*"))
    file.write_text(
        file.read_text("utf-8").replace("Data: none.", "Data: the themes of all\nusers are lost: see above."), "utf-8"
    )
    at_head.alembic("upgrade", "head", cwd=project)
    said = ensured(at_head, status=3)
    assert (
        f"The database is at late1, newer than {HEAD}, the newest revision here, and this version cannot work with it: "
        'noname ("theme is gone") does not declare that it only adds; of the data it says: the themes of all users are '
        "lost: see above.\n"
    ) in said
    assert "Install the version of ourschool that has late1. Or go back" in said
    assert "only takes" not in said
    with pytest.raises(RefusedError, match="noname"):
        ensure_current(at_head.engine())
    for command in (["upgrade", "head"], ["current"], ["current", "--check-heads"]):
        assert 'noname ("theme is gone")' in complaint(at_head.alembic(*command, status=3))
    status = typed.ourschool(at_head, "status", status=1)
    assert 'noname ("theme is gone")' in " ".join(status.stderr.split())


@pytest.mark.parametrize(
    ("upgrade", "taken"),
    [
        ('op.drop_column("users", "theme")', "column users.theme is gone"),
        (
            'op.create_table("holds", sa.Column("by", sa.Integer, sa.ForeignKey("users.id", name="holds_by")))',
            "rows of users cannot be deleted while holds has them (holds_by)",
        ),
    ],
    ids=["a column", "a foreign key"],
)
def test_a_declaration_that_does_not_hold_is_seen_by_the_run(
    at_head: Database, project: Path, upgrade: str, taken: str
) -> None:
    write(project, "claims", message="it says that it adds", upgrade=upgrade, imports=ONLY_ADDS)
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.value("select expand_only from migration_journal where revision = 'claims'") is False
    assert f'claims ("it says that it adds") takes away what older code may need: {taken}' in ensured(at_head, status=3)


def test_a_merge_of_what_only_adds_is_understood(at_head: Database, project: Path) -> None:
    add_plans(project)
    write(project, "beside", message="beside it", imports=ONLY_ADDS)
    at_head.alembic("upgrade", "heads", cwd=project)
    assert "at beside and plans1: 2 revisions after" in ensured(at_head)
    path = write(project, "joined", message="both joined", imports=ONLY_ADDS)
    path.write_text(path.read_text("utf-8").replace(repr(HEAD), '("plans1", "beside")'), "utf-8")
    at_head.alembic("upgrade", "head", cwd=project)
    assert "at joined: 3 revisions after" in ensured(at_head)


def test_another_line_is_not_this_one(at_head: Database, project: Path) -> None:
    """What is newer builds on the revision before the newest one here."""
    parent = CHAIN[-2]
    add_plans(project, after=parent)
    at_head.alembic("downgrade", "-1")
    at_head.alembic("upgrade", "plans1", cwd=project)
    assert f"and it lacks that one: the newer revisions (plans1) build on {parent}." in ensured(at_head, status=3)


def test_what_is_begun_and_newer_still_is_not_trusted(at_head: Database, project: Path) -> None:
    add_plans(project)
    write(project, "parts", after="plans1", message="in parts",
          upgrade='op.create_index_online("ix_plans", "users", ["house"])\nraise LookupError("no")')  # fmt: skip
    at_head.alembic("upgrade", "head", cwd=project, status=5)
    assert at_head.value("select version_num from alembic_version") == "plans1"
    assert "an upgrade of parts stopped half-way: nobody knows what is there now." in ensured(at_head, status=3)


def test_a_failed_try_that_changed_nothing_is_no_obstacle(at_head: Database, project: Path) -> None:
    add_plans(project)
    write(project, "fails", after="plans1", upgrade='op.execute("select 1 / 0")')
    at_head.alembic("upgrade", "head", cwd=project, status=4)
    assert "so this version can work with it" in ensured(at_head)


def test_what_is_cut_off_and_continued_is_not_proved(at_head: Database, project: Path) -> None:
    work = 'op.execute("alter table users drop theme")\nop.create_index_online("ix_x", "users", ["last_name"])'
    write(project, "parts", upgrade=f'{work}\nraise LookupError("no")', imports=ONLY_ADDS)
    at_head.alembic("upgrade", "head", cwd=project, status=5)
    assert (
        at_head.value("select count(*) from pg_attribute where attrelid = 'users'::regclass and attname = 'theme'") == 0
    )
    write(project, "parts", upgrade='op.create_index_online("ix_x", "users", ["last_name"])', imports=ONLY_ADDS)
    at_head.alembic("upgrade", "head", cwd=project)
    assert "may need: it was cut off and continued, so that nobody compared" in ensured(at_head, status=3)


def test_a_role_that_may_only_read_is_told_the_same(at_head: Database, project: Path) -> None:
    add_plans(project)
    at_head.alembic("upgrade", "head", cwd=project)
    with role(at_head) as reader:
        at_head.execute(f"grant select on alembic_version to {reader.name}")
        assert "which no file in" in ensured(reader.here, status=3)  # without the journal, as ever
        at_head.execute(f"grant select on migration_journal to {reader.name}")
        assert "so this version can work with it" in ensured(reader.here)


def test_a_journal_of_an_earlier_version_gets_the_columns(at_head: Database, project: Path) -> None:
    as_before(at_head)
    before = at_head.rows("select * from migration_journal order by id")
    write(project, "first1")
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.rows("select file is not null, expand_only from migration_journal order by id desc limit 1") == [
        (True, False)
    ]
    kept = at_head.rows("select * from migration_journal where revision <> 'first1' order by id")
    assert [row[: len(before[0])] for row in kept] == before
    fresh = "select description from pg_description where objoid = 'migration_journal'::regclass and objsubid > 15"
    assert len(at_head.rows(fresh)) == 3


def test_a_journal_in_use_stays_as_it_is(at_head: Database, project: Path) -> None:
    as_before(at_head)
    add_plans(project)
    with at_head.connect() as backup:
        backup.execute("lock table migration_journal in access share mode")
        done = at_head.alembic("upgrade", "head", cwd=project)
    assert "migration_journal is in use, so the file of this revision is not kept in it" in done.stderr
    assert "which no file in" in ensured(at_head, status=3)


def test_an_owner_without_superuser_keeps_files(scratch: Database, project: Path) -> None:
    with role(scratch, owns=True) as owner:
        scratch.execute(f"alter schema public owner to {owner.name}")
        owner.here.alembic("upgrade", "head")
        as_before(scratch)
        add_plans(project)
        owner.here.alembic("upgrade", "head", cwd=project)
        assert "so this version can work with it" in ensured(owner.here)


def test_a_file_that_was_changed_in_the_journal_is_not_believed(at_head: Database, project: Path) -> None:
    add_plans(project)
    at_head.alembic("upgrade", "head", cwd=project)
    for wrong in ("'\\x00'", "file || '\\x00'::bytea", "overlay(file placing '\\x00'::bytea from 20)"):
        with at_head.connect() as connection:
            connection.execute(f"update migration_journal set file = {wrong} where revision = 'plans1'")
            connection.commit()
        said = ensured(at_head, status=3)
        assert "the file of plans1 that the journal keeps is not the one that was run: somebody changed it" in said


def test_a_database_at_head_reads_no_file(at_head: Database) -> None:
    """What stands before every start is one round trip, whatever the journal keeps."""
    with at_head.engine().connect() as connection:
        seen: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *event: seen.append(event[2]))
        ensure_current(connection)
    assert [each for each in seen if "expand_only" in each] == []


SLOW = """
create function slowly() returns trigger language plpgsql as 'begin perform pg_sleep(600); return null; end';
create trigger slowly after insert on migration_journal for each row execute function slowly()
"""
SLEEPER = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"


def test_a_kill_at_the_journals_write_leaves_one_truth(at_head: Database, project: Path) -> None:
    add_plans(project)
    at_head.execute(SLOW)
    run = Run(at_head, "upgrade", "head", cwd=project)
    ((pid,),) = until(lambda: at_head.rows(SLEEPER), "the journal is being written")
    run.kill()
    at_head.execute(f"select pg_terminate_backend({pid})")
    until(lambda: not at_head.rows(f"select from pg_stat_activity where pid = {pid}"), "its session has ended")
    at_head.execute("drop trigger slowly on migration_journal", "drop function slowly")
    kept = "select count(*) from migration_journal where revision = 'plans1'"
    assert at_head.rows(f"select version_num, ({kept}), to_regclass('plans') from alembic_version") == [(HEAD, 0, None)]
    assert "The database is current at" in ensured(at_head)
    at_head.alembic("upgrade", "head", cwd=project)
    assert "so this version can work with it" in ensured(at_head)


def test_a_journal_that_is_published_is_not_changed(at_head: Database, project: Path) -> None:
    """A subscriber would stop at the first row with a column that it lacks."""
    as_before(at_head)
    at_head.execute("create publication p for table migration_journal")
    add_plans(project)
    at_head.alembic("upgrade", "head", cwd=project)
    assert at_head.value("select count(*) from pg_attribute where attname = 'expand_only'") == 0
    assert "which no file in" in ensured(at_head, status=3)


def test_a_new_database_keeps_what_only_adds(scratch: Database, newest: Server, project: Path) -> None:
    """By the snapshot of the newer version; that of the older one is used for what it stands for."""
    add_plans(project)
    snapshot_writer.write(settings.load(PROJECT.at(project), database_url=scratch.dsn), scratch.url)
    assert re.search(r"^-- revision: plans1 \w{64} expand-only$", snapshot_of(project), re.MULTILINE)
    assert "Running snapshot  -> plans1" in scratch.alembic("upgrade", "head", cwd=project).stderr
    assert scratch.rows("select revision, expand_only from migration_journal where file is not null") == [
        ("plans1", True)
    ]
    assert "so this version can work with it" in ensured(scratch)
    with fresh(newest) as older:
        assert f"Running snapshot  -> {HEAD}" in older.alembic("upgrade", "head").stderr
        assert older.value("select count(*) from migration_journal where file is not null") == 0


def snapshot_of(project: Path) -> str:
    return (project / "alembic" / "snapshot.sql").read_text("utf-8")
