"""Databases on the way: an existing one with rows in it, steps along the chain, and what is counted at each stop."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.errors import FailedError
from tests.ourschool.existing.rows import TABLES, Counts, Size, fill
from tests.support.databases import ROOT, Database

BASELINE = "cd0edd614cc5"
STEADY = tuple(table for table in TABLES if table not in {"lesson_assignments", "attendance_records"})
"""Tables whose rows no revision adds to or sets aside; of the others, tests/ourschool/history/test_lessons.py and
test_attendance.py count each row."""
SCRIPTS = sorted((ROOT / "alembic" / "legacy_sql").glob("*.sql"))
HISTORY = ScriptDirectory(str(ROOT / "alembic"))
CHAIN: tuple[str, ...] = tuple(reversed([each.revision for each in HISTORY.walk_revisions("base", "heads")]))
"""Every revision, oldest first; of two branches one after the other."""
HEAD = CHAIN[-1]
UPGRADABLE = Size(conflicts=False)
"""A small school without the rows that revisions refuse to decide about; those have a test of their own."""

Row = tuple[object, ...]


def make_existing(database: Database, size: Size = UPGRADABLE, *, stamped: bool = True) -> Counts:
    """What the hand-written scripts made, with rows in all twelve tables; under Alembic where `stamped`."""
    database.psql(*(part for script in SCRIPTS for part in ("-f", str(script))))
    with database.connect() as connection:
        counts = fill(connection, size)
    if stamped:
        _run(database, command.stamp, BASELINE)
    return counts


def upgrade(database: Database, revision: str) -> None:
    """`alembic upgrade`, in this process: the steps of one test need no new interpreter each."""
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """`alembic downgrade`, in this process."""
    _run(database, command.downgrade, revision)


def cut_off(database: Database, direction: str, revision: str) -> None:
    """The same, interrupted just before its record: what its parts have committed stays, its end is rolled back."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(FailedError, match="Interrupted"):
        _run(database, getattr(command, direction), revision, applied=interrupted)


def step_down(database: Database, revision: str) -> None:
    """Take back that one revision, which must be a head, and nothing of the other branch."""
    downgrade(database, below(revision))


def below(revision: str) -> str:
    """What `alembic downgrade` is asked for to take back that one revision."""
    script = HISTORY.get_revision(revision)
    before = script.down_revision
    if isinstance(before, (tuple, list)):  # a merge: any of its parents will do, all of them stay
        return str(before[0])
    if len(script.branch_labels) == 1:
        return f"{next(iter(script.branch_labels))}@{before}"
    return before or "base"


def heads_at(revision: str) -> list[str]:
    """The heads of a database that has run CHAIN up to that revision."""
    done = CHAIN[: CHAIN.index(revision) + 1]
    parents = {
        parent
        for each in map(HISTORY.get_revision, done)
        for parent in (each.down_revision if isinstance(each.down_revision, tuple) else (each.down_revision,))
    }
    return sorted(set(done) - parents)


def catalogue(database: Database, schema: str = "public") -> Catalogue:
    with database.engine().connect() as connection:
        return read_catalogue(connection, schema)


def counted(database: Database, tables: Sequence[str] = tuple(TABLES)) -> dict[str, object]:
    """How many rows each of the twelve tables has."""
    each = ", ".join(f"(select count(*) from {table})" for table in tables)
    return dict(zip(tables, database.rows(f"select {each}")[0], strict=True))


def journal(database: Database, outcome: str = "done") -> list[Row]:
    """Direction and revision of what was journalled with that outcome, oldest first."""
    query = f"select direction, revision from migration_journal where outcome = '{outcome}' order by id"
    return database.rows(query)


def at(database: Database) -> list[object]:
    """The revisions that the database says it is at."""
    return [revision for (revision,) in database.rows("select version_num from alembic_version order by 1")]


def columns(database: Database, query: str) -> dict[object, object]:
    """A query of two columns as a dictionary."""
    return dict(database.rows(query))  # type: ignore[arg-type]  # two columns: the caller's word


def relfilenodes(database: Database) -> dict[object, object]:
    """Where each table's rows are on disk: another number says that the table was rewritten."""
    return columns(database, f"select oid::regclass::text, relfilenode from pg_class where relname in {tuple(TABLES)}")


def _run(database: Database, what: object, revision: str, **attributes: object) -> None:
    assert callable(what)
    config = Config(str(ROOT / "alembic.ini"), attributes=attributes)
    engine: sa.Engine = database.engine()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        what(config, revision)
    engine.dispose()
