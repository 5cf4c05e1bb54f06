"""What a failure says of the database is compared with the database: rows, catalogue and revision, before and after."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from surefoot.errors import FailedError
from surefoot.runtime import created_objects
from tests.support.databases import Database
from tests.surefoot.faults.runs import holding
from tests.surefoot.online.harness import catalogue, empty, write
from tests.surefoot.online.runner import Runner

TABLES = """
op.execute("create table pupils (id integer primary key, name text, points integer)")
op.execute("insert into pupils select n, 'Pupil ' || n, n from generate_series(1, 2500) as n")
op.execute("create table marks (id integer primary key, note text)")
op.execute("insert into marks select n, 'x' from generate_series(1, 10) as n")
"""
GOOD = "op.execute('create table good (id integer primary key)')"
COLUMN = "op.add_column('pupils', sa.Column('extra', sa.Text()))"
INDEX = "op.create_index_online('ix_pupils_name', 'pupils', ['name'])"
BREAKS = "op.add_check_online('big', 'pupils', 'points > 1')"
READS = "op.get_bind().exec_driver_sql('select 1')"
"""Behind it nothing is asked before the revision begins: each operation asks for itself when its turn comes."""
DIVIDES = "op.execute('select 1 / 0')"
BLOCK = "with op.get_context().autocommit_block():\n    "


@dataclass(frozen=True)
class Case:
    """A revision that fails: its exit status, and whether nothing is changed by the run it is in."""

    body: str
    status: int
    unchanged: bool
    earlier: bool = False
    """Whether a good revision comes before it in the same run."""
    busy: str | None = None


CASES = {
    "a statement, in its transaction": Case(f"{COLUMN}\n{DIVIDES}", 4, True),
    "the second of a run": Case(f"{COLUMN}\n{DIVIDES}", 4, False, earlier=True),
    "Python": Case(f"{COLUMN}\nraise RuntimeError('no')", 4, True),
    "an operation, at once": Case(BREAKS, 3, True),
    "an operation, after a good revision": Case(BREAKS, 3, False, earlier=True),
    "an operation, asked before another": Case(f"{INDEX}\n{BREAKS}", 3, True),
    "an operation, asked before another, after a good revision": Case(f"{INDEX}\n{BREAKS}", 3, False, earlier=True),
    "an operation, asked before a column comes": Case(f"{COLUMN}\n{BREAKS}", 3, True),
    "an operation, after another": Case(f"{INDEX}\n{READS}\n{BREAKS}", 3, False),
    "an operation, after what its beginning commits": Case(f"{COLUMN}\n{READS}\n{BREAKS}", 3, False),
    "an operation, after rows that may change": Case(
        f"{INDEX}\nop.execute('update pupils set points = 2 - points where id > 2499')\n{BREAKS}", 3, False
    ),
    "a mistake, at once": Case("op.create_index_online('ix', 'nonesuch', ['name'])", 2, True),
    "a mistake, after another operation": Case(f"{INDEX}\nop.drop_constraint_online('c', 'nonesuch')", 5, False),
    "a type that values do not fit": Case("op.change_types_online('pupils', {'name': ('integer', 'name::integer', "
                                          "'name::text')})", 3, True),
    "a duplicate": Case("op.create_index_online('ux', 'marks', ['note'], unique=True)", 3, True),
    "rows in batches": Case("op.backfill('pupils', {'points': '1 / (2400 - id)'})", 5, False),
    "rows set aside, then a check": Case("op.retire_rows('marks', 'id = 1')\n" + BREAKS, 3, False),
    "a column set aside, then a statement": Case("op.retire_column('marks', 'note')\n" + DIVIDES, 5, False),
    "a block, at once": Case(f"{BLOCK}{DIVIDES}", 4, True),
    "a block, after a statement of it": Case(f"{BLOCK}op.execute('create table t ()')\n    {DIVIDES}", 5, False),
    "a build that breaks": Case(f"{BLOCK}op.execute('create unique index concurrently u on marks (note)')", 5, False),
    "no lock": Case(COLUMN, 4, True, busy="select count(*) from pupils"),
    "no lock, after another operation": Case(
        f"op.create_index_online('ix', 'marks', ['note'])\n{COLUMN}", 4, False, busy="select count(*) from pupils"
    ),
    "no Python": Case("def", 2, True),
}  # fmt: skip


def everything(database: Database) -> object:
    tables = database.rows(
        "select format('%I.%I', relnamespace::regnamespace, relname) from pg_class where relkind = 'r' and "
        "relnamespace::regnamespace::text in ('public', 'retired') and relname <> 'migration_journal' order by 1"
    )
    rows = {name: database.rows(f"select md5(string_agg(t::text, ',' order by t::text)) from {name} t")
            for (name,) in tables}  # fmt: skip
    return catalogue(database), catalogue(database, "retired"), rows


@pytest.mark.promise("O11")
@pytest.mark.parametrize("name", CASES)
def test_nothing_was_changed_only_where_that_is_so(scratch: Database, project: Path, name: str) -> None:
    case = CASES[name]
    write(empty(project), "one", None, TABLES)
    env = {"OURSCHOOL_LOCK_DEADLINE": "1"} if case.busy else None
    with Runner(scratch, project, env) as runner, ExitStack() as stack:
        runner.alembic("upgrade", "head", status=0)
        if case.earlier:
            write(project, "good", "one", GOOD)
        write(project, "two", "good" if case.earlier else "one", case.body)
        if case.busy:
            stack.enter_context(holding(scratch, case.busy))
        before = everything(scratch)
        ended = runner.alembic("upgrade", "head")
        same = everything(scratch) == before
    said = ended.output.partition("ourschool: ")[2]
    assert (ended.status, same) == (case.status, case.unchanged), ended.output
    assert ("nothing was changed" in said.lower()) == same, said
    assert said.lower().count("nothing was changed") <= 1, said
    assert ("What it has done is kept" in said) == (not same and not case.earlier), said
    if case.earlier:
        assert "1 of 2 revisions was applied in this run." in said
    kept = scratch.value("select coalesce(string_agg(error, ''), '') from migration_journal where outcome = 'failed'")
    assert same or "nothing was changed" not in str(kept).lower()


def test_a_way_down_likewise(scratch: Database, project: Path) -> None:
    """Two revisions down, of which the second refuses after it has dropped something."""
    write(empty(project), "one", None, TABLES)
    write(project, "two", "one", INDEX, f"op.drop_index_online('ix_pupils_name')\n{READS}\n{BREAKS}")
    write(project, "three", "two", COLUMN, "op.drop_column('pupils', 'extra')")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "head", status=0)
        said = runner.alembic("downgrade", "one", status=3).output
    assert "nothing was changed" not in said.lower()
    assert 'The database is at revision two ("two of a test"); 1 of 2 revisions was taken back in this run.' in said
    assert " Revision two was not finished. What it has done is kept" in said


def test_ctrl_c_after_the_last_revision(scratch: Database, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No revision runs any more, and those that ran are kept: it does not say that nothing was changed."""
    write(empty(project), "one", None, TABLES)
    write(project, "two", "one", COLUMN)
    configured = Config(str(project / "alembic.ini"))
    monkeypatch.setenv("DATABASE_URL", scratch.dsn)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(created_objects, "drop_if_empty", interrupted)
    with pytest.raises(FailedError) as caught:
        command.upgrade(configured, "head")
    assert "Your data: 2 of 2 revisions were run to the end, and that is kept." in str(caught.value)
    assert "nothing was changed" not in str(caught.value).lower()
    assert scratch.rows("select version_num from alembic_version") == [("two",)]


def test_a_way_down_that_is_refused_before_it_begins(scratch: Database, project: Path) -> None:
    """As before, but that its second operation was asked before the first one dropped anything."""
    write(empty(project), "one", None, TABLES)
    write(project, "two", "one", INDEX, f"op.drop_index_online('ix_pupils_name')\n{BREAKS}")
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "head", status=0)
        before = everything(scratch)
        said = runner.alembic("downgrade", "one", status=3).output
    assert everything(scratch) == before
    assert said.lower().count("nothing was changed") == 1
    assert "was not finished" not in said
