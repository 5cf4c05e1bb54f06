"""Revisions that rename a column and end its old name: beside both applications, killed, printed, and put back."""

import time
from pathlib import Path

import pytest
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op_text
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from surefoot.online.rename.column_rename_operations import (
    EndColumnRenameOp,
    RenameColumnOnlineOp,
    ResumeColumnRenameOp,
    UndoColumnRenameOp,
)
from surefoot.runtime.error_translation import COMMITS_IN_PARTS
from tests.support.databases import Database
from tests.surefoot.faults.runs import PATIENCE
from tests.surefoot.online.clients import Clients, Value
from tests.surefoot.online.harness import assert_equal, catalogue, empty, write
from tests.surefoot.online.renaming_columns import SCHOOL
from tests.surefoot.online.runner import Runner
from tests.surefoot.online.test_change_types import sql_of

MADE = """
    create table pupils (id bigint generated always as identity primary key, name text not null default 'x',
                         points integer, unique (name, id));
    create index ix_name on pupils (name);
    insert into pupils (name, points) select n, n from generate_series(1, 3000) as n;
"""
UP = 'op.rename_column_online("pupils", "name", "called")'
DOWN = 'op.undo_column_rename("pupils", "name", "called")'
END = 'op.end_column_rename("pupils", "name", "called", since="two")'
RESUME = 'op.resume_column_rename("pupils", "name", "called", since="two")'
DIFFERENT = "select count(*) from pupils where name is distinct from called"


def values(name: str) -> dict[str, Value]:
    return {name: lambda chance: f"{chance.random()}", "points": lambda chance: chance.randrange(99)}


@pytest.fixture
def chain(project: Path) -> Path:
    """One makes the table, two renames a column, three ends its old name."""
    write(empty(project), "one", None, f"op.execute({MADE!r})")
    write(project, "two", "one", UP, DOWN)
    write(project, "three", "two", END, RESUME)
    return project


def test_old_and_new_applications_write_all_the_while(scratch: Database, chain: Path) -> None:
    """The old one from before the rename on, there and back; the new one beside it, over the way back of the end."""
    with Runner(scratch, chain) as runner:
        runner.alembic("upgrade", "one", status=0)
        with Clients(scratch, "pupils", values("name"), clients=3, pause=0.005) as old:
            for _ in range(2):
                runner.alembic("upgrade", "two", status=0)
                runner.alembic("downgrade", "one", status=0)
            runner.alembic("upgrade", "two", status=0)
            new = Clients(scratch, "pupils", values("called"), clients=2, pause=0.005)
            for client in new.all:
                client.keys.clear()
            with new:
                deadline = time.monotonic() + PATIENCE
                while any(client.inserted < 10 for client in (*old.all, *new.all)):
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
        assert (old.failures, new.failures) == ([], [])
        assert [line for each in (old, new) for line in each.lost() if line.startswith("row ")] == []
        assert scratch.value(DIFFERENT) == 0
        with Clients(scratch, "pupils", values("called"), clients=3, pause=0.005) as later:
            for direction, revision in (("upgrade", "three"), ("downgrade", "two"), ("upgrade", "three")):
                runner.alembic(direction, revision, status=0)
            runner.alembic("downgrade", "two", status=0)
        assert later.failures == []
        assert [line for line in later.lost() if line.startswith("row ")] == []
        assert scratch.value(DIFFERENT) == 0
    # the exclusive lock waits at most 0.2 s a try, and whoever queues behind it as long
    assert old.longest < 1 + old.stalls.allowance


def test_revisions_there_and_back_and_what_is_printed(scratch: Database, project: Path) -> None:
    write(empty(project), "one", None, f"op.execute({SCHOOL!r})")
    names = [("name", "called"), ("seen", "noticed"), ("parts", "p" * 63)]
    ups, downs, ends, resumes = (
        [f'op.{verb}("pupils", "{old}", "{new}"{more})' for old, new in names]
        for verb, more in (
            ("rename_column_online", ""), ("undo_column_rename", ""),
            ("end_column_rename", ', since="two"'), ("resume_column_rename", ', since="two"'),
        )
    )  # fmt: skip
    write(project, "two", "one", "\n".join(ups), "\n".join(reversed(downs)))
    write(project, "three", "two", "\n".join(ends), "\n".join(reversed(resumes)))
    stages, rows = {}, "select id, name, seen::text, parts::text from pupils order by id"
    for revision in ("one", "two", "three"):
        scratch.alembic("upgrade", revision, cwd=project)
        stages[revision] = catalogue(scratch)
        if revision == "two":
            before = scratch.rows(rows)
    scratch.execute("update pupils set called = 'later' where id = 21")
    for revision in ("two", "one"):
        scratch.alembic("downgrade", revision, cwd=project)
        assert_equal(stages[revision], catalogue(scratch))
        assert scratch.value("select name from pupils where id = 21") == "later"
    assert scratch.value("select to_regclass('migration_made')") is None
    scratch.execute("update pupils set name = 'Pupil 21' where id = 21")
    for start, stop in (("one", "two"), ("two", "three")):
        scratch.psql(stdin=sql_of(scratch.alembic("upgrade", f"{start}:{stop}", "--sql", cwd=project).stdout))
        assert_equal(stages[stop], catalogue(scratch))
    printed = sql_of(scratch.alembic("downgrade", "three:two", "--sql", cwd=project).stdout)
    scratch.psql(stdin=printed)
    assert_equal(stages["two"], catalogue(scratch))
    scratch.execute("update alembic_version set version_num = 'three'")
    scratch.psql(stdin=printed)  # again: it finds its work done
    assert_equal(stages["two"], catalogue(scratch))
    assert scratch.rows(rows) == before
    scratch.psql(stdin=sql_of(scratch.alembic("downgrade", "two:one", "--sql", cwd=project).stdout))
    assert_equal(stages["one"], catalogue(scratch))


def test_killed_before_any_of_its_statements_and_run_again(scratch: Database, chain: Path) -> None:
    write(chain, "two", "one", f'{UP}\nop.create_index_online("ix_points", "pupils", ["points"])',
          f'op.drop_index_online("ix_points", "pupils")\n{DOWN}')  # fmt: skip
    with Runner(scratch, chain) as runner:
        runner.alembic("upgrade", "one", status=0)
        before, rows = catalogue(scratch), scratch.rows("select * from pupils order by id")
        runner.alembic("upgrade", "three", status=0)
        after = catalogue(scratch)
        runner.alembic("downgrade", "one", status=0)
        cut = 0
        for nth in range(3, 400, 9):
            ended = [runner.alembic("upgrade", "three", kill_at=nth), runner.alembic("upgrade", "three", status=0)]
            assert_equal(after, catalogue(scratch))
            ended += [runner.alembic("downgrade", "one", kill_at=nth), runner.alembic("downgrade", "one", status=0)]
            assert_equal(before, catalogue(scratch))
            cut += sum(each.killed for each in ended)
            if not any(each.killed for each in ended):
                break
        assert cut > 10
    assert scratch.rows("select * from pupils order by id") == rows


def test_cut_off_after_the_names_are_taken_the_revision_knows_its_own(scratch: Database, chain: Path) -> None:
    """`names.jsonl` says what a released revision makes; a stranger of such a name is told before it runs."""
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from surefoot.catalogue import revision_names  # noqa: PLC0415
    from surefoot.catalogue.revision_names import names_in, names_of_step  # noqa: PLC0415

    write(chain, "two", "one", f'{UP}\nop.create_index_online("ix_points", "pupils", ["points"])',
          f'op.drop_index_online("ix_points", "pupils")\n{DOWN}')  # fmt: skip
    script = ScriptDirectory.from_config(Config(str(chain / "alembic.ini")))
    history = [script.get_revision(name) for name in ("one", "two", "three")]
    seen, steps = [], {}
    for each in ("one", "two", "three"):
        scratch.alembic("upgrade", each, cwd=chain)
        seen.append(list(names_in(catalogue(scratch))))
        steps[each] = names_of_step(seen[-2] if len(seen) > 1 else [], [], seen[-1])
    after = catalogue(scratch)
    scratch.alembic("downgrade", "one", cwd=chain)
    revision_names.write(chain / "alembic", history, steps)
    with Runner(scratch, chain) as runner:
        assert runner.alembic("upgrade", "head", kill_before="CONCURRENTLY ix_points").killed
        assert scratch.value(DIFFERENT) == 0, "both names are there"
        runner.alembic("upgrade", "head", status=0)
        assert_equal(after, catalogue(scratch))
        runner.alembic("downgrade", "one", status=0)
        scratch.execute("alter table pupils add called text")
        assert "called" in runner.alembic("upgrade", "head", status=3).output


def test_refused_before_an_earlier_operation_of_the_revision(scratch: Database, chain: Path) -> None:
    first = 'op.create_index_online("ix", "pupils", ["points"])\n'
    scratch.alembic("upgrade", "one", cwd=chain)
    before = catalogue(scratch)
    for up, why in (
        ('op.rename_column_online("pupils", "name", "points")', "there is a column points already"),
        (f"{UP}\n{END}", "would end in revision two, which makes it"),
    ):
        write(chain, "two", "one", first + up, DOWN)
        assert why in scratch.alembic("upgrade", "two", cwd=chain, status=3).stderr
        assert_equal(before, catalogue(scratch))


def test_rendered_as_it_is_written_and_turned_round() -> None:
    context = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))
    context.opts["alembic_module_prefix"] = "op."
    pairs: list[tuple[MigrateOperation, str, type[MigrateOperation]]] = [
        (RenameColumnOnlineOp("t", "a", "b"), "op.rename_column_online('t', 'a', 'b')", UndoColumnRenameOp),
        (UndoColumnRenameOp("t", "a", "b"), "op.undo_column_rename('t', 'a', 'b')", RenameColumnOnlineOp),
        (EndColumnRenameOp("t", "a", "b", since="c"), "op.end_column_rename('t', 'a', 'b', since='c')",
         ResumeColumnRenameOp),
        (ResumeColumnRenameOp("t", "a", "b", since="c"), "op.resume_column_rename('t', 'a', 'b', since='c')",
         EndColumnRenameOp),
    ]  # fmt: skip
    for op, text, back in pairs:
        assert render_op_text(context, op) == text
        assert COMMITS_IN_PARTS.search(text), "status says how it works, and an interrupted one is recognised"
        assert type(op.reverse()) is back
        assert vars(op.reverse()) == vars(op)
