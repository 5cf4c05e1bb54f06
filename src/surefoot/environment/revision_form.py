"""The type `surefoot_ruff` of Alembic's post-write hooks: the project's ruff brings a new revision into its form."""

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from alembic.script import write_hooks

log = logging.getLogger("surefoot")

FORM = (("check", "--fix", "--quiet"), ("format", "--quiet"))


@write_hooks.register("surefoot_ruff")
def bring_into_form(path: str, _: Any) -> None:
    """Let ruff mend and format the file, and say what it does not mend.

    Nothing is done where no folder above the file configures ruff, or where ruff is not installed.
    """
    folder = next((each for each in Path(path).resolve().parents if _configures_ruff(each)), None)
    if folder is None or importlib.util.find_spec("ruff") is None:
        return
    for arguments in FORM:
        command = [sys.executable, "-m", "ruff", *arguments, str(Path(path).resolve())]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            log.warning("ruff: %s", (done.stdout or done.stderr).strip())


def _configures_ruff(folder: Path) -> bool:
    if any((folder / name).exists() for name in ("ruff.toml", ".ruff.toml")):
        return True
    project = folder / "pyproject.toml"
    return project.exists() and "[tool.ruff" in project.read_text("utf-8")
