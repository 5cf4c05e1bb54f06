"""Where squawk is."""

import shutil
import sys
import sysconfig
from pathlib import Path

from surefoot.errors import UsageError
from surefoot.program import extra


def find() -> str:
    """Return the path of squawk: beside this Python, else on the PATH. Raises UsageError where there is none."""
    beside = shutil.which("squawk", path=f"{sysconfig.get_path('scripts')}")
    found = beside or shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")
    if found is None:
        raise UsageError(
            "squawk is not installed, and lint hands it the SQL.",
            f"Install the extra that brings squawk-cli: python -m pip install {extra('author')}.",
        )
    return found
