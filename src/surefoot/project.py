"""Where the revisions are: beside the sources in a checkout, inside the package where it was installed from a wheel."""

import os
import re
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parent
INSTALLED = PACKAGE / "installed"
"""What the wheel carries: alembic.ini and alembic/."""
NAMED = re.compile(r"(?P<time>\d{4}_\d\d_\d\d_\d{4})-(?P<revision>[^_]+)_.*\.py")
"""A revision's file: YYYY_MM_DD_HHMM-<revision>_<slug>.py."""


def folder() -> Path:
    """The folder of alembic.ini: the checkout's, or else the installed package's."""
    checkout = PACKAGE.parents[1]
    return checkout if (checkout / "alembic.ini").exists() else INSTALLED


def newest(versions: Path) -> str | None:
    """The revision whose file has the latest name; None where that file is not named by our pattern.

    Names sort in the order of history (`env.py` warns where they do not), so this is the head, had without Alembic and
    without opening a file: an application that starts asks for it each time.
    """
    return _newest(versions, versions.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _newest(versions: Path, _changed_at: int) -> str | None:
    names = os.listdir(versions)  # noqa: PTH208  # a Path for each of 1,000 would take longer than the question
    match = NAMED.fullmatch(max((name for name in names if name.endswith(".py")), default=""))
    return match["revision"] if match else None
