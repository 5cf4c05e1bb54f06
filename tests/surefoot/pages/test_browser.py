"""The pages in a real browser: wide and narrow, light and dark, on paper, with text that would run if it could."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from surefoot.pages import history_page, rehearsal_page, status_page
from tests.support.browser import Browser, browser
from tests.surefoot.pages import made_up


def status() -> str:
    result, failure = made_up.status()
    return status_page.page(result, f"school on {made_up.HOSTILE}", failure, status_page.Extras(made_up.history()))


PAGES: dict[str, Callable[[], str]] = {
    "rehearsal": lambda: rehearsal_page.page(made_up.rehearsal()),
    "bad-rehearsal": lambda: rehearsal_page.page(made_up.rehearsal(holds=False)),
    "history": lambda: history_page.page(made_up.history(), f"school on {made_up.HOSTILE}"),
    "status": status,
}
WAITS = {"all": "Reads and writes wait", "writes": "Writes wait", "rows": "Writes of the same rows wait"}
EVERY = "[...document.querySelectorAll('main *')].filter(e => !e.closest('thead'))"
"""What is seen at each width; the head of a table is for screen readers only where its rows are cards."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param}.html"
    path.write_text(PAGES[request.param](), "utf-8")
    return path


def test_a_page_that_does_otherwise_is_noticed(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    wide = "<p style='width: 900px'>x</p>"
    path.write_text(f"<title>x</title><body>{made_up.HOSTILE}<img src='http://127.0.0.1:9/a.png'>{wide}", "utf-8")
    chromium.open(path, width=390)
    assert chromium.ask("document.title") == "taken"
    assert "http://127.0.0.1:9/a.png" in chromium.requested()
    assert chromium.complaints()
    assert chromium.ask("document.documentElement.scrollWidth") > 390


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_read_without_a_network_at_each_width_in_light_and_dark(
    chromium: Browser, page: Path, width: int, scheme: str
) -> None:
    chromium.open(page, width=width, scheme=scheme)
    assert chromium.complaints() == []
    assert chromium.requested() - {"data:,"} == {page.as_uri()}
    assert chromium.ask("document.documentElement.scrollWidth <= window.innerWidth")
    outside = f"{EVERY}.filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert chromium.ask(f"{outside}.map(e => e.outerHTML.slice(0, 80))") == []
    ink, paper = (chromium.ask(f"getComputedStyle(document.body).{each}") for each in ("color", "backgroundColor"))
    assert (brightness(ink) > brightness(paper)) == (scheme == "dark")
    if folder := os.environ.get("TESTS_SCREENSHOTS"):  # for somebody who wants to look
        chromium.screenshot(Path(folder) / f"{page.stem}-{width}-{scheme}.png")


def brightness(color: str) -> int:
    """The sum of the three numbers of `rgb(1, 2, 3)`."""
    return sum(int(each) for each in color.removeprefix("rgb(").rstrip(")").split(","))


def test_text_that_would_run_is_shown_as_it_is(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    assert chromium.ask("document.title").split(" of ")[0] in {"Rehearsal", "History", "Status"}
    assert chromium.ask("document.querySelectorAll('script, img, iframe, object, [onerror], [onclick]').length") == 0
    assert chromium.ask("document.body.innerText").count(made_up.HOSTILE) >= 2
    assert chromium.ask("document.querySelectorAll('style').length") == 1


def test_what_a_colour_says_is_said_in_words_as_well(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    words = chromium.ask("document.body.innerText")
    for each in ("all", "writes", "rows"):
        if chromium.ask(f"document.querySelectorAll('td rect.{each}').length"):
            assert WAITS[each] in words
    for kind, word in (("good", "\u2713"), ("bad", "\u2717"), ("open", "\u25cb")):
        shown = f"[...document.querySelectorAll('.{kind}')].map(e => e.textContent)"
        assert all(text.startswith(word) and len(text) > 3 for text in chromium.ask(shown))
    assert chromium.ask("document.documentElement.lang") == "en"
    assert chromium.ask("[...document.querySelectorAll('table')].every(e => e.caption.textContent.length > 4)")


def test_on_a_narrow_screen_a_row_says_what_each_cell_is(chromium: Browser, page: Path) -> None:
    chromium.open(page, width=390)
    label = "getComputedStyle(document.querySelector('td'), '::before').content"
    assert len(chromium.ask(label)) > 2
    small = f"{EVERY}.filter(e => e.textContent.trim() && e.children.length == 0 && !e.closest('title'))"
    assert min(chromium.ask(f"{small}.map(e => parseFloat(getComputedStyle(e).fontSize))")) >= 12


def test_on_paper_it_is_black_on_white(chromium: Browser, page: Path) -> None:
    chromium.open(page, scheme="dark", medium="print")
    assert chromium.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert chromium.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    paper = chromium.printed()
    assert paper.startswith(b"%PDF-")
    assert len(paper) > 10_000
    assert chromium.complaints() == []
