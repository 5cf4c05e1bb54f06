"""A developer at work: changes models in a copy of the project, has the revision written, fills in what is marked."""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author.lint.linted_history import lint
from surefoot.catalogue.compare import compare
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.scratch_schema import built_from_models, catalogue_built_by
from tests.ourschool.existing.catalogue import BOOKKEEPING
from tests.support.databases import ROOT, Database
from tests.surefoot.autogenerate.cases import DDL, Case, add
from tests.surefoot.autogenerate.enum_cases import ENUM_CASES
from tests.surefoot.autogenerate.marked_cases import MARKED_CASES
from tests.surefoot.autogenerate.other_cases import OTHER_CASES
from tests.surefoot.autogenerate.part_cases import PART_CASES
from tests.surefoot.autogenerate.rule_cases import RULE_CASES
from tests.surefoot.autogenerate.table_cases import TABLE_CASES
from tests.surefoot.autogenerate.twelve import metadata as school
from tests.surefoot.autogenerate.way_cases import WAY_CASES

MODELS = "door.main(PROJECT, context)"
CHANGED = """\
from dataclasses import replace

from tests.surefoot.autogenerate.author import models

door.main(replace(PROJECT, load_metadata=lambda: models), context)"""
"""What env.py of the copy imports instead; the rest of it is the real one."""
CASES = (*TABLE_CASES, *OTHER_CASES, *ENUM_CASES, *PART_CASES, *RULE_CASES)
STORED = Case(
    "a stored column",
    add("lessons", sa.Column("doubled", sa.Integer, sa.Computed("lesson_order * 2", persisted=True))),
)
"""One that no operation can be written for."""
LAST = "2026_11_21_0959"
"""The history ends here, where its models are those of `twelve`."""
WHICH = "CHANGED_MODELS"
"""The variable that names the case and its stage, for the process that writes the revision."""
TABLES = f"""
select quote_ident(relname)
  from pg_class
 where relkind in ('r', 'p')
   and relnamespace = 'public'::regnamespace
   and relname not in {BOOKKEEPING}
"""
CONTENT = "select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]') from {} as t"


@cache
def changed(case: Case | None, stage: str) -> sa.MetaData:
    """The school's models with the case's changes: `before`, or `after` as well. Made once, and only read."""
    copy = sa.MetaData(naming_convention=school.naming_convention)
    for table in school.sorted_tables:
        _copied(table, copy)
    if case is not None and case.before is not None:
        case.before(copy)
    if case is not None and stage == "after":
        case.edit(copy)
    return _settled(copy)


def _settled(edited: sa.MetaData) -> sa.MetaData:
    """The models as if they had been written like this: a type that no column has any more is not created either."""
    copy = sa.MetaData(naming_convention=school.naming_convention)
    for table in edited.tables.values():
        _copied(table, copy)
    for statement in edited.info.get(DDL, ()):
        sa.event.listen(copy, "after_create", sa.DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]
    return copy


def _copied(table: sa.Table, metadata: sa.MetaData) -> None:
    """SQLAlchemy's own copy loses the prefixes, and the operator classes of exclusion constraints."""
    copy = table.to_metadata(metadata)
    copy._prefixes = table._prefixes
    classes = {each.name: each.ops for each in table.constraints if isinstance(each, ExcludeConstraint)}
    for each in copy.constraints:
        if isinstance(each, ExcludeConstraint):
            each.ops = classes[each.name]


def __getattr__(name: str) -> Any:
    if name != "models":
        raise AttributeError(name)
    case, _, stage = os.environ[WHICH].rpartition(":")
    return changed(next(each for each in (*CASES, *WAY_CASES, *MARKED_CASES, STORED) if each.name == case), stage)


class Author:
    """One database, one copy of the project, one case."""

    def __init__(self, database: Database, project: Path, case: Case) -> None:
        self.database = database
        self.project = project
        self.case = case
        self._expected: dict[str, Catalogue] = {}
        env = project / "alembic" / "env.py"
        text = env.read_text()
        assert MODELS in text
        for path in self._files():
            if path.name > LAST:
                path.unlink()
        env.write_text(text.replace(MODELS, CHANGED))

    def write(self, stage: str = "after") -> Path | None:
        """`alembic revision --autogenerate` as a person types it; None where it wrote nothing."""
        there = self._files()
        self.database.alembic(
            "revision",
            "--autogenerate",
            "-m",
            f"{self.case.name} {stage}",
            cwd=self.project,
            env=self.environment(stage),
        )
        new = self._files() - there
        return new.pop() if new else None

    def write_here(self) -> Path:
        """The same in this process, which takes a fifth of the time."""
        there = self._files()
        self._run(command.revision, message=self.case.name, autogenerate=True)
        (new,) = self._files() - there
        return new

    def alembic(self, *arguments: str, stage: str = "after", status: int = 0) -> CompletedProcess[str]:
        """Any command as a person types it, who sees the models of that stage."""
        return self.database.alembic(*arguments, cwd=self.project, env=self.environment(stage), status=status)

    def prepare(self) -> None:
        """Bring the database to where the case begins, by the same way, in this process."""
        if self.case.before is not None:
            self._run(command.revision, stage="before", message="what was before", autogenerate=True)
            self.upgrade()

    def fill_in(self, path: Path, values: Mapping[str, str]) -> None:
        """What an author does with the marked places."""
        text = path.read_text()
        for what, value in values.items():
            marked = re.compile(rf"op\.fill_in\((['\"]){re.escape(what)}[^\n]*\)")
            assert marked.search(text), f"{what} is not marked in\n{text}"
            text = marked.sub(lambda _, value=value: repr(value), text)  # type: ignore[misc]
        path.write_text(text)

    def upgrade(self) -> None:
        self._run(command.upgrade, revision="head")

    def downgrade(self) -> None:
        self._run(command.downgrade, revision="-1")

    def difference(self, stage: str) -> tuple[str, ...]:
        """What sets the database apart from the models of that stage."""
        with self.database.engine().connect() as connection:
            if stage not in self._expected:
                models = changed(self.case, stage)
                self._expected[stage] = catalogue_built_by(connection, built_from_models(models))
            return compare(self._expected[stage], read_catalogue(connection)).lines()

    def lint(self) -> tuple[str, ...]:
        """What `ourschool lint head` finds."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(WHICH, f"{self.case.name}:after")
            chosen = settings.load(
                PROJECT.at(self.project), database_url=self.database.url.render_as_string(False), environ={}
            )
            return tuple(f"{found.rule}: {found.why}" for found in lint(chosen, self.database.url, ["head"]).findings)

    def content(self) -> dict[str, Any]:
        """Every row of every table, without what is retired."""
        tables = [str(name) for (name,) in self.database.rows(TABLES)]
        (rows,) = self.database.rows("select " + ", ".join(f"({CONTENT.format(table)})" for table in tables))
        return {table: _without_retired(each) for table, each in zip(tables, rows, strict=True)}

    def _files(self) -> set[Path]:
        return set((self.project / "alembic" / "versions").glob("*.py"))

    def environment(self, stage: str = "after") -> dict[str, str]:
        """Of a command that sees the models of that stage."""
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        return {WHICH: f"{self.case.name}:{stage}", "PYTHONPATH": path}

    def _run(self, what: Callable[..., object], *, stage: str = "after", **arguments: Any) -> None:
        config = Config(str(self.project / "alembic.ini"))
        engine = self.database.engine()
        with engine.connect() as connection, pytest.MonkeyPatch.context() as patch:
            patch.setenv(WHICH, f"{self.case.name}:{stage}")
            config.attributes |= {"connection": connection, "autogenerate": "autogenerate" in arguments}
            what(config, **arguments)
        engine.dispose()


def _without_retired(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.startswith("__retired_")} for row in rows]
