"""Lint of what an upgrade takes away that the models of the last release map."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.linted_history import Report
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

RULE = "drops-what-a-release-uses"
STEPS = (
    Step("retires", 'op.retire_column("{t}", "b")', 'op.restore_column("{t}", "b")'),
    Step("drops", 'op.drop_column("{t}", "b")', 'op.execute("alter table {t} add b text")'),
    Step("table", 'op.retire_table("{t}")', 'op.restore_table("{t}")'),
    Step("unmapped", 'op.retire_column("{t}", "c")', 'op.restore_column("{t}", "c")'),
    Step(
        "said",
        f'op.retire_column("{{t}}", "b")  # lint: {RULE} nobody has that release any more',
        'op.restore_column("{t}", "b")',
    ),
    Step("adds", 'op.execute("alter table {t} add d text")', 'op.retire_column("{t}", "b")'),
)
MAPPED = "# models\n" + "".join(f"t{number} id a b\n" for number in range(1, len(STEPS) + 1))


@pytest.fixture(scope="module")
def database(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        yield made


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = write(project_in(tmp_path_factory), STEPS)
    (made.project / "alembic" / "released_models.txt").write_text(MAPPED, "utf-8")
    return made


@pytest.fixture(scope="module")
def report(database: Database, chain: Chain) -> Report:
    return chain.lint(database)


def found(chain: Chain, report: Report, name: str) -> list[str]:
    return [chain.code(each) for each in chain.found(report, name) if each.rule == RULE]


def test_what_the_last_release_maps_is_neither_retired_nor_dropped(chain: Chain, report: Report) -> None:
    assert found(chain, report, "retires") == ['op.retire_column("t1", "b")']
    assert found(chain, report, "drops") == ['op.drop_column("t2", "b")']
    assert found(chain, report, "table") == ['op.retire_table("t3")']
    (finding,) = [each for each in chain.found(report, "retires") if each.rule == RULE]
    assert "The models of the last release still have the column t1.b" in finding.why
    assert finding.safe.endswith('op.retire_column("t1", "b")')


def test_what_they_do_without_may_go(chain: Chain, report: Report) -> None:
    assert found(chain, report, "unmapped") == []


def test_it_is_acknowledged_with_a_reason(chain: Chain, report: Report) -> None:
    assert chain.found(report, "said") == []


def test_a_way_back_may_take_away_what_it_likes(chain: Chain, report: Report) -> None:
    assert found(chain, report, "adds") == []


def test_without_the_list_nobody_knows(database: Database, chain: Chain) -> None:
    file = chain.project / "alembic" / "released_models.txt"
    text = file.read_text("utf-8")
    file.unlink()
    try:
        assert found(chain, chain.lint(database, "retires"), "retires") == []
    finally:
        file.write_text(text, "utf-8")


def test_a_released_revision_has_done_it(database: Database, chain: Chain) -> None:
    file = chain.project / "alembic" / "released.txt"
    text = file.read_text("utf-8")
    file.write_text(f"{text}{chain.revision('drops')} 0\n", "utf-8")
    try:
        assert found(chain, chain.lint(database, "drops"), "drops") == []
    finally:
        file.write_text(text, "utf-8")
