"""A comment with a reason beside the statement silences its rule; without a reason, or of nothing, it is a finding."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.acknowledgements import unacknowledged
from surefoot.author.lint.linted_history import Report
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

UPDATE = "op.execute(\"update {t} set b = 'x'\")"

SILENT = (
    Step("above", f"# lint: backfill-in-one-statement a dozen rows, and nobody writes it\n{UPDATE}"),
    Step("at its end", f"{UPDATE}  # lint: backfill-in-one-statement a dozen rows"),
    Step(
        "several lines",
        f"""
# lint: backfill-in-one-statement the table has a dozen rows,
# which nobody writes at night
{UPDATE}
        """,
    ),
    Step(
        "a call of several lines",
        """
        # lint: backfill-in-one-statement a dozen rows
        op.execute(
            "update {t} "
            "set b = 'x'"
        )
        op.execute(
            "update {t} "
            "set b = 'y'"
        )  # lint: backfill-in-one-statement a dozen rows
        """,
    ),
    Step(
        "two rules",
        """
        op.execute("lock table {t}")  # lint: lock-table nobody is there at night
        # lint: backfill-in-one-statement, lock-held-beside-long-work a dozen rows
        op.execute("update {t} set b = 'x'")
        # lint: backfill-in-one-statement a dozen rows
        # lint: loses-data they were copied to the archive by hand
        op.execute("delete from {t}")
        """,
    ),
    Step(
        "in a loop and a function",
        """
        for value in ("x", "y"):
            fill(value)  # lint: backfill-in-one-statement a dozen rows
        """,
        before="def fill(value):\n    op.execute(f\"update {t} set b = '{value}'\")\n",
    ),
    Step("part of an expression", f"# lint: backfill-in-one-statement a dozen rows\ndone = ({UPDATE}, 1)"),
    Step("of a rule of squawk", '# lint: require-concurrent-reindex a dozen rows\nop.execute("reindex table {t}")'),
    Step("on the function", "pass", "raise NotImplementedError", before="# nothing"),
)
LOUD = {
    "without a reason": (
        Step("without a reason", f"# lint: backfill-in-one-statement\n{UPDATE}"),
        {"acknowledgement-without-reason": "# lint:", "backfill-in-one-statement": "op.execute("},
    ),
    "without a rule": (
        Step("without a rule", f"# lint:\n{UPDATE}"),
        {"acknowledgement-without-reason": "# lint:", "backfill-in-one-statement": "op.execute("},
    ),
    "of nothing": (
        Step("of nothing", "# lint: loses-data it was there once\nop.execute(\"select 1\")"),
        {"acknowledgement-of-nothing": "# lint:"},
    ),
    "of another rule": (
        Step("of another rule", f"# lint: loses-data a dozen rows\n{UPDATE}"),
        {"acknowledgement-of-nothing": "# lint:", "backfill-in-one-statement": "op.execute("},
    ),
    "a line too high": (
        Step("a line too high", f"# lint: backfill-in-one-statement a dozen rows\n\n{UPDATE}"),
        {"acknowledgement-of-nothing": "# lint:", "backfill-in-one-statement": "op.execute("},
    ),
    "over the loop": (
        Step(
            "over the loop",
            f"# lint: backfill-in-one-statement a dozen rows\nfor _ in range(3):\n    {UPDATE}",
        ),
        {"acknowledgement-of-nothing": "# lint:", "backfill-in-one-statement": "op.execute("},
    ),
    "beside the next one": (
        Step("beside the next one", f"{UPDATE}  # lint: backfill-in-one-statement a dozen rows\n{UPDATE}"),
        {"backfill-in-one-statement": "op.execute("},
    ),
}  # fmt: skip
"""By name: the revision, and which rules are found at which code."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    made = write(project_in(tmp_path_factory), [*SILENT, *(step for step, _ in LOUD.values())])
    file = made.files["on the function"]
    why = "# lint: way-back-fails the old state is not to be had again, see the docstring\ndef downgrade"
    file.write_text(file.read_text("utf-8").replace("def downgrade", why), "utf-8")
    return made


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database)


@pytest.mark.parametrize("name", [step.name for step in SILENT])
def test_a_reason_beside_the_call_silences(chain: Chain, report: Report, name: str) -> None:
    assert [(each.rule, each.statement) for each in chain.found(report, name)] == []


@pytest.mark.parametrize("name", LOUD)
def test_what_acknowledges_nothing_is_found_itself(chain: Chain, report: Report, name: str) -> None:
    _, expected = LOUD[name]
    found = chain.found(report, name)
    assert sorted(each.rule for each in found) == sorted(expected)
    for each in found:
        assert chain.code(each).startswith(expected[each.rule])


def test_a_loop_is_found_once_and_counted(chain: Chain, report: Report) -> None:
    (found,) = [each for each in chain.found(report, "over the loop") if each.rule == "backfill-in-one-statement"]
    assert found.more == 2


def test_a_released_file_may_acknowledge_what_a_better_rule_does_not_find(chain: Chain) -> None:
    file = chain.files["of nothing"]
    assert [each.rule for each in unacknowledged(file, "1", [])] == ["acknowledgement-of-nothing"]
    assert unacknowledged(file, "1", [], released=True) == []
