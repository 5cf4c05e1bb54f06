"""Lint by the sizes of real tables: estimates, errors and warnings, and the budget that a revision may raise."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author.lint import table_sizes
from surefoot.author.lint.linted_history import Report, lint
from surefoot.author.lint.table_sizes import Size, TableSizes
from surefoot.errors import UsageError
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

REWRITES = 'op.execute("alter table {t} alter column a type bigint")'
BACK = 'op.execute("alter table {t} alter column a type integer")'
STEPS = (
    Step("rewrites", REWRITES, BACK),
    Step("said", REWRITES, BACK, before="# budget: readers=90 rewritten=4000000 nobody is here on a Sunday"),
    Step("no reason", REWRITES, BACK, before="# budget: readers=90"),
    Step("index", 'op.create_index("ix_{t}_b", "{t}", ["b"])', 'op.drop_index("ix_{t}_b")'),
    Step("online", 'op.create_index_online("ix_{t}_b", "{t}", ["b"])', 'op.drop_index_online("ix_{t}_b")'),
    Step("update", 'op.execute("update {t} set a = 1")'),
    Step("loses", 'op.execute("alter table {t} add d text")', 'op.drop_column("{t}", "d")'),
)
SMALL, LARGE = 200, 3_000_000


@pytest.fixture(scope="module")
def database(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        yield made


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), STEPS)


def judged(database: Database, chain: Chain, rows: int, *names: str, budget: str = "") -> Report:
    environ = {"OURSCHOOL_BUDGET": budget} if budget else {}
    project = settings.load(PROJECT.at(chain.project), environ=environ)
    sizes = TableSizes({f"t{number}": Size(rows) for number in range(1, len(STEPS) + 1)}, "a test")
    return lint(project, database.url, [chain.revision(name) for name in names], sizes=sizes, known=True)


def told(report: Report, direction: str = "upgrade") -> list[tuple[str, str, str]]:
    return [(each.rule, each.level, each.estimate) for each in report.findings if each.direction == direction]


def test_a_rewrite_is_judged_by_the_rows_of_the_real_table(database: Database, chain: Chain) -> None:
    small = judged(database, chain, SMALL, "rewrites")
    assert told(small) == [("rewrites-table", "warning", "about 0.00 s at 200 rows, ACCESS EXCLUSIVE")]
    assert small.errors == 0
    large = judged(database, chain, LARGE, "rewrites")
    assert ("rewrites-table", "error", "about 40 s at 3,000,000 rows, ACCESS EXCLUSIVE") in told(large)
    budget = [each.why for each in large.findings if each.rule == "over-budget"]
    assert len(budget) == 3
    assert "nobody can read t1 for 40.0 s (ACCESS EXCLUSIVE); 1.0 s are allowed" in budget[0]
    assert "# budget: readers=60" in budget[0]
    assert "This is an estimate, for the rows of a test." in budget[0]
    assert "rewrites t1 with about 3,000,000 rows; 1,000,000 are allowed" in budget[2]


def test_of_a_table_that_nobody_knows_nothing_is_said(database: Database, chain: Chain) -> None:
    project = settings.load(PROJECT.at(chain.project), environ={})
    sizes = TableSizes({"public.another": Size(LARGE)}, "a test")
    report = lint(project, database.url, [chain.revision("rewrites")], sizes=sizes)
    assert told(report) == [("rewrites-table", "error", "")]


def test_a_revision_raises_its_own_budget_with_a_reason(database: Database, chain: Chain) -> None:
    said = told(judged(database, chain, LARGE, "said"))
    assert [(rule, level) for rule, level, _ in said] == [("over-budget", "error"), ("rewrites-table", "warning")]
    raised = judged(database, chain, LARGE, "said", budget="writers=60")
    assert [each.rule for each in raised.findings if each.direction == "upgrade"] == ["rewrites-table"]
    bare = judged(database, chain, SMALL, "no reason")
    assert any("gives no reason" in each.why for each in bare.findings if each.rule == "over-budget")


def test_an_index_stops_writers_and_one_online_nobody(database: Database, chain: Chain) -> None:
    found = judged(database, chain, LARGE, "index")
    assert ("require-concurrent-index-creation", "error", "about 15 s at 3,000,000 rows, SHARE") in told(found)
    (over,) = [each.why for each in found.findings if each.rule == "over-budget"]
    assert "nobody can write t4 for 15.0 s (SHARE); 5.0 s are allowed" in over
    assert told(judged(database, chain, LARGE, "online")) == []


def test_an_update_of_all_keeps_each_row_locked(database: Database, chain: Chain) -> None:
    found = told(judged(database, chain, LARGE, "update"))
    assert ("backfill-in-one-statement", "error", "about 100 s at 3,000,000 rows, ROW EXCLUSIVE") in found
    assert told(judged(database, chain, SMALL, "update"))[0][1] == "warning"


def test_what_the_way_back_loses_is_counted(database: Database, chain: Chain) -> None:
    found = judged(database, chain, LARGE, "loses", budget="lost=0")
    (over,) = [each for each in found.findings if each.rule == "over-budget"]
    assert over.direction == "downgrade"
    assert "The downgrade leaves out 3,000,000 rows and values; 0 are allowed" in over.why


@pytest.mark.parametrize(
    "text",
    [
        'table,rows,bytes\npublic.users,3,24576\nretired."t t",0,\n',
        json.dumps([{"table": "public.users", "rows": 3, "bytes": 24576}, {"table": "retired.t t", "rows": 0}]),
    ],
)
def test_a_file_of_sizes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sizes"
    file.write_text(text, "utf-8")
    assert table_sizes.read(file).tables == {"public.users": Size(3, 24576), "retired.t t": Size(0)}


def test_a_manifest_is_such_a_file(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"format": 1, "rows": {"public.users": 5}}), "utf-8")
    assert table_sizes.read(file).of("public.users") == Size(5)


@pytest.mark.parametrize(
    "text", ["", "name,count\nusers,3\n", "table,rows\nusers,many\n", "{", '{"rows": "many"}', "table,rows\nusers,-1\n"]
)
def test_another_file_is_refused_with_what_to_write(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sizes"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match="psql --csv"):
        table_sizes.read(file)
    with pytest.raises(UsageError, match="cannot be read"):
        table_sizes.read(tmp_path / "another")
