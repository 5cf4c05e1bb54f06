"""docs/reference.md has every command with every option, and docs/revisions.md every revision with every heading."""

import re

import pytest

from docs import commands as page
from docs import revisions_page
from surefoot import errors
from tests.support.commands import commands
from tests.support.databases import ROOT

COMMANDS = dict(commands())


def sections(text: str, level: str) -> dict[str, str]:
    """The text below each heading of a level."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_section_with_all_options(words: tuple[str, ...]) -> None:
    section = sections(page.page(), "###")[" ".join(words)]
    assert f"Example: `python -m ourschool {' '.join(words)}" in section
    assert "Exit status: " in section
    options = {option for each in COMMANDS[words].params for option in each.opts if option.startswith("--")}
    assert [option for option in options if option not in section] == []


def test_no_section_is_of_a_command_that_is_gone() -> None:
    assert set(sections(page.page(), "###")) == {" ".join(words) for words in COMMANDS}


def test_the_parts_are_those_of_help() -> None:
    parts = dict.fromkeys(str(command.rich_help_panel) for words, command in COMMANDS.items() if len(words) == 1)
    assert list(sections(page.page(), "##")) == [*parts, "Exit statuses"]


def test_every_exit_status_is_explained() -> None:
    table = sections(page.page(), "##")["Exit statuses"]
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    own = {each.status for each in kinds if issubclass(each, errors.SurefootError)}
    assert {int(each) for each in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)} == {0, 130, *own}


def test_every_revision_has_a_section_with_what_its_docstring_says() -> None:
    found = sections(revisions_page.page(), "##")
    released = re.findall(r"^(\w+) [0-9a-f]{64}$", (ROOT / "alembic" / "released.txt").read_text("utf-8"), re.MULTILINE)
    assert released
    assert [each for each in released if each not in found] == []
    for revision, section in found.items():
        said = re.findall(r"^- \*\*(.+?)\*\*: \S", section, flags=re.MULTILINE)
        assert said == ["Why", "Locks", "Data", "Downgrade"], revision


def test_what_markdown_would_take_for_its_own_is_escaped() -> None:
    assert revisions_page.plain("'#<id>' behind users_mended, __all | none") == (
        "'#&lt;id>' behind users_mended, \\_\\_all \\| none"
    )
