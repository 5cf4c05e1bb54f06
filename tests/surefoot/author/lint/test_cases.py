"""A table of unsafe snippets, each found by its rule where it stands, and of safe ones, at which nothing is found."""

import re
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.linted_history import Report
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.cases import GROUPS, TABLE, Case
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

BESIDE = frozenset({"lock-held-beside-long-work", "waits-under-lock"})
"""What is found at a snippet because of another one before it in the same transaction."""
CASES = [(group, case) for group, cases in GROUPS.items() for case in cases]


def table_of(case: Case) -> str:
    return f"case{[each for _, each in CASES].index(case)}"


def code(case: Case, text: str) -> str:
    return f"# case: {table_of(case)}\n{textwrap.dedent(text).strip() or 'pass'}".replace("{t}", table_of(case))


def steps(chosen: Sequence[tuple[str, Case]]) -> Iterator[Step]:
    tables = [
        sql.replace("{t}", table_of(case))
        for _, case in chosen
        if "{t}" in case.upgrade.replace("/* {t} */", "")
        for sql in (TABLE, case.setup)
        if sql
    ]
    made = "\n".join(f'op.execute("""{sql}""")' for sql in tables)
    yield Step("tables of the cases", made, "pass")
    for group in GROUPS:
        cases = [case for of, case in chosen if of == group]
        up = "\n".join(code(case, case.upgrade) for case in cases)
        down = "\n".join(code(case, case.downgrade) for case in reversed(cases))
        yield Step(group, up, down, "\n".join(case.top for case in cases if case.top))


def tables_of_lines(file: Path) -> list[str]:
    """Of each line of a revision's file the table of its case: that of the comment which names one before it."""
    of_line: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        mark = re.fullmatch(r"\s*# case: (\w+)", line)
        of_line.append(mark[1] if mark else of_line[-1] if of_line else "")
    return of_line


def found(chain: Chain, report: Report, group: str, case: Case) -> list[Finding]:
    of_line = tables_of_lines(chain.files[group])
    return [each for each in chain.found(report, group) if of_line[each.line - 1] == table_of(case)]


def test_there_are_many() -> None:
    assert len([case for _, case in CASES if case.rule]) >= 60
    assert len([case for _, case in CASES if not case.rule]) >= 30


@pytest.mark.parametrize("one_in", [3, pytest.param(1, marks=pytest.mark.long)])
def test_each_unsafe_one_is_found_and_no_safe_one(
    newest: Server, tmp_path_factory: pytest.TempPathFactory, one_in: int
) -> None:
    """One test of all: the run that they share is minutes of work, and workers that share the tests would repeat it."""
    chosen = [each for each in CASES if zlib.crc32(each[1].name.encode()) % one_in == 0]
    chain = write(project_in(tmp_path_factory), list(steps(chosen)))
    with fresh(newest) as database:
        report = chain.lint(database, *GROUPS)
    missed, false = [], []
    for group, case in chosen:
        here = found(chain, report, group, case)
        assert all(each.why and each.safe for each in here), case.name
        if case.rule and case.rule not in {each.rule for each in here if each.direction == "upgrade"}:
            missed.append(f"{group}, {case.name}: {case.rule}")
        elif not case.rule:
            false += [f"{group}, {case.name}: {each.rule}, {each.direction}: {each.why}" for each in here]
    assert (missed, false) == ([], [])
