"""What a revision declares that says `expand_only = True`: lint finds it where the revision does more than add."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.linted_history import Report
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

DECLARED = "expand_only = True"
ADDS = """
op.add_column("{t}", sa.Column("d", sa.Integer()))
op.execute("update {t} set d = 1 where id between 1 and 20")
op.create_table("{t}_parts", sa.Column("id", sa.BigInteger(), primary_key=True))
op.execute("insert into {t}_parts values (1)")
op.execute("delete from {t}_parts where id = 1")
"""
NO_PARTS = 'op.retire_table("{t}_parts")\nop.retire_column("{t}", "d")'
STEPS = (
    Step("adds", ADDS, NO_PARTS, DECLARED),
    Step("takes a column", 'op.retire_column("{t}", "b")', 'op.restore_column("{t}", "b")', DECLARED),
    Step("narrows a column", "op.execute(\"alter table {t} alter a set not null\")",
         "op.execute(\"alter table {t} alter a drop not null\")", DECLARED),
    Step("writes what is known", "op.execute(\"update {t} set b = 'x', c = 'y' where id between 1 and 20\")", "pass",
         DECLARED),
    Step("deletes", 'op.execute("delete from {t} where id between 1 and 20")', "pass", DECLARED),
    Step("renames", 'op.rename_column_online("{t}", "b", "bee")\nop.rename_table_online("{t}", "new_{t}")',
         'op.undo_table_rename("{t}", "new_{t}")\nop.undo_column_rename("{t}", "b", "bee")', DECLARED),
    Step("says nothing", 'op.retire_column("{t}", "b")', 'op.restore_column("{t}", "b")'),
)  # fmt: skip


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), STEPS)


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database)


@pytest.mark.parametrize("name", ["adds", "renames", "says nothing"])
def test_what_holds_or_is_not_said_is_not_found(chain: Chain, report: Report, name: str) -> None:
    assert [each.why for each in chain.found(report, name) if each.rule == "not-expand-only"] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("takes a column", "it does more than add: column t2.b is gone."),
        ("narrows a column", "it does more than add: column t3.a is not null, and was null."),
        ("writes what is known", "rows of t4 are deleted or get other values in columns that it knows (b, c)."),
        ("deletes", "rows of t5 are deleted or get other values in columns that it knows (all)."),
    ],
)
def test_what_does_more_is_found(chain: Chain, report: Report, name: str, why: str) -> None:
    (found,) = [each for each in chain.found(report, name) if each.rule == "not-expand-only"]
    assert found.direction == "upgrade"
    assert why in found.why.replace("But rows", "but rows").replace("But it", "but it")
    assert "Delete the line expand_only = True" in found.safe
