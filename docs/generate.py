"""Writes the pages that are made from code: `python -m docs.generate`, or `make docs`.

From the models, whose diagrams are drawn as well, the commands, the docstrings of revisions, the rules of lint and the
README's screen.
"""

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pydot
import sqlalchemy as sa
from paracelsus.transformers.mermaid import Mermaid
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from docs import commands, pictures, revisions_page, terminal
from docs.relations import relations
from ourschool import models
from surefoot.author.lint import rule_texts

FOLDER = Path(__file__).parent
WHOLE = "diagrams/school.svg"
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left it so
WRITTEN = "<!-- Written by `make docs` from the models; a change here is lost. -->"
SHORT = {"timestamp with time zone": "timestamptz", "double precision": "double", "time without time zone": "time"}
TRIGGER = re.compile(
    r"create trigger (?P<name>\w+) (?P<when>before|after) (?P<what>.+?) on \w+.*?execute function (?P<function>\w+)",
    re.DOTALL,
)
SAID = re.compile(r"^ *-- (.*)$", re.MULTILINE)


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        sys.stdout.write(f"docs/{name}\n")
    for name, graph in graphs().items():
        drawn = pictures.write(FOLDER / name, graph)
        sys.stdout.write(f"docs/{name}{'' if drawn else ': not drawn, for that needs Graphviz'}\n")


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "diagrams.md": diagrams(),
        "lint.md": rule_texts.page(),
        "reference.md": commands.page(),
        "revisions.md": revisions_page.page(),
        "schema.md": schema(),
        "terminal.svg": terminal.picture(),
    }


def parts() -> dict[str, list[type[models.Base]]]:
    """The models by the module that they are in, in the order of the register."""
    found: dict[str, list[type[models.Base]]] = {}
    for model in sorted((mapper.class_ for mapper in models.Base.registry.mappers), key=lambda each: each.__name__):
        found.setdefault(model.__module__, []).append(model)
    return {module: found[module] for module in sorted(found)}


def about(module: str) -> tuple[str, str]:
    """The heading and the sentence of a part of the school, which its module's docstring begins with."""
    heading, _, sentence = (importlib.import_module(module).__doc__ or "").partition("\n")[0].partition(": ")
    return heading.removeprefix("The ").capitalize(), sentence[:1].upper() + sentence[1:]


def graphs() -> dict[str, pydot.Dot]:
    """Each picture by its file name: the whole school, and its parts."""
    types = {f"{t.name}.{c.name}": printed(c.type) for t in models.metadata.tables.values() for c in t.columns}
    tables = {module: [table_of(model) for model in members] for module, members in parts().items()}
    found = {WHOLE: pictures.whole("school", {about(module)[0]: each for module, each in tables.items()})}
    return found | {picture(module): pictures.part(about(module)[0], each, types) for module, each in tables.items()}


def picture(module: str) -> str:
    """The file name of the picture of a part."""
    return f"diagrams/{module.rpartition('.')[2]}.svg"


def diagrams() -> str:
    """A diagram of each part, with the tables of other parts that it points to as empty boxes; then the whole."""
    text = [
        "# Entity diagrams", "", WRITTEN, "",
        "One diagram for each part of the school; a box without columns is a table of another part. What the columns "
        "mean stands in [schema.md](schema.md). Each is there as text, which Mermaid draws, and as SVG. A line ends "
        "in a crow's foot where there may be many rows, and has a ring where there may be none.",
        "", f"![The whole school: its tables by part, and what points to what]({WHOLE})", "",
        f"In this picture a box says how many foreign keys lead from it to `{pictures.HUB}`: nearly all have one.",
    ]  # fmt: skip
    for module, members in parts().items():
        heading, sentence = about(module)
        tables = {table_of(model).name for model in members}
        svg = f"As SVG: [{picture(module)}]({picture(module)})."
        text += ["", f"## {heading}", "", f"{sentence} {svg}", "", "```mermaid", *_diagram(tables), "```"]
    text += ["", "## The whole", "", "Keys only.", "", "```mermaid", *_diagram(None), "```", ""]
    return "\n".join(text)


def _diagram(tables: set[str] | None) -> Iterator[str]:
    """The boxes of paracelsus's diagram for these tables, of all only with their keys; then the foreign keys.

    Those are our own: paracelsus draws one of two columns as two, and one that may be NULL as if it may not.
    """
    inside = ""
    yield "erDiagram"
    for line in drawn().splitlines():
        opened = re.fullmatch(r"  (\w+) \{", line)
        if opened:
            inside = opened[1]
        if inside:
            key = opened or line == "  }" or re.search(r" (PK|FK|PK,FK)( |$)", line)
            if key if tables is None else inside in tables:
                yield line
            if line == "  }":
                inside = ""
    yield from (each.mermaid for each in relations() if tables is None or each.child in tables)


@cache
def drawn() -> str:
    """The whole school by paracelsus, with the types as PostgreSQL calls them."""
    copy = sa.MetaData()
    for table in models.metadata.tables.values():
        for column in table.to_metadata(copy).columns:
            column.type = _Named(printed(column.type).replace(" ", "_"))
    return str(Mermaid(copy, "preserve-order", omit_comments=True))


class _Named(sa.types.UserDefinedType[Any]):
    """A type that is printed as the name it was given."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        """What str() prints."""
        return self.name


def printed(kind: sa.types.TypeEngine[Any]) -> str:
    """A type as PostgreSQL calls it, but for the longest names."""
    name = str(kind.compile(dialect=DIALECT)).lower()
    return SHORT.get(name, name)


def schema() -> str:
    """Every table with its columns and what the database holds it to."""
    text = ["# The schema at head", "", WRITTEN, "", "The diagrams are in [diagrams.md](diagrams.md)."]
    for module, members in parts().items():
        heading, sentence = about(module)
        text += ["", f"## {heading}", "", sentence]
        for model in members:
            text += _table(model)
    return "\n".join([*text, ""])


def table_of(model: type[models.Base]) -> sa.Table:
    """The model's table."""
    assert isinstance(model.__table__, sa.Table)
    return model.__table__


def _table(model: type[models.Base]) -> Iterator[str]:
    table = table_of(model)
    yield from ("", f"### {table.name}", "")
    yield f"{table.comment or (model.__doc__ or '').partition(chr(10))[0].rstrip('.')}. Model `{model.__name__}`."
    yield from ("", "| column | type | default | |", "|---|---|---|---|")
    for column in table.columns:
        null = "" if column.nullable else " not null"
        yield _row(f"`{column.name}`", printed(column.type) + null, _default(column), column.comment or "")
    yield ""
    yield from sorted(_rules(table))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(column: sa.Column[Any]) -> str:
    if column.identity:
        return "identity"
    if isinstance(column.server_default, sa.DefaultClause):
        return f"`{sa_text(column.server_default.arg)}`"
    return ""


def sa_text(expression: Any) -> str:
    """An expression of the models as PostgreSQL reads it."""
    if isinstance(expression, str):
        return expression
    return str(expression.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))


def _rules(table: sa.Table) -> Iterator[str]:
    for constraint in table.constraints:
        columns = ", ".join(f"`{column.name}`" for column in constraint.columns)  # type: ignore[attr-defined]
        if isinstance(constraint, sa.CheckConstraint):
            yield f"- check: `{sa_text(constraint.sqltext)}`"
        elif isinstance(constraint, sa.UniqueConstraint):
            yield f"- unique: {columns}"
        elif isinstance(constraint, sa.ForeignKeyConstraint):
            where = ", ".join(element.target_fullname for element in constraint.elements)
            gone = f"; on delete {constraint.ondelete.lower()}" if constraint.ondelete else ""
            yield f"- foreign key: {columns} → `{where}`{gone}"
    for index in table.indexes:
        definition = str(CreateIndex(index).compile(dialect=DIALECT))
        kind = "unique index" if index.unique else "index"
        yield f"- {kind}: `{definition.partition(f' ON {table.name} ')[2]}`"
    yield from _triggers(table)


def _triggers(table: sa.Table) -> Iterator[str]:
    """What triggers do, in the words of their functions' own comments."""
    for statement in _statements(table.dispatch.after_create):
        found = TRIGGER.search(statement)
        if found:
            words = _said(found["function"])
            yield f"- trigger: {found['when']} {' '.join(found['what'].split())}, `{found['function']}()`{words}"


def _statements(listeners: Iterable[object]) -> list[str]:
    """The SQL that runs when something is created."""
    return [each.statement.replace("%%", "%") for each in listeners if isinstance(each, sa.DDL)]


@cache
def _functions() -> dict[str, str]:
    """The text of every function that the models create."""
    texts = _statements(models.metadata.dispatch.before_create)
    for table in models.metadata.tables.values():
        texts += _statements(table.dispatch.after_create)
    return {found[1]: text for text in texts if (found := re.match(r"create function (\w+)", text))}


def _said(function: str) -> str:
    found = SAID.search(_functions().get(function, ""))
    return f": {found[1]}" if found else ""


if __name__ == "__main__":
    main()
