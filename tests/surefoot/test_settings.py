"""Settings: the option over the environment over .env, values as they are written."""

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.errors import UsageError

PATIENT = hypothesis.settings(deadline=None)
AWKWARD = "postgresql://u:p%25$HOME${USER}%(here)s@h:5432/db?options=-c%20a%3Db"


def load(folder: Path, text: str | None, environ: dict[str, str] | None = None, **option: str) -> settings.Settings:
    if text is not None:
        (folder / ".env").write_text(text, "utf-8")
    return settings.load(PROJECT.at(folder), environ=environ or {}, **option)


@pytest.mark.promise("O5")
def test_the_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file, environ = "DATABASE_URL=file\n", {"DATABASE_URL": "environment"}
    assert load(tmp_path, None).database_url is None
    assert load(tmp_path, file).database_url == "file"
    assert load(tmp_path, file, environ).database_url == "environment"
    assert load(tmp_path, file, environ, database_url="option").database_url == "option"


@pytest.mark.promise("O5")
def test_an_empty_variable_is_no_url_and_does_not_let_the_file_through(tmp_path: Path) -> None:
    """A deploy whose variable is there but empty must fail, not migrate whatever a forgotten file names."""
    assert load(tmp_path, "DATABASE_URL=file\n", {"DATABASE_URL": ""}).database_url is None
    assert load(tmp_path, "DATABASE_URL=\n").database_url is None


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    "line",
    [
        f"DATABASE_URL={AWKWARD}",
        f"DATABASE_URL='{AWKWARD}'",
        f'DATABASE_URL="{AWKWARD}"',
        f"export DATABASE_URL={AWKWARD}",
        f"DATABASE_URL = {AWKWARD}  # of the school",
        f"# a remark\r\n\r\nDATABASE_URL={AWKWARD}\r\n",
    ],
)
def test_a_file_is_taken_as_written(tmp_path: Path, line: str) -> None:
    """$ and % in a password stand for themselves, whatever else the file has."""
    assert load(tmp_path, f"{line}\nUSER=x\nHOME=y\n", {"HOME": "/root", "USER": "root"}).database_url == AWKWARD


def test_the_file_does_not_change_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OURSCHOOL_LOCK_TIMEOUT", raising=False)
    (tmp_path / ".env").write_text("OURSCHOOL_LOCK_TIMEOUT=123\n", "utf-8")
    assert settings.load(PROJECT.at(tmp_path)).lock_timeout == 123
    assert "OURSCHOOL_LOCK_TIMEOUT" not in os.environ


def test_numbers(tmp_path: Path) -> None:
    default = load(tmp_path, None)
    assert (default.lock_timeout, default.lock_deadline, default.statement_timeout) == (200, 600, 0)
    given_ = load(tmp_path, "OURSCHOOL_LOCK_TIMEOUT=50\n", {"OURSCHOOL_LOCK_DEADLINE": " 1.5 "})
    assert (given_.lock_timeout, given_.lock_deadline) == (50, 1.5)


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1e99", "1,5", "5 s", "0", "0.2"])
def test_what_is_no_number_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError, match="OURSCHOOL_LOCK_TIMEOUT is ") as refused:
        load(tmp_path, None, {"OURSCHOOL_LOCK_TIMEOUT": value})
    assert repr(value) in refused.value.message


@PATIENT
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_the_url_is_not_in_the_representation(password: str) -> None:
    shown = repr(settings.Settings(PROJECT.at(Path("/nowhere")), database_url=f"postgresql://u:{password}@h/db"))
    assert "database_url" not in shown
    assert "postgresql://" not in shown
