"""Revisions that rename a table and end its old name: beside both applications, killed, printed, with things aside."""

import time
from pathlib import Path

import pytest
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from surefoot.online.rename.table_rename_operations import (
    EndTableRenameOp,
    RenameTableOnlineOp,
    ResumeTableRenameOp,
    UndoTableRenameOp,
)
from surefoot.runtime.error_translation import COMMITS_IN_PARTS
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.faults.runs import PATIENCE
from tests.surefoot.online.clients import Clients, Value
from tests.surefoot.online.harness import assert_equal, catalogue, empty, write
from tests.surefoot.online.renaming import SCHOOL
from tests.surefoot.online.runner import Runner
from tests.surefoot.online.test_change_types import sql_of

VALUES: dict[str, Value] = {
    "name": lambda chance: f"{chance.random()}",
    "points": lambda chance: chance.randrange(99),
}


def test_old_and_new_applications_write_all_the_while(scratch: Database, project: Path) -> None:
    """The old one from before the rename on; the new one beside it, on rows of its own, until the way back."""
    made = """
        create table pupils (id bigint generated always as identity primary key, name text, points integer);
        insert into pupils (name, points) select n, n from generate_series(1, 300) as n;
    """
    write(empty(project), "one", None, f"op.execute({made!r})")
    write(project, "two", "one", UP, DOWN)
    with Runner(scratch, project) as runner:
        runner.alembic("upgrade", "one", status=0)
        with Clients(scratch, "pupils", VALUES, clients=3, pause=0.005) as old:
            for _ in range(2):
                runner.alembic("upgrade", "two", status=0)
                runner.alembic("downgrade", "one", status=0)
            runner.alembic("upgrade", "two", status=0)
            new = Clients(scratch, "learners", VALUES, clients=2, pause=0.005)
            for client in new.all:
                client.keys.clear()
            with new:
                deadline = time.monotonic() + PATIENCE
                while any(client.inserted < 10 for client in (*old.all, *new.all)):
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
    assert (old.failures, new.failures) == ([], [])
    assert [line for each in (old, new) for line in each.lost() if line.startswith("row ")] == []
    more = sum(client.inserted - len(client.deleted) for client in (*old.all, *new.all))
    assert scratch.value("select count(*) from learners") == 300 + more
    # the exclusive lock waits at most 0.2 s a try, and whoever queues behind it as long
    assert old.longest < 1 + old.stalls.allowance


UP = 'op.rename_table_online("pupils", "learners")'
DOWN = 'op.undo_table_rename("pupils", "learners")'
END = 'op.end_table_rename("pupils", "learners", since="two")'
RESUME = 'op.resume_table_rename("pupils", "learners", since="two")'


@pytest.fixture
def chain(project: Path) -> Path:
    """One makes the tables, two renames one, three ends its old name."""
    write(empty(project), "one", None, f"op.execute({SCHOOL!r})")
    write(project, "two", "one", UP, DOWN)
    write(project, "three", "two", END, RESUME)
    return project


def test_revisions_there_and_back_and_what_is_printed(scratch: Database, chain: Path) -> None:
    stages = {}
    for revision in ("one", "two", "three"):
        scratch.alembic("upgrade", revision, cwd=chain)
        stages[revision] = catalogue(scratch)
    scratch.execute("insert into learners (name) values ('later')")
    for revision in ("two", "one"):
        scratch.alembic("downgrade", revision, cwd=chain)
        assert_equal(stages[revision], catalogue(scratch))
    assert scratch.value("select name from pupils where id = 21") == "later"
    assert scratch.value("select to_regclass('migration_made')") is None
    for start, stop in (("one", "two"), ("two", "three")):
        scratch.psql(stdin=sql_of(scratch.alembic("upgrade", f"{start}:{stop}", "--sql", cwd=chain).stdout))
        assert_equal(stages[stop], catalogue(scratch))
    for start, stop in (("three", "two"), ("two", "one")):
        scratch.psql(stdin=sql_of(scratch.alembic("downgrade", f"{start}:{stop}", "--sql", cwd=chain).stdout))
        assert_equal(stages[stop], catalogue(scratch))


def test_killed_before_any_of_its_statements_and_run_again(scratch: Database, chain: Path) -> None:
    write(chain, "two", "one", f'{UP}\nop.create_index_online("ix_mood", "learners", ["mood"])',
          f'op.drop_index_online("ix_mood", "learners")\n{DOWN}')  # fmt: skip
    with Runner(scratch, chain) as runner:
        runner.alembic("upgrade", "one", status=0)
        before, rows = catalogue(scratch), scratch.rows("select * from pupils order by id")
        runner.alembic("upgrade", "three", status=0)
        after = catalogue(scratch)
        runner.alembic("downgrade", "one", status=0)
        cut = 0
        for nth in range(3, 400, 5):
            ended = [
                runner.alembic("upgrade", "three", kill_at=nth), runner.alembic("upgrade", "three", status=0)
            ]  # fmt: skip
            assert_equal(after, catalogue(scratch))
            ended += [
                runner.alembic("downgrade", "one", kill_at=nth), runner.alembic("downgrade", "one", status=0)
            ]  # fmt: skip
            assert_equal(before, catalogue(scratch))
            cut += sum(each.killed for each in ended)
            if not any(each.killed for each in ended):
                break
        assert cut > 10
    assert scratch.rows("select * from pupils order by id") == rows


@pytest.mark.parametrize("purged", [False, True])
def test_what_was_set_aside_in_the_table_is_found_under_either_name(
    scratch: Database, project: Path, *, purged: bool
) -> None:
    """A column with values, one of a table without rows, and rows: purged, and brought back on the way down."""
    write(empty(project), "one", None, f"op.execute({SCHOOL!r})\nop.execute('create table notes (a integer, b text)')")
    aside, back = (
        f"op.{verb}_column('pupils', 'mood')\nop.{verb}_column('notes', 'b')" for verb in ("retire", "restore")
    )
    write(project, "two", "one", f"{aside}\nop.retire_rows('visits', 'id = 3')", f"op.restore_rows('visits')\n{back}")
    pairs = [("pupils", "learners"), ("visits", "calls"), ("notes", "papers")]
    write(project, "three", "two", "\n".join(f'op.rename_table_online("{old}", "{new}")' for old, new in pairs),
          "\n".join(f'op.undo_table_rename("{old}", "{new}")' for old, new in pairs))  # fmt: skip
    scratch.alembic("upgrade", "one", cwd=project)
    scratch.execute("drop view glad")
    before, rows = catalogue(scratch), scratch.rows("select id, mood from pupils order by id")
    scratch.alembic("upgrade", "three", cwd=project)
    after = catalogue(scratch)
    if purged:
        said = ourschool(scratch, "purge", "--older-than", "0", "--yes", cwd=project)
        assert "Deleted: column learners.mood" in said.stderr
        kept = "select 1 from pg_attribute where attrelid = 'learners'::regclass and attname ~ '^__retired'"
        assert scratch.rows(kept) == []
    scratch.alembic("downgrade", "one", cwd=project)
    assert_equal(before, catalogue(scratch))
    if not purged:
        assert scratch.rows("select id, mood from pupils order by id") == rows
        assert scratch.value("select count(*) from visits") == 20
    scratch.alembic("upgrade", "three", cwd=project)
    assert_equal(after, catalogue(scratch))


def test_refused_before_an_earlier_operation_of_the_revision(scratch: Database, chain: Path) -> None:
    first = 'op.create_index_online("ix", "terms", ["name"])\n'
    scratch.alembic("upgrade", "one", cwd=chain)
    before = catalogue(scratch)
    write(chain, "two", "one", first + 'op.rename_table_online("pupils", "visits")', DOWN)
    output = scratch.alembic("upgrade", "two", cwd=chain, status=3).stderr
    assert "something called visits already" in output
    assert_equal(before, catalogue(scratch))
    write(chain, "two", "one", f"{first}{UP}\n{END}", DOWN)
    output = scratch.alembic("upgrade", "two", cwd=chain, status=3).stderr
    assert "would end in revision two, which makes it" in output
    assert_equal(before, catalogue(scratch))
    write(chain, "two", "one", f"{first}{UP}", DOWN)
    more = 'op.create_index_online("ix_mood", "learners", ["mood"])\nop.execute("drop view glad")\n'
    write(chain, "three", "two", f'{more}{END}\nop.retire_column("learners", "mood")', "pass")
    scratch.alembic("upgrade", "three", cwd=chain)


def test_the_name_that_passes_to_the_view_is_no_strangers(scratch: Database, chain: Path) -> None:
    """`names.jsonl` says that revision two makes a view pupils, and the index of table learners."""
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from surefoot.catalogue import revision_names  # noqa: PLC0415
    from surefoot.catalogue.revision_names import names_in, names_of_step  # noqa: PLC0415

    script = ScriptDirectory.from_config(Config(str(chain / "alembic.ini")))
    history = [script.get_revision(name) for name in ("one", "two", "three")]
    seen, steps = [], {}
    for each in ("one", "two", "three"):
        scratch.alembic("upgrade", each, cwd=chain)
        seen.append(list(names_in(catalogue(scratch))))
        steps[each] = names_of_step(seen[-2] if len(seen) > 1 else [], [], seen[-1])
    scratch.alembic("downgrade", "one", cwd=chain)
    revision_names.write(chain / "alembic", history, steps)
    scratch.alembic("upgrade", "head", cwd=chain)
    scratch.alembic("downgrade", "one", cwd=chain)
    scratch.execute("create view learners as select 1")
    assert (
        "view learners: two makes a table of that name"
        in scratch.alembic("upgrade", "head", cwd=chain, status=3).stderr
    )


def test_rendered_as_it_is_written_and_turned_round() -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))
    context.opts["alembic_module_prefix"] = "op."
    pairs: list[tuple[MigrateOperation, str, type[MigrateOperation]]] = [
        (RenameTableOnlineOp("a", "b"), "op.rename_table_online('a', 'b')", UndoTableRenameOp),
        (UndoTableRenameOp("a", "b"), "op.undo_table_rename('a', 'b')", RenameTableOnlineOp),
        (EndTableRenameOp("a", "b", since="c"), "op.end_table_rename('a', 'b', since='c')", ResumeTableRenameOp),
        (ResumeTableRenameOp("a", "b", since="c"), "op.resume_table_rename('a', 'b', since='c')", EndTableRenameOp),
    ]
    for op, text, back in pairs:
        assert render_op_text(context, op) == text
        assert COMMITS_IN_PARTS.search(text), "status says how it works, and an interrupted one is recognised"
        assert type(op.reverse()) is back
        assert vars(op.reverse()) == vars(op)
