"""An older version goes back by files that the journal keeps, on the operator's word; the newer goes up again."""

import zlib
from pathlib import Path

import pytest

from tests.support import typed
from tests.support.databases import Database, fresh
from tests.surefoot.commands.revisions import CHAIN, HEAD, write
from tests.surefoot.operate.ensure.test_one_version_back import ONLY_ADDS, ensured

PLANS = """
op.create_table("plans", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
"""
NO_PLANS = 'op.retire_table("plans")'
THEMES = 'op.retire_column("users", "theme")'
NO_THEMES = 'op.restore_column("users", "theme")'
PERSON = """
insert into users (email, username, hashed_password, first_name, last_name, role, theme)
values ('ada@x', 'ada', '-', 'Ada', 'Lovelace', 'student', 'dark')
"""
FILES = "select revision from migration_journal where file is not null order by id"


@pytest.fixture
def newer(at_head: Database, project: Path) -> Path:
    """A project two revisions newer, which `at_head` was upgraded by; the second takes something away."""
    write(
        project, "plans1", message="plans with a name", imports=ONLY_ADDS, downgrade=NO_PLANS,
        upgrade='if not op.restore_table("plans"):\n    ' + PLANS.strip(),
    )  # fmt: skip
    write(project, "themes", after="plans1", message="themes go", upgrade=THEMES, downgrade=NO_THEMES)
    at_head.execute(PERSON)
    at_head.alembic("upgrade", "head", cwd=project)
    at_head.execute("insert into plans values (1, 'Größe')")
    return project


def rolled_back(database: Database, folder: Path, *arguments: str, says: str = "", status: int = 0) -> str:
    """What `ourschool rollback` of the version of this checkout shows."""
    env = {"OURSCHOOL_BACKUPS": str(folder), "TMPDIR": str(folder)}
    folder.mkdir(exist_ok=True)
    done = typed.ourschool(database, "rollback", *arguments, says=says, status=status, env=env)
    assert list(folder.glob("*kept*")) == []
    return " ".join((done.stdout + done.stderr).split())


def test_down_by_kept_files_and_up_again_with_the_rows(at_head: Database, newer: Path, tmp_path: Path) -> None:
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes")
    assert 'Files that the journal keeps run here, with your rights on this machine: themes ("themes go")' in said
    for line in at_head.rows("select file_sha256 from migration_journal where revision in ('plans1', 'themes')"):
        assert f"SHA-256 {line[0]}" in said
    assert "table plans: 1 rows" in said
    assert f"Done: at {HEAD}" in said
    assert len(list((tmp_path / "b").glob("*"))) == 1
    assert at_head.rows("select version_num, to_regclass('plans') from alembic_version") == [(HEAD, None)]
    assert at_head.value("select theme from users") == "dark"
    assert "The database is current at" in ensured(at_head)
    at_head.alembic("upgrade", "head", cwd=newer)
    assert at_head.rows("select * from plans") == [(1, "Größe")]
    assert "Drift     none" in typed.ourschool(at_head, "status", cwd=newer).stdout
    assert at_head.rows(FILES) == [("plans1",), ("themes",), ("plans1",), ("themes",)]


def test_one_step_leaves_what_the_older_version_can_work_with(at_head: Database, newer: Path, tmp_path: Path) -> None:
    assert 'themes ("themes go") does not declare' in ensured(at_head, status=3)
    rolled_back(at_head, tmp_path / "b", "-1", "--with-kept-files", "--yes")
    assert at_head.value("select version_num from alembic_version") == "plans1"
    assert "at plans1: 1 revision after" in ensured(at_head)
    assert newer.exists()


def test_without_the_word_nothing_is_run(at_head: Database, newer: Path, tmp_path: Path) -> None:
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--yes", status=3)
    assert f"python -m ourschool rollback {HEAD} --with-kept-files, which says what it costs" in said
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", says="n\n", status=3)
    assert "Whoever may write the journal may have changed them. Run them? [y/N]" in said
    assert at_head.value("select version_num from alembic_version") == "themes"
    assert newer.exists()


def test_a_file_that_is_not_the_one_that_ran_is_refused(at_head: Database, newer: Path, tmp_path: Path) -> None:
    (stored,) = at_head.rows("select file from migration_journal where revision = 'themes'")
    source = zlib.decompress(bytes(stored[0])).decode()  # type: ignore[call-overload]
    marker = tmp_path / "ran"
    evil = zlib.compress(f"{source}\nopen({str(marker)!r}, 'w')\n".encode())
    with at_head.connect() as connection:
        connection.execute("update migration_journal set file = %s where revision = 'themes'", [evil])
        connection.commit()
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes", status=3)
    assert "the file of themes that the journal keeps is not the one that was run: somebody changed it." in said
    assert not marker.exists()
    assert at_head.value("select version_num from alembic_version") == "themes"
    assert newer.exists()


def test_a_file_here_that_is_not_the_one_that_ran_is_refused(at_head: Database, newer: Path, tmp_path: Path) -> None:
    at_head.execute(f"update migration_journal set file_sha256 = repeat('0', 64) where revision = '{HEAD}'")
    said = rolled_back(at_head, tmp_path / "b", CHAIN[-2], "--with-kept-files", "--yes", status=3)
    assert f"The file of {HEAD} here is not the one that was run: the journal has another SHA-256." in said
    assert newer.exists()


def test_a_file_that_this_version_cannot_load_is_refused(at_head: Database, project: Path, tmp_path: Path) -> None:
    write(project, "newest", imports="from json import dumps", upgrade="pass")
    at_head.alembic("upgrade", "head", cwd=project)
    lost = (project / "alembic" / "versions" / "2027_01_01_0000-newest_add_something_to_users.py").read_text("utf-8")
    changed = lost.replace("from json import dumps", "from json import nonesuch").encode()
    with at_head.connect() as connection:  # as if the older version had an older library
        connection.execute(
            "update migration_journal set file = %s, file_sha256 = encode(sha256(%s), 'hex') where revision = 'newest'",
            [zlib.compress(changed), changed],
        )
        connection.commit()
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes", status=3)
    assert "cannot be loaded by this version: ImportError: cannot import name 'nonesuch'" in said


def test_a_merge_is_left_to_the_newer_version(at_head: Database, project: Path, tmp_path: Path) -> None:
    write(project, "one1")
    write(project, "two2")
    path = write(project, "joined", message="both joined")
    path.write_text(path.read_text("utf-8").replace(repr(HEAD), '("one1", "two2")'), "utf-8")
    at_head.alembic("upgrade", "head", cwd=project)
    said = rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes", status=3)
    assert 'joined ("both joined") joins lines or stands beside another one' in said


def test_what_stops_half_way_down_goes_on_by_the_same_command(at_head: Database, project: Path, tmp_path: Path) -> None:
    at_head.execute("create table ticks (id integer)")
    write(
        project, "parts", message="in parts", imports=ONLY_ADDS,
        upgrade='op.create_index_online("ix_theme", "users", ["theme"])',
        downgrade='op.drop_index_online("ix_theme", "users")\nop.execute("select 1 / count(*) from ticks")',
    )  # fmt: skip
    at_head.alembic("upgrade", "head", cwd=project)
    rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes", status=5)
    assert at_head.rows("select version_num, to_regclass('ix_theme') from alembic_version") == [("parts", None)]
    said = ensured(at_head, status=3)
    assert "a downgrade of parts stopped half-way: nobody knows what is there now." in said
    assert "--with-kept-files" in said
    at_head.execute("insert into ticks values (1)")
    rolled_back(at_head, tmp_path / "b", HEAD, "--with-kept-files", "--yes")
    assert at_head.value("select version_num from alembic_version") == HEAD
    assert "The database is current at" in ensured(at_head)


def test_the_option_changes_nothing_where_nothing_is_newer(at_head: Database, tmp_path: Path) -> None:
    said = rolled_back(at_head, tmp_path / "b", "-1", "--with-kept-files", "--yes")
    assert "Files that the journal keeps" not in said
    assert at_head.value("select version_num from alembic_version") == CHAIN[-2]


def test_a_dump_carries_the_files(at_head: Database, newer: Path, tmp_path: Path) -> None:
    typed.ourschool(at_head, "backup", env={"OURSCHOOL_BACKUPS": str(tmp_path / "b")})
    (made,) = (tmp_path / "b").iterdir()
    with fresh(at_head.server) as other:
        env = {"OURSCHOOL_BACKUPS": str(tmp_path / "b")}
        typed.ourschool(other, "restore", made.name, "--in-place", "--yes", env=env)
        assert other.rows(FILES) == [("plans1",), ("themes",)]
        rolled_back(other, tmp_path / "c", HEAD, "--with-kept-files", "--yes")
        assert other.value("select version_num from alembic_version") == HEAD
    assert newer.exists()


def test_what_the_files_take(scratch: Database) -> None:
    """In a database that ran every revision: by how much the journal is larger."""
    scratch.alembic("-x", "snapshot=no", "upgrade", "head")
    size = scratch.value("select sum(length(file)) from migration_journal")
    assert isinstance(size, int)
    assert 0 < size < 2500 * len(CHAIN)
