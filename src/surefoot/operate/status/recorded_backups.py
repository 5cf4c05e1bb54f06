"""The last backup, as the manifests in the backups' folder tell; taking and proving them is `operate.backup`'s work."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from surefoot.operate.backup.manifest import without_proof


@dataclass(frozen=True)
class LastBackup:
    """The newest backup of this database that was finished."""

    path: str
    finished_at: dt.datetime
    revision: str | None
    not_proven: str | None = None
    """Why it is not proven that a database can be made from it; None where it is."""

    @property
    def age(self) -> float:
        """Seconds since it was finished."""
        return (dt.datetime.now(dt.UTC) - self.finished_at).total_seconds()


def last_backup(where: Path, database: str | None) -> LastBackup | None:
    """The newest one of `database`; a manifest that cannot be read is of no backup."""
    found = [_read(manifest, database) for manifest in where.glob("*/manifest.json")]
    return max((each for each in found if each), key=lambda each: each.finished_at, default=None)


def _read(manifest: Path, database: str | None) -> LastBackup | None:
    try:
        told = json.loads(manifest.read_text("utf-8"))
        if told["database"] != database:
            return None
        finished = dt.datetime.fromisoformat(told["finished_at"])
        revision, proof = told.get("revision"), told.get("proof")
        unproven = proof["reason"] if proof else without_proof()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    aware = finished if finished.tzinfo else finished.replace(tzinfo=dt.UTC)
    named = " and ".join(revision) if isinstance(revision, list) else revision
    return LastBackup(str(manifest.parent), aware, named, unproven)
