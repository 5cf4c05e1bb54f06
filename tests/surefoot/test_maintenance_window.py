"""The hours of a window, by a clock that the test gives."""

import datetime as dt

import pytest

from surefoot import maintenance_window
from surefoot.errors import UsageError

ZONE = dt.timezone(dt.timedelta(hours=2))


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("window", "now", "is_open", "opens", "closes"),
    [
        ("22:00-05:00", "10 21:59:59", False, "10 22:00", "11 05:00"),
        ("22:00-05:00", "10 22:00:00", True, "10 22:00", "11 05:00"),
        ("22:00-05:00", "11 00:00:00", True, "11 00:00", "11 05:00"),
        ("22:00-05:00", "11 04:59:59", True, "11 04:59:59", "11 05:00"),
        ("22:00-05:00", "11 05:00:00", False, "11 22:00", "12 05:00"),
        ("01:30-02:00", "10 01:29:00", False, "10 01:30", "10 02:00"),
        ("01:30-02:00", "10 01:45:00", True, "10 01:45", "10 02:00"),
        ("01:30-02:00", "10 02:00:00", False, "11 01:30", "11 02:00"),
        ("9:00-00:00", "10 23:59:00", True, "10 23:59", "11 00:00"),
        ("00:00-23:59", "10 23:59:30", False, "11 00:00", "11 23:59"),
    ],
)
def test_when_it_is_open(window: str, now: str, is_open: bool, opens: str, closes: str) -> None:
    hours = maintenance_window.parse(window)
    assert hours.is_open(at(now)) is is_open
    assert hours.opens(at(now)) == at(opens)
    assert hours.closes(at(now)) == at(closes)


@pytest.mark.parametrize(
    "text", ["", "22:00", "22-5", "24:00-05:00", "22:60-05:00", "-1:00-05:00", "22:00-05:00-06:00"]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not written as two times of day") as fault:
        maintenance_window.parse(text)
    assert repr(text) in fault.value.message


def test_the_same_start_and_end_is_refused() -> None:
    with pytest.raises(UsageError, match="'05:00-5:00' ends when it begins"):
        maintenance_window.parse("05:00-5:00")


def test_it_is_written_as_it_is_read() -> None:
    assert str(maintenance_window.parse(" 9:05 - 17:30 ")) == "09:05-17:30"
