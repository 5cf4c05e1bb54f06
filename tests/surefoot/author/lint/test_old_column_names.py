"""Lint on a column's rename that leaves the old name alive, and on the revision that takes that name away."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.linted_history import Report
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

RENAMED = Step("renamed", 'op.rename_column_online("{t}", "b", "bee")', 'op.undo_column_rename("{t}", "b", "bee")')
ENDED = Step(
    "ended",
    'op.end_column_rename("t1", "b", "bee", since="000000000001")',
    'op.resume_column_rename("t1", "b", "bee", since="000000000001")',
)
BY_HAND = Step(
    "by hand",
    """
    op.rename_column_online("{t}", "b", "bee")
    op.execute("alter table {t} drop column if exists b cascade")
    """,
    'op.undo_column_rename("{t}", "b", "bee")',
)
SAID = Step(
    "said",
    'op.end_column_rename("t4", "b", "bee", since="000000000004")  # lint: old-name-taken-away nobody names it',
    'op.resume_column_rename("t4", "b", "bee", since="000000000004")',
)
STEPS = (RENAMED, ENDED, BY_HAND, Step("another", RENAMED.upgrade, RENAMED.downgrade), SAID)


@pytest.fixture(scope="module")
def database(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        yield made


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), STEPS)


@pytest.fixture(scope="module")
def report(database: Database, chain: Chain) -> Report:
    (chain.project / "alembic" / "released.txt").unlink(missing_ok=True)
    return chain.lint(database)


def rules(chain: Chain, report: Report, name: str) -> list[tuple[str, str, str]]:
    return [(each.rule, each.direction, chain.code(each)) for each in chain.found(report, name)]


def test_the_rename_itself_is_silent(chain: Chain, report: Report) -> None:
    assert rules(chain, report, "renamed") == rules(chain, report, "another") == []


def test_the_end_is_to_be_acknowledged(chain: Chain, report: Report) -> None:
    """Nobody knows here what is released; the way back, which makes the second column again, is silent."""
    (found,) = chain.found(report, "ended")
    assert (found.rule, found.direction, chain.code(found)) == ("old-name-taken-away", "upgrade", ENDED.upgrade)
    assert "whoever names t1.b fails" in found.why
    assert "op.end_column_rename('t1', 'b', 'bee', since='000000000001')  # lint: old-name-taken-away" in found.safe
    assert rules(chain, report, "said") == []


def test_the_end_in_the_same_revision(chain: Chain, report: Report) -> None:
    found = next(each for each in chain.found(report, "by hand") if each.rule == "old-name-ended-too-early")
    assert chain.code(found) == 'op.execute("alter table t3 drop column if exists b cascade")'
    assert "in the revision that renames bee" in found.why


@pytest.mark.parametrize(("released", "rule"), [(0, "old-name-ended-too-early"), (1, "old-name-taken-away")])
def test_the_end_before_the_rename_is_out(database: Database, chain: Chain, released: int, rule: str) -> None:
    file = chain.project / "alembic" / "released.txt"
    file.write_text(f"{released:012d} {'0' * 64}\n", "utf-8")
    (found,) = chain.found(chain.lint(database, "ended"), "ended")
    assert found.rule == rule
    assert ("before revision 000000000001" in found.why) == (released == 0)
