"""Runs `ourschool …` as a person types it, and checks its output."""

import subprocess
from pathlib import Path

from tests.support import forked
from tests.support.databases import ROOT, Database


def ourschool(
    database: Database,
    *arguments: str,
    status: int = 0,
    says: str = "",
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m ourschool …` with `says` as stdin; assert on its exit status, on no traceback and the JSON."""
    done = forked.run("ourschool", *arguments, cwd=cwd, env=database.environment(env), says=says)
    assert done.returncode == status, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        from tests.support import json_shapes  # noqa: PLC0415  # it reads the whole program

        assert json_shapes.faults(arguments, done.stdout) == []
    return done


def without_first(text: str) -> str:
    """Return what a command has written to stderr without its first line, which has to name the database.

    Words on how long something takes are left out, too.
    """
    first, *rest = (line for line in text.splitlines(keepends=True) if not line.startswith("Waiting for "))
    assert first.startswith("Database "), text
    assert "(URL from " in first, text
    return "".join(rest)


def too_wide(text: str) -> list[str]:
    """Return the lines of more than 80 columns that could be broken."""
    return [line for line in text.splitlines() if len(line) > 80 and len(line.split()) > 3]
