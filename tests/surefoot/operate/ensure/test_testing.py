"""The fixtures that an application's tests get, tried in a test suite of an application."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import Server

CONFTEST = 'pytest_plugins = ["ourschool.testing"]\n'
TESTS = """
import sqlalchemy as sa
import pytest
from ourschool.models import User

USER = dict(email="a@b", username="u", hashed_password="-", first_name="A", last_name="B", role="student")
COUNT = sa.select(sa.func.count()).select_from(User)


@pytest.mark.parametrize("nth", range(3))
def test_a_clone_is_a_test_s_own(ourschool_engine, nth):
    with ourschool_engine.begin() as connection:
        assert connection.scalar(COUNT) == 0
        connection.execute(sa.insert(User.__table__).values(**USER))
    with ourschool_engine.connect() as other:
        assert other.scalar(COUNT) == 1


@pytest.mark.parametrize("nth", range(3))
def test_a_session_s_commits_are_rolled_back(ourschool_session, nth):
    assert ourschool_session.scalar(COUNT) == 0
    ourschool_session.execute(sa.insert(User.__table__).values(**USER))
    ourschool_session.commit()
    ourschool_session.rollback()
    assert ourschool_session.scalar(COUNT) == 1


def test_the_url_is_for_the_application(ourschool_database):
    assert ourschool_database.drivername == "postgresql+psycopg"
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_of_an_application(newest: Server, tmp_path: Path, workers: int) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_application.py").write_text(TESTS)
    database = newest.url.render_as_string(False)
    before = _databases(newest)
    done = _pytest(tmp_path, "-n", str(workers), OURSCHOOL_TEST_DATABASE_URL=database)
    assert "7 passed" in done.stdout, done.stdout + done.stderr
    assert _databases(newest) == before, "nothing is left behind"


def test_on_an_embedded_server_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_application.py").write_text(TESTS)
    done = _pytest(tmp_path, "-k", "session", TMPDIR=str(tmp_path))
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.glob("surefoot-*")), "nothing is left behind"


def _databases(server: Server) -> list[str]:
    with server.connect() as connection:
        names = connection.execute("select datname from pg_database where datname like 'ourschool\\_test%'").fetchall()
    return sorted(name for (name,) in names)


def _pytest(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "DATABASE_URL", "OURSCHOOL_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(folder)]
    return subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True, check=False)
