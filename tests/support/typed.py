"""`ourschool …` as a person types it, and what its output is held to."""

import subprocess
import sys
from pathlib import Path

from tests.support.databases import ROOT, Database


def ourschool(
    database: Database,
    *arguments: str,
    status: int = 0,
    says: str = "",
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`python -m ourschool …` to its end, answered with what the person `says`; asserts on its exit status.

    A traceback is never shown.
    """
    done = subprocess.run(
        [sys.executable, "-m", "ourschool", *arguments],
        cwd=cwd, env=database.environment(env), input=says, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def too_wide(text: str) -> list[str]:
    """Lines that do not stand in 80 columns, though they could be broken."""
    return [line for line in text.splitlines() if len(line) > 80 and len(line.split()) > 3]
