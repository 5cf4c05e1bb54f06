"""Finds the newest backup by the manifests in the backup folder.

Making and verifying backups is in `operate.backup`.
"""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from surefoot.operate.backup.manifest import without_proof


@dataclass(frozen=True)
class LastBackup:
    """The newest finished backup of a database."""

    path: str
    finished_at: dt.datetime
    revision: str | None
    """The heads that `alembic_version` held; None if the database had none."""
    not_proven: str | None = None
    """Why the backup is not proven to be restorable; None if it is proven."""

    @property
    def age(self) -> float:
        """Return the seconds since the backup was finished."""
        return (dt.datetime.now(dt.UTC) - self.finished_at).total_seconds()


def last_backup(where: Path, database: str | None) -> LastBackup | None:
    """Return the newest backup of `database` in the folder `where`. Folders without a readable manifest are ignored."""
    found = [_read(manifest, database) for manifest in where.glob("*/manifest.json")]
    return max((each for each in found if each), key=lambda each: each.finished_at, default=None)


def _read(manifest: Path, database: str | None) -> LastBackup | None:
    try:
        content = json.loads(manifest.read_text("utf-8"))
        if content["database"] != database:
            return None
        finished = dt.datetime.fromisoformat(content["finished_at"])
        revision, proof = content.get("revision"), content.get("proof")
        unproven = proof["reason"] if proof else without_proof()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    finished = finished if finished.tzinfo else finished.replace(tzinfo=dt.UTC)
    revisions = " and ".join(revision) if isinstance(revision, list) else revision
    return LastBackup(str(manifest.parent), finished, revisions, unproven)
