"""A revision that was begun and not finished: every command that looks says the same sentence, and it is true."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot.catalogue.model import Catalogue
from surefoot.operate.interrupted_notice import unfinished
from surefoot.operate.status.collect import Status, status
from surefoot.revision_catalogues.identify import identify
from surefoot.settings import Settings
from tests.support.databases import Database
from tests.support.typed import ourschool, too_wide, without_first
from tests.surefoot.faults.runs import Run, holding, until, worker
from tests.surefoot.online.harness import assert_equal, catalogue, empty, write
from tests.surefoot.online.runner import Runner

TABLES = """
op.execute("create table pupils (id integer primary key, name text, points integer)")
op.execute("insert into pupils select n, 'Pupil ' || n, n from generate_series(1, 300) as n")
op.execute("create table marks (id integer primary key, pupil_id integer, note text)")
op.execute("insert into marks select n, n % 300 + 1, null from generate_series(1, 300) as n")
"""
BLOCK = "with op.get_context().autocommit_block():\n"
KINDS = {
    "types": (
        "op.change_types_online('pupils', {'points': ('bigint', 'points', 'points')})",
        "op.change_types_online('pupils', {'points': ('integer', 'points', 'points')})",
    ),
    "index": (
        "op.create_index_online('ix_pupils_name', 'pupils', ['name'])\n"
        "op.create_index_online('ix_marks_note', 'marks', ['note'])",
        "op.drop_index_online('ix_marks_note')\nop.drop_index_online('ix_pupils_name')",
    ),
    "rows": (
        "op.backfill('marks', {'note': \"'none'\"}, where='note is null')\nop.set_not_null_online('marks', 'note')",
        "op.drop_not_null_online('marks', 'note')\nop.backfill('marks', {'note': 'null'}, where=\"note = 'none'\")",
    ),
    "retired": ("op.retire_column('marks', 'pupil_id')", "op.restore_column('marks', 'pupil_id')"),
    "by hand": (
        BLOCK + "    op.execute('alter table pupils add column if not exists a int')\n"
        "    op.execute('alter table pupils add column if not exists b int')",
        BLOCK + "    op.execute('alter table pupils drop column if exists a')\n"
        "    op.execute('alter table pupils drop column if exists b')",
    ),
}
SENTENCE = {
    "upgrade": 'An upgrade to two ("two of a test") was cut off. Nothing is wrong: run it again: python -m alembic '
    "upgrade head",
    "downgrade": 'A downgrade of two ("two of a test") was cut off. Nothing is wrong: run it again: python -m alembic '
    "downgrade one",
}  # fmt: skip
COMMAND = {"upgrade": ("upgrade", "head"), "downgrade": ("downgrade", "one")}


@pytest.fixture(autouse=True)
def in_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are spelled as they are typed there."""
    monkeypatch.chdir(project)


def chain(project: Path, kind: str) -> Path:
    up, down = KINDS[kind]
    write(empty(project), "one", None, TABLES, "op.execute('drop table marks, pupils')")
    write(project, "two", "one", up, down)
    return project


def contents(database: Database) -> tuple[Catalogue, object]:
    rows = "select md5(string_agg(p::text, ',' order by p.id)) from pupils p union all"
    return catalogue(database), database.rows(f"{rows} {rows.removesuffix(' union all').replace('pupils', 'marks')}")


def cut(database: Database, runner: Runner, direction: str) -> None:
    """Bring it to where the direction begins, and kill it after it has committed something."""
    runner.alembic("upgrade", "two" if direction == "downgrade" else "one", status=0)
    before, nth = contents(database), 6
    begun = "select from migration_journal where outcome = 'begun' and revision = 'two'"
    while not database.rows(begun) or contents(database) == before:
        assert runner.alembic(*COMMAND[direction], kill_at=nth).killed, "never cut off after it had begun"
        nth += 3


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, str]:
    return {"OURSCHOOL_BACKUPS": str(tmp_path / "backups")}


def looked(database: Database, project: Path) -> Status:
    return status(Settings(PROJECT.at(project)), database.url)


def says_the_same(database: Database, project: Path, direction: str) -> None:
    found = looked(database, project)
    assert found.cut_off is not None
    assert (found.cut_off.sentence, found.is_current) == (SENTENCE[direction], False)
    assert not [each for each in found.health if each.kind in {"invalid index", "unproven constraint"}]
    known = identify(Settings(PROJECT.at(project)), database.url)
    assert (known.cut_off, known.consistent) == (found.cut_off, False)


@pytest.mark.promise("O11", "A3")
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_recognised(scratch: Database, project: Path, kind: str, direction: str) -> None:
    with Runner(scratch, chain(project, kind)) as runner:
        cut(scratch, runner, direction)
        says_the_same(scratch, project, direction)
        assert unfinished(Settings(PROJECT.at(project)), scratch.url) == looked(scratch, project).cut_off
        # an earlier version left no word in the journal; what it left else has to do
        scratch.execute("delete from migration_journal where outcome = 'begun'")
        if kind != "rows":  # of which nothing is to be seen
            says_the_same(scratch, project, direction)
        runner.alembic(*COMMAND[direction], status=0)
    found = looked(scratch, project)
    assert (found.cut_off, bool(found.drift.difference)) == (None, False)
    assert identify(Settings(PROJECT.at(project)), scratch.url).consistent
    assert scratch.value("select outcome from migration_journal order by id desc limit 1") == "done"


@pytest.mark.parametrize(("kind", "direction"), [("types", "upgrade"), ("index", "downgrade")])
def test_every_command_that_looks_says_the_same(
    scratch: Database, project: Path, folder: dict[str, str], kind: str, direction: str
) -> None:
    with Runner(scratch, chain(project, kind)) as runner:
        cut(scratch, runner, direction)
    sentence = SENTENCE[direction]
    message, _, command = sentence.rpartition(": ")
    says = f"ourschool: {message}.\n→ {command}\n"

    shown = ourschool(scratch, "status", status=1, cwd=project)
    assert without_first(shown.stderr) == says
    assert shown.stdout.startswith("Unfinished: ")
    assert f"{message}. Next: {command} " in words(shown.stdout)
    for wrong in ("identify", "reindex", "deviation", "repair", "NOT VALID"):
        assert wrong not in shown.stdout
    assert too_wide(shown.stdout) == []
    told = json.loads(ourschool(scratch, "status", "--json", status=1, cwd=project).stdout)["unfinished"]
    assert (told["revision"], told["direction"], told["error"]) == ("two", direction, None)
    known = ourschool(scratch, "identify", status=1, cwd=project)
    assert without_first(known.stderr) == says
    assert words(known.stdout).startswith(sentence)
    assert sentence in words(ourschool(scratch, "backup", cwd=project, env=folder).stderr)
    if direction == "upgrade":
        assert words(ourschool(scratch, "upgrade", says="n\n", status=3, cwd=project, env=folder).stdout).startswith(
            sentence
        )
        assert message in ourschool(scratch, "rollback", "base", status=3, cwd=project, env=folder).stderr
        assert message in ourschool(scratch, "adopt", "one", status=3, cwd=project).stderr


@pytest.mark.parametrize("kind", ["rows", "types"])
def test_a_rehearsal_goes_on_with_it_on_the_copy(
    scratch: Database, project: Path, folder: dict[str, str], kind: str
) -> None:
    with Runner(scratch, chain(project, kind)) as runner:
        cut(scratch, runner, "upgrade")
        stood = catalogue(scratch)
        done = ourschool(scratch, "rehearse", cwd=project, env=folder)
        assert SENTENCE["upgrade"] in words(done.stderr)
        assert "Down in" in done.stdout
        assert "up again" in done.stdout
        assert_equal(stood, catalogue(scratch))


def test_while_it_runs_it_is_said_to_run(scratch: Database, project: Path) -> None:
    write(chain(project, "index"), "two", "one", "op.create_index_online('ix_a', 'pupils', ['name'])")
    scratch.alembic("upgrade", "one", cwd=project)
    with holding(scratch, "lock table pupils in row exclusive mode"):
        run = Run(scratch, "upgrade", "head", cwd=project)
        run.reaches(lambda: scratch.rows("select from migration_journal where outcome = 'begun'"), "it has begun")
        said = ourschool(scratch, "status", status=1, cwd=project).stderr
        assert 'ourschool: An upgrade to two ("two of a test") is running now: pid ' in said
        assert "\n→ Wait for it to end; python -m ourschool status shows it." in said
        run.process.send_signal(signal.SIGINT)
        said = run.ends(4)
    until(lambda: worker(scratch) is None, "its server process has gone")
    assert "ourschool: Interrupted in upgrade two.\nYour data: The database is at revision one (" in said
    assert " Revision two was not finished. What it has done is kept, and continued when" in said
    assert "\nNext: Run the same command again: it goes on from there." in said
    assert without_first(ourschool(scratch, "status", status=1, cwd=project).stderr).startswith(
        'ourschool: An upgrade to two ("two of a test") was cut off. Nothing is wrong: run it again.'
    )
    assert scratch.rows("select outcome, note from migration_journal where revision = 'two'") == [
        ("failed", "cut off: what it had done is kept")
    ]


def test_one_that_cannot_go_on_says_what_is_in_its_way(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, TABLES, "op.execute('drop table marks, pupils')")
    write(project, "two", "one", "op.create_index_online('ix_a', 'pupils', ['name'])\nop.get_bind()\n"
          "op.add_check_online('big', 'pupils', 'points > 1')")  # fmt: skip
    said = scratch.alembic("upgrade", "head", cwd=project, status=3).stderr
    assert "1 row of pupils would break" in said
    assert "othing was changed" not in said
    assert (
        '\nYour data: The database is at revision one ("one of a test"); 1 of 2 revisions was applied in this run. Rev'
        in said
    )
    status = without_first(ourschool(scratch, "status", status=1, cwd=project).stderr)
    assert status.startswith('ourschool: An upgrade to two ("two of a test") stopped half-way: 1 row of pupils would')
    assert "\n→ Correct what it names, then run it again: python -m alembic upgrade head" in status
    scratch.execute("delete from pupils where points < 2")
    scratch.alembic("upgrade", "head", cwd=project)
    ourschool(scratch, "status", cwd=project)


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
@pytest.mark.parametrize("how", ["refused", "killed"])
def test_one_that_was_only_asked_has_not_begun(scratch: Database, project: Path, how: str, direction: str) -> None:
    """Its second operation is refused, or somebody ends it, before the first one has done anything."""
    body = "op.create_index_online('ix_a', 'pupils', ['name'])\nop.add_check_online('big', 'pupils', 'points > 1')"
    write(empty(project), "one", None, TABLES)
    write(project, "two", "one", *((body, "pass") if direction == "upgrade" else ("pass", body)))
    write(project, "three", "two", "op.execute('select 1')")
    with Runner(scratch, project) as runner:
        start, target = ("one", "two") if direction == "upgrade" else ("two", "one")
        runner.alembic("upgrade", start, status=0)
        before = contents(scratch)
        if how == "refused":
            said = runner.alembic(direction, target, status=3).output
            assert "1 row of pupils would break" in said
            assert said.lower().count("nothing was changed") == 1
            assert "was not finished" not in said
        else:
            assert runner.alembic(direction, target, kill_before="points > 1").killed
        assert contents(scratch) == before
        left = scratch.rows("select direction, outcome, note from migration_journal where revision = 'two' and "
                            "outcome <> 'done'")  # fmt: skip
        assert left == ([(direction, "failed", None)] if how == "refused" else [])
        assert looked(scratch, project).cut_off is None
        looking = ourschool(scratch, "status", status=1, cwd=project)
        assert "cut off" not in looking.stdout + looking.stderr
        assert "stopped half-way" not in looking.stdout + looking.stderr
        scratch.execute("delete from pupils where points < 2")
        runner.alembic("upgrade", "head", status=0)


def test_a_revision_in_one_transaction_leaves_no_word_of_a_beginning(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, TABLES + "op.execute('select 1 / 0')")
    said = scratch.alembic("upgrade", "head", cwd=project, status=4).stderr
    assert "\nYour data: Nothing was changed: the database is at no revision.\n" in said
    assert scratch.rows("select outcome, note from migration_journal") == [("failed", None)]
    assert "unfinished" not in ourschool(scratch, "status", status=1, cwd=project).stderr


def test_drift_is_no_beginning(scratch: Database, project: Path) -> None:
    """An index of somebody's own, a column of another type under the name that comes: drift, and said to be."""
    with Runner(scratch, chain(project, "by hand")) as runner:
        runner.alembic("upgrade", "one", status=0)
    for statement in ("create index own on pupils (name)", "alter table pupils add column a text"):
        scratch.execute(statement)
        said = ourschool(scratch, "status", status=1, cwd=project)
        assert "difference" in said.stdout
        assert "cut off" not in said.stdout + said.stderr
    ourschool(scratch, "backup", cwd=project, env={"OURSCHOOL_BACKUPS": str(project / "b")}).stderr.index("Backed up")


@pytest.fixture(autouse=True)
def _no_reports(project: Path) -> Iterator[None]:
    yield
    assert not (project / "repair.sql").exists()
