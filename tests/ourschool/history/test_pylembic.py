"""pytest-pylembic's check of a chain, in an environment of its own: it brings a library for plots."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import ROOT

NO_BRANCHES = """
def pytest_configure(config):
    # its command line has no way to say so; the two forks of our chain are released, and merged again
    config.option.pylembic_detect_branches = False
"""


@pytest.mark.long
def test_its_check_passes(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(NO_BRANCHES)
    (tmp_path / "alembic").symlink_to(ROOT / "alembic")
    (tmp_path / "test_none.py").write_text("")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    needed = ["pytest", "pytest-pylembic==0.4.0", "-e", f"{ROOT}[binary]", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needed], check=True)
    words = ["-m", "pytest", "-q", "--alembic-migrations-dir=alembic", "--pylembic-verbose", "test_none.py"]
    done = subprocess.run([python, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "Migrations validation successful" in done.stdout
