"""Whatever points to a page, or to a heading of one, points to what is there: links, messages, comments, tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ourschool.project import PROJECT
from tests.support.databases import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "alembic").rglob("*.md")]
FOLDERS = ("alembic", "benchmarks", "deploy", "docs", "src", "tests", ".ci")
KINDS = {".py", ".md", ".mako", ".sql", ".txt", ".yaml", ".yml", ".service", ".timer", ".ini", ""}
PAGE = r"(?P<page>(?:docs/)?[\w-]+\.md)"
QUOTED = "[\"'“](?P<heading>[^\"'”\n]+)[\"'”]"
NAMED = (re.compile(rf"{PAGE}\)?,\s+{QUOTED}"), re.compile(rf"{QUOTED} in {PAGE}"))
"""A heading as messages name it: docs/operator.md, "Same name in other case"."""
MENTIONED = re.compile(r"(?<![\w/.-])docs/[\w-]+\.md\b")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def headings(page: Path) -> list[str]:
    """The headings of a page, without the blocks of code in which a line may begin with `#`."""
    return re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text("utf-8")), flags=re.MULTILINE)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def texts() -> Iterator[Path]:
    """Every file of the project that a reader may come from."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in KINDS)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in KINDS and "__pycache__" not in path.parts:
                yield path


def joined(text: str) -> str:
    """A source's text with what is written over several lines, in comments, docstrings and strings, in one."""
    return re.sub(r" +", " ", re.sub(r"[\"']?\n\s*(?:#\s*|--\s*)?[\"']?", " ", text))


def broken_links(page: Path) -> Iterator[str]:
    """The links of a page whose file or anchor is not there."""
    for match in LINK.finditer(CODE.sub("", page.read_text("utf-8"))):
        target, _, fragment = match["target"].partition("#")
        if re.match(r"\w+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (fragment and fragment not in map(anchor, headings(file))):
            yield match["target"]


def wrong_names(text: str) -> Iterator[str]:
    """The pages, and the headings of pages, that a text names and that are not there."""
    for mentioned in MENTIONED.findall(text):
        if not (ROOT / mentioned).exists():
            yield mentioned
    for pattern in NAMED:
        for match in pattern.finditer(joined(text)):
            file = ROOT / match["page"]
            if file.exists() and match["heading"] not in headings(file):
                yield match[0]


def chapters() -> Iterator[tuple[str, str]]:
    """The chapters that the engine's messages name, with the module of each."""
    for path in (ROOT / "src" / "surefoot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "guide":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}: the chapter is not written out"
                yield str(node.args[0].value), path.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_every_page_and_heading_that_is_named_is_there() -> None:
    wrong = {str(path.relative_to(ROOT)): found for path in texts() if (found := [*wrong_names(read(path))])}
    wrong.pop(str(Path(__file__).relative_to(ROOT)), None)  # it names what is not there
    assert wrong == {}


def read(path: Path) -> str:
    """The file's text; of one that is none, nothing."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def test_every_chapter_that_messages_name_is_a_heading_of_its_page() -> None:
    named = dict(chapters())
    assert named.keys() == PROJECT.guide.keys(), "PROJECT.guide has the page of each"
    assert [name for name, page in PROJECT.guide.items() if name not in headings(ROOT / page)] == []
    assert (ROOT / PROJECT.revisions_page).exists()


def test_released_revisions_name_headings_that_stay() -> None:
    """Their files can no longer change, so these headings of the guide can not either."""
    released = [joined(read(path)) for path in (ROOT / "alembic" / "versions").glob("*.py")]
    named = {match["heading"] for text in released for match in NAMED[0].finditer(text)}
    assert named == {"Alike but for case", "Users who were neither on nor off"}


def test_what_is_not_there_is_found(tmp_path: Path) -> None:
    assert list(wrong_names('see docs/operator.md, "Same name in other case", and docs/author.md, "Lint"')) == []
    assert list(wrong_names("see docs/nothing.md")) == ["docs/nothing.md"]
    assert list(wrong_names('"MIGRATIONS.md, "\n        "“No such heading”"')) != []
    assert list(wrong_names('"No such heading" in MIGRATIONS.md')) != []
    page = tmp_path / "page.md"
    page.write_text("# Here, and `there`\n[a](#here-and-there) [b](#nowhere) [c](other.md) [d](https://x.example/y)\n")
    assert list(broken_links(page)) == ["#nowhere", "other.md"]


def test_every_page_is_in_the_list_of_all_pages() -> None:
    listed = (ROOT / "MIGRATIONS.md").read_text("utf-8").split("## All pages")[1]
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in listed] == []


def test_the_guide_and_the_readme_are_short() -> None:
    assert len((ROOT / "MIGRATIONS.md").read_text("utf-8").splitlines()) <= 250
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 100
