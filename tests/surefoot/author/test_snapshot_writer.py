"""What `check --release` writes as snapshot brings rows of every kind, and stays as it was where it would not do."""

from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author import snapshot_writer
from surefoot.environment import from_snapshot
from surefoot.errors import CheckFailed
from tests.ourschool.history.schools import HEAD
from tests.ourschool.history.snapshots import EACH_IN_TURN, dump
from tests.support.databases import Database, fresh
from tests.support.servers import Server

REVISION = '''"""Notes.

Revision ID: aaaaaaaaaaaa
"""

from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "{head}"


def upgrade():
    op.execute("""
        create table "no%%tes" (
            id integer generated always as identity primary key,
            said json,
            "what: it's" text,
            raw bytea,
            long text generated always as (upper("what: it's")) stored,
            at timestamptz default now(),
            day date default current_date,
            old timestamptz default now(),
            plain timestamptz,
            tags text[] default array['none']
        )
    """.replace("%%", "%"))
    op.get_bind().exec_driver_sql(r"""
        insert into "no%%tes" (said, "what: it's", raw, old, plain, tags) values
            ('{{"a":  1}}', E'a \\'quote\\', a \\\\ and\\n\\n\\na %%s line', '\\x00ff27',
                '1999-12-31 23:59:59+00', '2000-01-01 00:00Z', null),
            (null, null, null, default, null, '{{"x y",NULL,"\\""}}'),
            ('[]', '', '', 'infinity', null, default)
    """)


def downgrade():
    op.execute('drop table "no%tes"'.replace("%%", "%"))
'''


def write(project: Path, database: Database) -> None:
    snapshot_writer.write(settings.load(PROJECT.at(project), database_url=database.dsn), database.url)


@pytest.fixture
def noted(project: Path) -> Path:
    """The project with one more revision, which inserts awkward rows."""
    file = project / "alembic" / "versions" / "2099_01_01_0000-aaaaaaaaaaaa_notes.py"
    file.write_text(REVISION.format(head=HEAD), "utf-8")
    return project


def test_rows_of_every_kind_come_over(newest: Server, scratch: Database, noted: Path) -> None:
    write(noted, scratch)
    text = (noted / "alembic" / "snapshot.sql").read_text("utf-8")
    assert "\\restrict" not in text
    assert "CREATE EXTENSION" not in text
    write(noted, scratch)
    assert (noted / "alembic" / "snapshot.sql").read_text("utf-8") == text, "the same history is written otherwise"
    with fresh(newest) as walked:
        walked.alembic(*EACH_IN_TURN, "upgrade", "head", cwd=noted)
        assert "Running snapshot  -> aaaaaaaaaaaa" in scratch.alembic("upgrade", "head", cwd=noted).stderr
        assert dump(scratch) == dump(walked)
        today = "select count(*) from \"no%tes\" where day = current_date and at > now() - interval '1 hour'"
        assert scratch.value(today) == walked.value(today) == 3


def test_one_that_does_not_do_is_not_kept(
    scratch: Database, noted: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = (noted / "alembic" / "snapshot.sql").read_bytes()
    monkeypatch.setattr(from_snapshot, "SERVERS", range(15, 16))
    with pytest.raises(CheckFailed, match="would not make what revision aaaaaaaaaaaa makes: the line above says why"):
        write(noted, scratch)
    assert "snapshot.sql was not tried on PostgreSQL 18" in caplog.text
    assert (noted / "alembic" / "snapshot.sql").read_bytes() == before
