"""Writes a page to the file that --html names."""

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from surefoot.errors import FailedError, UsageError


def check(path: Path) -> Path:
    """Return the absolute path of a page. Raises UsageError for what is no place for one: a folder, a link, a device.

    It is asked before the work begins of which the page tells.
    """
    path = path.absolute()
    if path.is_symlink():
        raise UsageError(
            f"{path} is a link to {path.readlink()}, and a page is not written through a link.",
            "Name the file itself after --html.",
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", f"Name a file in it: --html {path / 'page.html'}")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is there already and no file.", "Name another file after --html.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", "Make it, or name a file elsewhere after --html.")
    return path


def write(path: Path, text: str) -> None:
    """Put the page there at once and whole, readable for its owner only, and say on stderr where.

    An earlier one in its place is gone then.

    Raises UsageError as `check` does, and FailedError where the file cannot be written.
    """
    path = check(path)
    incomplete: str | None = None
    try:
        number, incomplete = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)  # of mode 0600
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        Path(incomplete).replace(path)
        sys.stderr.write(f"Page: {path}\n")
    except OSError as fault:
        if incomplete is not None:
            with suppress(OSError):
                Path(incomplete).unlink()
        raise FailedError(
            f"The page could not be written to {path}: {fault.strerror or fault}.", "Name another file after --html."
        ) from fault
