"""What rehearsals left: a report and its values beside the backups' folder, and how long each revision took there."""

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.script import Script
from sqlalchemy.engine import URL

from surefoot.errors import FailedError
from surefoot.operate.backup import server_facts
from surefoot.settings import Settings

TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Rehearsed:
    """How long a revision took in the last rehearsal of this database."""

    seconds: float
    on: dt.date


def folder(settings: Settings) -> Path:
    """Where reports are kept: `rehearsals`, beside the folder of the backups."""
    return settings.backup_folder.parent / "rehearsals"


def path(settings: Settings, database: str, at: dt.datetime) -> Path:
    """Where the report of a rehearsal is kept, without a suffix."""
    return folder(settings) / f"{_plain(database)}-{at.strftime(TIME)}"


def write(file: Path, text: str) -> None:
    """Write `text`, for its owner alone, in one piece. Raises FailedError where the file cannot be written."""
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


def took(settings: Settings, url: URL, revisions: Iterable[Script]) -> dict[str, Rehearsed]:
    """What the last rehearsals of this database measured, by revision; of a file that was changed since, nothing."""
    found: dict[str, Rehearsed] = {}
    files = {each.revision: Path(each.path) for each in revisions}
    for report in sorted(folder(settings).glob(f"{_plain(server_facts.name_of(url))}-*.json")):
        for ran, on in _read(report, url):
            file = files.get(ran["revision"])
            if file is not None and hashlib.sha256(file.read_bytes()).hexdigest() == ran["sha256"]:
                found[ran["revision"]] = Rehearsed(float(ran["seconds"]), on)
    return found


def warning(settings: Settings, url: URL, at: tuple[str, ...]) -> str | None:
    """Why the last rehearsal of this database, where it is now, says that the upgrade should wait; None if it does not.

    A report that cannot be read is none.
    """
    for report in sorted(folder(settings).glob(f"{_plain(server_facts.name_of(url))}-*.json"), reverse=True):
        try:
            told = json.loads(report.read_text("utf-8"))
            if told["database"] != server_facts.name_of(url) or told["server"] != server_facts.place_of(url):
                continue
            if tuple(told["at"]) != at:
                return None
            on = dt.datetime.fromisoformat(told["started_at"])
            problems = [str(each) for each in told["problems"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not problems:
            return None
        more = f" And {len(problems) - 1} more: {report.with_suffix('.md')}." if len(problems) > 1 else ""
        return f"The last rehearsal, of {on:%Y-%m-%d %H:%M} UTC, failed. {problems[0].rstrip('.')}.{more}"
    return None


def _read(report: Path, url: URL) -> list[tuple[dict[str, Any], dt.date]]:
    """Its revisions; nothing of a report that cannot be read, or is of another database."""
    try:
        told = json.loads(report.read_text("utf-8"))
        if told["database"] != server_facts.name_of(url) or told["server"] != server_facts.place_of(url):
            return []
        on = dt.datetime.fromisoformat(told["started_at"]).date()
        return [({name: ran[name] for name in ("revision", "sha256", "seconds")}, on) for ran in told["revisions"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _plain(database: str) -> str:
    return re.sub(r"[^\w.-]", "_", database).lstrip(".") or "_"
