"""The pages that are written from code are what it says today; docs/diagrams.md and docs/schema.md are whole."""

import re

import pytest
import sqlalchemy as sa

from docs import generate, pictures
from ourschool import models
from tests.support.databases import ROOT

TABLES = sorted(models.metadata.tables)


@pytest.mark.parametrize("name", generate.pages())
def test_the_page_is_in_step(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == generate.pages()[name], "Run: make docs"


def test_each_table_is_drawn_with_all_columns_in_its_part_and_with_its_keys_in_the_whole() -> None:
    *by_part, whole = re.findall(r"```mermaid\n(.*?)```", generate.diagrams(), flags=re.DOTALL)
    assert re.findall(r"^  (\w+) \{$", whole, flags=re.MULTILINE) == TABLES
    assert sorted(re.findall(r"^  (\w+) \{$", "".join(by_part), flags=re.MULTILINE)) == TABLES
    for table in models.metadata.tables.values():
        box = re.search(rf"^  {table.name} \{{\n(.*?)^  \}}$", "".join(by_part), flags=re.MULTILINE | re.DOTALL)
        assert box is not None
        assert [line.split()[1] for line in box[1].splitlines()] == table.columns.keys()


def test_every_foreign_key_is_a_line_in_its_part_and_in_the_whole() -> None:
    keys = sum(len(table.foreign_key_constraints) for table in models.metadata.tables.values())
    lines = re.findall(r"^  \w+ (?:\|\||\|o)--o[|{] \w+ : \"[\w, ]+\"$", generate.diagrams(), flags=re.MULTILINE)
    assert len(lines) == 2 * keys
    assert len(set(lines)) == keys


def test_a_line_tells_how_many_rows_there_may_be_at_its_ends() -> None:
    text = generate.diagrams()
    assert '  users ||--o{ attendance_records : "student_id"\n' in text
    assert '  users |o--o{ terms : "created_by"\n' in text, "it may be NULL"
    assert '  users ||--o| student_profiles : "student_id"\n' in text, "of each pupil one"
    assert '  tests ||--o{ marks : "test_id, max_marks"\n' in text, "one key of two columns"


GRAPHS = generate.graphs()


@pytest.mark.parametrize("name", GRAPHS)
def test_each_picture_says_what_the_models_say(name: str) -> None:
    path = ROOT / "docs" / name
    assert pictures.shown(path.read_text("utf-8")) == pictures.meant(GRAPHS[name]), f"Delete {name}, then: make docs"
    assert path.stat().st_size < 80_000
    assert "<!DOCTYPE" not in path.read_text("utf-8")
    assert f"({name})" in generate.diagrams()


def test_the_pictures_together_have_every_table_and_column() -> None:
    assert {f"docs/{name}" for name in GRAPHS} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "diagrams").iterdir()
    }
    whole = pictures.shown((ROOT / "docs" / generate.WHOLE).read_text("utf-8"))
    by_part = [pictures.shown((ROOT / "docs" / name).read_text("utf-8")) for name in GRAPHS if name != generate.WHOLE]
    for table in models.metadata.tables.values():
        assert table.name in whole
        assert any({table.name, *table.columns.keys()} <= each for each in by_part)


def test_a_column_that_a_picture_lacks_is_noticed() -> None:
    drawing = (ROOT / "docs" / "diagrams" / "exams.svg").read_text("utf-8")
    meant = pictures.meant(GRAPHS["diagrams/exams.svg"])
    assert meant - pictures.shown(drawing.replace(">question_paper_url<", ">paper<")) == {"question_paper_url"}
    without_line = re.sub(r"<title>marks&#45;&gt;tests</title>|<title>marks-&gt;tests</title>", "", drawing)
    assert meant - pictures.shown(without_line) == {"marks->tests"}


def test_a_diagram_is_small_enough_to_be_drawn() -> None:
    """Mermaid draws no text of more than 50,000 characters and no more than 500 lines between boxes."""
    for diagram in re.findall(r"```mermaid\n(.*?)```", generate.diagrams(), flags=re.DOTALL):
        assert len(diagram) < 50_000
        assert diagram.count("--") < 500


def test_every_table_column_comment_and_check_is_in_the_schema() -> None:
    page = generate.schema()
    for table in models.metadata.tables.values():
        section = page.split(f"\n### {table.name}\n")[1].split("\n### ")[0]
        assert (table.comment or "") in section
        for column in table.columns:
            assert f"| `{column.name}` |" in section
            assert (column.comment or "") in section
        for check in (each for each in table.constraints if isinstance(each, sa.CheckConstraint)):
            assert f"- check: `{check.sqltext}`" in section


def test_triggers_are_told_in_the_words_of_their_functions() -> None:
    page = generate.schema()
    assert "- trigger: before truncate, `refuse_change()`" in page
    assert re.search(r"after insert, `keep_balance\(\)`: always in order of student", page)


def test_a_changed_model_is_noticed() -> None:
    table = sa.Table("canteen", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    assert generate.printed(table.c.id.type) == "integer"
    before = generate.schema()
    fees = models.metadata.tables["fees"]
    was, fees.comment = fees.comment, "Something else"
    try:
        assert generate.schema() != before
    finally:
        fees.comment = was
