"""What every page is without a browser: whole, escaped, of one file; and how its file is written."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from surefoot.errors import FailedError, UsageError
from surefoot.pages import history_page, page_file, rehearsal_page
from tests.surefoot.pages import made_up
from tests.surefoot.pages.test_browser import PAGES


@pytest.mark.parametrize("made", PAGES.values(), ids=PAGES)
def test_it_is_one_file_that_a_browser_may_run_nothing_of(made: Callable[[], str]) -> None:
    text = made()
    assert text.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8">')
    assert "default-src &#39;none&#39;" in text
    assert '<meta name="color-scheme" content="light dark">' in text
    assert "<script" not in text
    assert re.findall(r"(?:src|href|action)=\"(?!data:,\")", text) == []
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"url\((?!#hatched\))", text) == []


def test_the_timeline_shows_each_lock_in_its_place() -> None:
    text = rehearsal_page.page(made_up.rehearsal())
    bar = re.compile(r'<rect class="(\w+)" x="([\d.]+)%" y="(\d+)" width="([\d.]+)%"')
    over_all = bar.findall(text.split("one revision after the other:")[1].split("<table")[0])
    assert over_all[0] == ("run", "13.61", "1", "56.42")
    assert over_all[3] == ("run", "70.03", "1", "0.5"), "what took no time lies on top, wide enough to be seen"
    assert over_all[4:] == [
        ("all", "6.64", "13", "3.98"), ("writes", "23.56", "25", "26.55"), ("rows", "0.66", "37", "2.99"),
    ]  # fmt: skip
    first = text.split("<code>000000a1b2c3</code>")[1].split("</tr>")[0]
    assert bar.findall(first) == [("all", "48.78", "1", "29.27"), ("rows", "4.88", "13", "21.95")]
    assert "<li>Reads and writes wait (ACCESS EXCLUSIVE): users 120 ms</li>" in first
    assert "<li>Writes of the same rows wait (ROW EXCLUSIVE): users 90 ms</li>" in first
    assert "Nobody waits." in text.split("<code>000000000004</code>")[1].split("</tr>")[0]


def test_every_value_that_the_way_back_does_not_bring_is_there() -> None:
    result = made_up.rehearsal(holds=False)
    assert result.way_back is not None
    text = rehearsal_page.page(result)
    assert "users: 12 values of column nickname, which were set to NULL" in text
    assert text.split("does not bring back:")[1].split("</ul>")[0].count("<li>") == len(result.way_back.lost)
    assert "Going down brings every value back." in rehearsal_page.page(made_up.rehearsal())


def test_a_history_without_a_journal_is_no_fault() -> None:
    text = history_page.page([each for each in made_up.history() if not each.runs], "school")
    assert "applied, not journalled" in text
    assert "<h2>When</h2>" not in text
    assert "no revision" in history_page.page([], "school")


def test_its_file_is_for_its_owner_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("earlier", "utf-8")
    path.chmod(0o644)
    page_file.write(path, "now")
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("now", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_written_over_no_folder_link_or_device(tmp_path: Path) -> None:
    kept = tmp_path / "kept.html"
    kept.write_text("kept", "utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.html").symlink_to(kept)
    os.mkfifo(tmp_path / "pipe")
    for name, why in {
        "folder": "is a folder", "link.html": "is a link to", "pipe": "no file", "nowhere/a.html": "There is no folder",
    }.items():  # fmt: skip
        with pytest.raises(UsageError, match=why):
            page_file.write(tmp_path / name, "now")
    assert kept.read_text("utf-8") == "kept"


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)  # root may write everywhere, so that no mode of a folder keeps it out
    with pytest.raises(FailedError, match=r"could not be written to .*: No space left on device"):
        page_file.write(tmp_path / "page.html", "now")
    assert list(tmp_path.iterdir()) == []
