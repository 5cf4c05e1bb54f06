"""A little history of its own for lint to look at: tables `t1`, `t2` …, then revisions that do what a test says."""

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.linted_history import Report, lint
from tests.support.databases import ROOT, Database

TABLE = """
    create table {table} (
        id bigint generated always as identity primary key,
        a integer,
        b text,
        c varchar(20),
        other bigint
    )
"""
HEAD = '''"""{name}"""

import getpass
import os
import platform
import socket

import sqlalchemy as sa
from alembic import context, op

revision = "{revision}"
down_revision = {down!r}
branch_labels = None
depends_on = None
'''


@dataclass(frozen=True)
class Step:
    """A revision to be: what `upgrade` and `downgrade` say, of table {t}, and what stands before them."""

    name: str
    upgrade: str
    downgrade: str = "pass"
    before: str = ""


@dataclass(frozen=True)
class Chain:
    """The revisions as written: by name, file and id."""

    project: Path
    files: dict[str, Path] = field(default_factory=dict)

    def lint(self, database: Database, *wanted: str) -> Report:
        """Lint the steps of those names, or the whole chain, on the server of `database`."""
        project = settings.load(PROJECT.at(self.project), environ={})
        return lint(project, database.url, [self.revision(name) for name in wanted])

    def revision(self, name: str) -> str:
        return self.files[name].name.split("_")[0]

    def found(self, report: Report, name: str) -> list[Finding]:
        """What was found in the step of that name."""
        return [finding for finding in report.findings if finding.file == self.files[name].resolve()]

    def code(self, finding: Finding) -> str:
        """The line of the file that a finding points at."""
        return finding.file.read_text("utf-8").splitlines()[finding.line - 1].strip()


def project_in(factory: pytest.TempPathFactory) -> Path:
    """A copy of what Alembic reads, for all tests of a module."""
    return project_at(factory.mktemp("project"))


def project_at(folder: Path) -> Path:
    """Such a copy in `folder`."""
    shutil.copytree(ROOT / "alembic", folder / "alembic", ignore=shutil.ignore_patterns("__pycache__", "versions"))
    shutil.copy(ROOT / "alembic.ini", folder)
    return folder


def write(project: Path, steps: Sequence[Step]) -> Chain:
    """Put the steps, each with a table of its own, in place of the project's revisions."""
    versions = project / "alembic" / "versions"
    shutil.rmtree(versions, ignore_errors=True)
    versions.mkdir()
    chain = Chain(project)
    tables = [f"t{number}" for number in range(1, len(steps) + 1)]
    made = "\n".join(f'op.execute("""{TABLE.format(table=table)}""")' for table in tables)
    _write(chain, "tables", 0, Step("tables", made, f'op.execute("drop table {", ".join(tables)}")'))
    for number, step in enumerate(steps, 1):
        _write(chain, step.name, number, step)
    return chain


def _write(chain: Chain, name: str, number: int, step: Step) -> None:
    revision, table = f"{number:012d}", f"t{number}"
    down = f"{number - 1:012d}" if number else None
    parts = [HEAD.format(name=name, revision=revision, down=down), textwrap.dedent(step.before)]
    for direction, body in (("upgrade", step.upgrade), ("downgrade", step.downgrade)):
        text = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        parts.append(f"\ndef {direction}():\n{text}\n")
    text = "\n".join(parts).replace("{t}", table)
    file = chain.project / "alembic" / "versions" / f"{revision}_{name.replace(' ', '_')}.py"
    file.write_text(text, encoding="utf-8")
    chain.files[name] = file
