"""What lint, squawk and zdm find of the snippets that lint's own tests have: unsafe ones caught, safe ones blamed.

squawk has each snippet's statements as the server got them, in their transactions; of its rules those on style and on
time limits are left out, which it reports of almost every statement. zdm has each snippet as a revision's file.
"""

import itertools
import json
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

from surefoot.author.lint import linted_history, squawk
from surefoot.author.lint.recording import Recording
from tests.support.databases import fresh
from tests.support.servers import running
from tests.surefoot.author.lint.cases import GROUPS, Case
from tests.surefoot.author.lint.chain import Chain, project_at, write
from tests.surefoot.author.lint.test_cases import CASES, code, found, steps, table_of, tables_of_lines

ZDM = "zdm==0.9.1"
SQUAWK = str(Path(sysconfig.get_path("scripts")) / "squawk")
OF_STYLE = ("prefer-", "require-timeout", "require-lock-timeout", "require-statement-timeout", "syntax-error")
REVISION = """from alembic import op
import sqlalchemy as sa

revision = "000000000001"
down_revision = None


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""
Blames = Callable[[str, Case, str], bool]
"""Whether a linter finds something in a snippet of that group, in that direction."""


def main() -> None:
    """Print how many each linter caught of the unsafe ones, how many safe ones it blamed, and what ours did."""
    with tempfile.TemporaryDirectory() as folder:
        chain, report, recordings = _linted(Path(folder))
        judges: dict[str, Blames] = {
            "ourschool lint": lambda group, case, direction: any(
                each.direction == direction for each in found(chain, report, group, case)
            ),
            "squawk": _squawk(chain, recordings, report.version),
            "zdm": _zdm(Path(folder)),
        }
        table = Table("linter", "unsafe ones caught", "safe ones blamed")
        for name, blames in judges.items():
            unsafe = {f"{group}, {case.name}": blames(group, case, "upgrade") for group, case in CASES if case.rule}
            safe = {
                f"{group}, {case.name}": blames(group, case, "upgrade") or blames(group, case, "downgrade")
                for group, case in CASES
                if not case.rule
            }
            table.add_row(name, *(f"{sum(each.values())} of {len(each)}" for each in (unsafe, safe)))
            print(f"{name} missed: {'; '.join(case for case, caught in unsafe.items() if not caught) or 'none'}")
            print(f"{name} blamed: {'; '.join(case for case, blamed in safe.items() if blamed) or 'none'}")
        Console().print(table)


def _linted(folder: Path) -> tuple[Chain, linted_history.Report, list[Recording]]:
    recordings: list[Recording] = []
    real = squawk.findings

    def findings(given: list[Recording], version: str) -> object:
        recordings.extend(given)
        return real(given, version)

    chain = write(project_at(folder / "project"), list(steps(CASES)))
    with (
        running(18) as server,
        fresh(server) as database,
        mock.patch.object(squawk, "findings", findings),
        mock.patch.object(linted_history, "LONG", len(chain.files) + 1),  # all of it in this process
    ):
        return chain, chain.lint(database, *GROUPS), recordings


def _squawk(chain: Chain, recordings: list[Recording], version: str) -> Blames:
    """Give squawk the statements of the snippet, those of one transaction between begin and commit."""

    def blames(group: str, case: Case, direction: str) -> bool:
        of_line = tables_of_lines(chain.files[group])
        wanted = (direction, chain.revision(group))
        (recording,) = (each for each in recordings if (each.direction, each.revision) == wanted)
        own = [each for each in recording.single_statements if each.line and of_line[each.line - 1] == table_of(case)]
        lines = []
        for _, together in itertools.groupby(own, key=lambda each: each.transaction):
            statements = [f"{each.sql};" for each in together]
            alone = len(statements) == 1 and recording.committed(own[0])
            lines += statements if alone else ["begin;", *statements, "commit;"]
        done = subprocess.run(
            [SQUAWK, "--reporter", "json", "--pg-version", version, "--no-assume-in-transaction"],
            input="\n".join(lines), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return any(not each["rule_name"].startswith(OF_STYLE) for each in json.loads(done.stdout or "[]"))

    return blames


def _zdm(folder: Path) -> Blames:
    subprocess.run([sys.executable, "-m", "venv", folder / "zdm"], check=True)
    pip = [str(folder / "zdm/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ZDM]
    subprocess.run(pip, check=True)
    file = folder / "alembic/versions/000000000001_case.py"
    file.parent.mkdir(parents=True)

    def blames(_: str, case: Case, direction: str) -> bool:
        bodies = {"upgrade": code(case, case.upgrade), "downgrade": code(case, case.downgrade)}
        only = {each: text if each == direction else "pass" for each, text in bodies.items()}
        file.write_text(REVISION.format(**{each: textwrap.indent(text, "    ") for each, text in only.items()}))
        command = [str(folder / "zdm/bin/zdm"), "--output-format", "json", str(file.relative_to(folder))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return bool(json.loads(done.stdout)["diagnostics"])

    return blames
