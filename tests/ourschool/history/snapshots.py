"""What tests of the snapshot look at, and how its file comes to say something else."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from surefoot.environment import snapshot_file
from surefoot.servers import libpq
from tests.support.databases import ROOT, Database

MARKED = "select count(*) from migration_journal where starts_with(note, 'from the snapshot of ')"
TIMES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?")
TOKEN = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)
EACH_IN_TURN = ("-x", "snapshot=no")
REVISION = '''"""Pens.

Revision ID: aaaaaaaaaaaa
"""

import sqlalchemy as sa
from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "{head}"


def upgrade():
    op.create_table("pens", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("pens")
'''


def dump(database: Database) -> str:
    """All that pg_dump writes of a database, rights, comments, sequences and rows, without times and the journal."""
    done = subprocess.run(
        [str(database.server.bin / "pg_dump"), "--column-inserts", "--exclude-table-data=migration_journal*"],
        env=libpq.process_environment(database.url), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return TOKEN.sub("", TIMES.sub("a time", done.stdout))


def journal(database: Database) -> list[tuple[object, ...]]:
    return database.rows("select revision, direction, outcome, file_sha256 from migration_journal order by id")


def version(database: Database) -> object:
    return database.value("select string_agg(version_num, ' ') from alembic_version")


def is_empty(database: Database) -> bool:
    return database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


def rewritten(project: Path, after: str = "") -> None:
    """Write the snapshot anew, followed by a statement, with a sum that fits: as who does it on purpose."""
    released = snapshot_file.read(ROOT / "alembic")
    assert released is not None
    snapshot_file.write(project / "alembic", replace(released, script=f"{released.script}\n{after}\n"))
