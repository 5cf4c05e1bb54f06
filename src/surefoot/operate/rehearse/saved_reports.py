"""Reports of earlier rehearsals, kept beside the backup folder, and the durations of revisions that they contain."""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script
from sqlalchemy.engine import URL

from surefoot.errors import FailedError
from surefoot.operate.backup import server_facts, store
from surefoot.settings import Settings


@dataclass(frozen=True)
class RehearsalDuration:
    """How long a revision took in the last rehearsal of this database."""

    seconds: float
    on: dt.date


def folder(settings: Settings) -> Path:
    """Return the folder of the reports: `rehearsals`, beside the backup folder."""
    return settings.backup_folder.parent / "rehearsals"


def path(settings: Settings, database: str, at: dt.datetime) -> Path:
    """Return the path of a report without its suffix."""
    return folder(settings) / f"{store.file_name(database)}-{at.strftime(store.TIME)}"


def write(file: Path, text: str) -> None:
    """Write `text` atomically, readable for its owner only. Raises FailedError if the file cannot be written."""
    raw = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:  # noqa: PTH123  # with its mode
            opened.write(text)
        raw.replace(file)
    except OSError as fault:
        with suppress(OSError):
            raw.unlink()
        raise FailedError(
            f"The report could not be written to {file}: {fault.strerror or fault}.",
            "Name another file with --report; the rehearsal itself is done, and the real database was not touched.",
        ) from fault


@dataclass(frozen=True)
class _Report:
    path: Path
    at: tuple[str, ...]
    started_at: dt.datetime
    problems: tuple[str, ...]
    runs: dict[str, tuple[str, float]]
    """The hash of its file and the seconds of each revision."""


def _reports(settings: Settings, url: URL) -> list[_Report]:
    """Return the reports on this database, oldest first; those that cannot be read are ignored."""
    database, server = server_facts.name_of(url), server_facts.address_of(url)
    reports = []
    for path in sorted(folder(settings).glob(f"{store.file_name(database)}-*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_text("utf-8"))
            if (content["database"], content["server"]) == (database, server):
                started_at = dt.datetime.fromisoformat(content["started_at"])
                runs = {run["revision"]: (run["sha256"], float(run["seconds"])) for run in content["revisions"]}
                problems = tuple(map(str, content["problems"]))
                reports.append(_Report(path, tuple(content["at"]), started_at, problems, runs))
    return reports


def last_durations(settings: Settings, url: URL, revisions: Iterable[Script]) -> dict[str, RehearsalDuration]:
    """Return the duration of each revision in its last rehearsal on this database.

    A revision whose file has changed since is left out.
    """
    durations: dict[str, RehearsalDuration] = {}
    hashes = {each.revision: hashlib.sha256(Path(each.path).read_bytes()).hexdigest() for each in revisions}
    for report in _reports(settings, url):
        for revision, (sha256, seconds) in report.runs.items():
            if hashes.get(revision) == sha256:
                durations[revision] = RehearsalDuration(seconds, report.started_at.date())
    return durations


def warning(settings: Settings, url: URL, at: tuple[str, ...]) -> str | None:
    """Return why the last rehearsal of this database advises against the upgrade; None if it does not.

    Only a rehearsal that began at the heads `at` counts. A report that cannot be read is ignored.
    """
    reports = _reports(settings, url)
    if not reports or reports[-1].at != at or not reports[-1].problems:
        return None
    last = reports[-1]
    more = f" And {len(last.problems) - 1} more: {last.path.with_suffix('.md')}." if len(last.problems) > 1 else ""
    return f"The last rehearsal, of {last.started_at:%Y-%m-%d %H:%M} UTC, failed. {last.problems[0].rstrip('.')}.{more}"
