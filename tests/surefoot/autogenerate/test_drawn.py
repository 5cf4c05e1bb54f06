"""Models drawn by chance: what autogenerate writes from one set to another is proven with rows, or was marked."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import Phase
from sqlalchemy.dialects.postgresql import dialect

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.author.revision_test import prove
from surefoot.catalogue.compare import compare
from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.scratch_schema import built_from_models, catalogue_built_by
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import project_in
from tests.surefoot.autogenerate.author import CHANGED, MODELS
from tests.surefoot.autogenerate.drawn_models import TYPES, Drawn, metadata, pairs

OF_MODELS = frozenset({"drops-index-of-foreign-key", "drops-needed-default", "json-column"})
"""Rules that find what a model says: to be acknowledged, for the revision has to do it."""
HERE = "tests.surefoot.autogenerate.test_drawn"
SHORT = ("", "marked", "nothing to write", "refused late")
"""Outcomes without a fault: all is proven; marked for the author; both models are the same; or the downgrade named and
refused rows that came since, but after a change: a type or a table that they are compared with was not back before."""
MARKED = re.compile(r"op\.fill_in\((['\"])\W*(?P<table>\w+)\W*\.\W*(?P<column>\w+)\W*(from .+ to (?P<becomes>.+))?\1\)")
"""A place that the author has to fill in."""
PRINTED = {"float": "double precision", "varchar": "character varying", ", ": ","}
VALUES = {
    re.sub("|".join(PRINTED), lambda found: PRINTED[found[0]], kind.compile(dialect=dialect()).lower()): value  # type: ignore[no-untyped-call]
    for kind, value, _ in TYPES.values()
    if kind is not None
}
"""Of a type as PostgreSQL prints it a value, as SQL."""
DISTINCT = {
    "smallint": "id::smallint", "integer": "id::integer", "bigint": "id", "numeric": "id::numeric(10, 2)",
    "double": "id::double precision", "short": "'x' || id", "longer": "'x' || id", "text": "'x' || id",
    "date": "date '2024-01-01' + id::integer", "instant": "now() + id * interval '1 day'",
    "clock": "timestamp '2024-01-01' + id * interval '1 day'", "interval": "id * interval '1 day'",
    "numbers": "array[id::integer]", "words": "array[id::text]",
}  # fmt: skip
"""By the name of a type an expression that has another value in each row."""
written: list[sa.MetaData] = []
"""Those models that env.py of the copy reads, in this process, are the last."""


def __getattr__(name: str) -> sa.MetaData:
    if name != "models":
        raise AttributeError(name)
    return written[-1]


class DrawnAuthor:
    """A copy of the project without revisions, and a database for what is drawn."""

    def __init__(self, database: Database, project: Path) -> None:
        self.database, self.project = database, project
        versions = project / "alembic" / "versions"
        versions.mkdir(exist_ok=True)
        for path in versions.glob("*.py"):
            path.unlink()

    def write(self, name: str, drawn: Drawn) -> Path | None:
        """Have the revision to these models written; None where nothing is to be written."""
        written.append(metadata(drawn))
        there = self.files()
        with self.config() as config:
            config.attributes["autogenerate"] = True
            command.revision(config, message=name, autogenerate=True)
        new = self.files() - there
        return new.pop() if new else None

    def files(self) -> set[Path]:
        return set((self.project / "alembic" / "versions").glob("*.py"))

    @contextmanager
    def config(self) -> Iterator[Config]:
        config = Config(str(self.project / "alembic.ini"))
        engine = self.database.engine()
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            yield config
        engine.dispose()

    def upgrade(self) -> None:
        with self.config() as config:
            command.upgrade(config, "head")

    def difference(self) -> tuple[str, ...]:
        with self.database.engine().connect() as connection:
            expected = catalogue_built_by(connection, built_from_models(written[-1]))
            return compare(expected, read_catalogue(connection)).lines()


def fill_in(path: Path, first: Drawn, second: Drawn) -> None:
    """Write a value where the author has to: one of the type that the column has at the end of that direction."""
    up, between, down = path.read_text().partition("def downgrade")

    def value(marked: re.Match[str], drawn: Drawn) -> str:
        if marked["becomes"]:
            return repr(VALUES.get(marked["becomes"], "'new'"))
        column = drawn[marked["table"]].columns[marked["column"]]
        return repr(DISTINCT.get(column.type, TYPES[column.type][1]) if column.unique else TYPES[column.type][1])

    up, down = (MARKED.sub(partial(value, drawn=drawn), text) for text, drawn in ((up, second), (down, first)))
    path.write_text(up + between + down)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project_in(tmp_path_factory)
    env = folder / "alembic" / "env.py"
    env.write_text(env.read_text().replace(MODELS, CHANGED.replace("tests.surefoot.autogenerate.author", HERE)))
    return folder


@pytest.mark.parametrize("examples", [3, pytest.param(200, marks=pytest.mark.long)])
def test_from_one_set_of_models_to_another(newest: Server, project: Path, examples: int) -> None:
    """All of them are tried, and then those are told that have a fault."""
    outcomes: list[str] = []

    @hypothesis.settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @hypothesis.given(pairs())
    def tried(pair: tuple[Drawn, Drawn]) -> None:
        with fresh(newest) as database:
            try:
                outcomes.append(outcome(DrawnAuthor(database, project), *pair))
            except Exception as fault:  # the others are tried all the same
                outcomes.append(f"{pair}\n{type(fault).__name__}: {fault}")

    tried()
    counts = Counter(outcomes)
    print("Pairs:", {short: counts[short] for short in SHORT})
    faults = [each for each in outcomes if each not in SHORT]
    assert not faults, "\n\n".join(faults)
    assert counts["marked"] <= examples / 2


def outcome(author: DrawnAuthor, first: Drawn, second: Drawn) -> str:
    """Go the road of one pair; return what went wrong, with the revision's text."""
    author.write("tables first", first)
    author.upgrade()
    if difference := author.difference():
        return f"after the first revision: {difference}"
    path = author.write("tables second", second)
    if path is None:
        return "nothing to write"
    fill_in(path, first, second)
    text = path.read_text()
    if "op.unfinished" in text:
        return "marked"
    proof = prove(settings.load(PROJECT.at(author.project), environ={}), author.database.url, "head")
    faults = [f"{step.what}: {each}" for step in proof.steps if step.what != "lint" for each in step.problems]
    if faults and all(each.startswith("down with rows that came since: ") for each in faults):
        return "refused late"
    faults += [f"{each.rule}: {each.why}" for each in proof.findings if each.rule not in OF_MODELS]
    if not faults:
        author.upgrade()
        faults += author.difference()
        faults += ["written again"] if author.write("tables third", second) else []
    return "\n".join([*faults, text]) if faults else ""
