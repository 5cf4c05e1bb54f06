"""A table of unsafe snippets, each found by its rule where it stands, and of safe ones, at which nothing is found."""

import re
import textwrap
from collections.abc import Iterator

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
UNSAFE = [(group, case) for group, case in CASES if case.rule]
SAFE = [(group, case) for group, case in CASES if not case.rule]


def table_of(case: Case) -> str:
    return f"case{[each for _, each in CASES].index(case)}"


def code(case: Case, text: str) -> str:
    return f"# case: {table_of(case)}\n{textwrap.dedent(text).strip() or 'pass'}".replace("{t}", table_of(case))


def steps() -> Iterator[Step]:
    tables = [
        sql.replace("{t}", table_of(case))
        for _, case in CASES
        if "{t}" in case.upgrade.replace("/* {t} */", "")
        for sql in (TABLE, case.setup)
        if sql
    ]
    made = "\n".join(f'op.execute("""{sql}""")' for sql in tables)
    yield Step("tables of the cases", made, "pass")
    for group, cases in GROUPS.items():
        up = "\n".join(code(case, case.upgrade) for case in cases)
        down = "\n".join(code(case, case.downgrade) for case in reversed(cases))
        yield Step(group, up, down, "\n".join(case.top for case in cases if case.top))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), list(steps()))


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database, *GROUPS)


def found(chain: Chain, report: Report, group: str, case: Case) -> list[Finding]:
    """What was found between the comment that names the case and the next one."""
    lines = chain.files[group].read_text("utf-8").splitlines()
    of_line: list[str] = []
    for line in lines:
        mark = re.fullmatch(r"\s*# case: (\w+)", line)
        of_line.append(mark[1] if mark else of_line[-1] if of_line else "")
    return [each for each in chain.found(report, group) if of_line[each.line - 1] == table_of(case)]


def test_each_unsafe_one_is_found_and_no_safe_one(chain: Chain, report: Report) -> None:
    """One test of all: the run that they share is minutes of work, and workers that share the tests would repeat it."""
    assert len(UNSAFE) >= 60
    assert len(SAFE) >= 30
    missed = [
        f"{group}, {case.name}: {case.rule}" for group, case in UNSAFE if not is_found(chain, report, group, case)
    ]
    false = [
        f"{group}, {case.name}: {each.rule}, {each.direction}: {each.why}"
        for group, case in SAFE
        for each in found(chain, report, group, case)
    ]
    assert (missed, false) == ([], [])


def is_found(chain: Chain, report: Report, group: str, case: Case) -> bool:
    here = [each for each in found(chain, report, group, case) if each.direction == "upgrade"]
    assert all(each.why and each.safe for each in here), case.name
    return case.rule in {each.rule for each in here}
