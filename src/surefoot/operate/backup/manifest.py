"""The manifest beside a dump: what was dumped from where, and the SHA-256 of each file and of the manifest itself."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from surefoot.errors import RefusedError
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.dump_proof import Proof
from surefoot.program import program

NAME = "manifest.json"
FORMAT = 1
DIGEST = "manifest_sha256"
LATER = frozenset({"proof", "reason"})
"""Fields that are missing in manifests of earlier versions."""


def without_proof() -> str:
    """Return why a backup whose manifest has no proof is not proven."""
    return f"it was made by a version of {program()} that did not build its schema"


@dataclass(frozen=True)
class File:
    """The size in bytes and the hash of one file of a dump."""

    size: int
    sha256: str


Cause = Literal["hand", "upgrade", "rollback", "purge", "reset", "restore"]
SENTENCES: Mapping[Cause, str] = {
    "hand": "by hand",
    "upgrade": "before an upgrade to {}",
    "rollback": "before a rollback to {}",
    "purge": "before a purge",
    "reset": "before a reset",
    "restore": "before {} was restored",
}


@dataclass(frozen=True)
class Reason:
    """Why a backup was made: by hand, or by the command that then changed the database; `to` is what it changed to."""

    cause: Cause = "hand"
    to: str = ""

    def __str__(self) -> str:
        """Return the reason as it completes "made …"."""
        return SENTENCES[self.cause].format(self.to)


BY_HAND = Reason()


@dataclass(frozen=True)
class Manifest:
    """What a backup contains, and what a database restored from it has to equal. Times are in UTC."""

    database: str
    server: str
    """Host and port, as in the URL."""
    server_version: int
    """As in `server_version_num`: 180004."""
    tool: str
    """The output of `pg_dump --version`."""
    package: str
    """The version of the project."""
    revision: str | None
    """The heads in `alembic_version`, joined by commas; None if the database had none."""
    fingerprint: str
    schemas: Mapping[str, str]
    """The fingerprint of each schema."""
    rows: Mapping[str, int]
    """The rows of each table in the dumped snapshot, by quoted name: `public.users`."""
    owners: tuple[str, ...]
    """The roles that own objects. Roles belong to the server: the dump only names them."""
    grantees: tuple[str, ...]
    """The roles that have privileges."""
    properties: Properties
    jobs: int
    started_at: dt.datetime
    finished_at: dt.datetime
    files: Mapping[str, File]
    """By their path inside the folder of the backup."""
    proof: Proof | None = None
    """Whether its schema was built; None in manifests of versions that did not build it."""
    reason: Reason | None = None
    """Why it was made; None in manifests of versions that did not say so."""
    format: int = FORMAT

    @property
    def server_major(self) -> int:
        """Return the major version of the dumped server."""
        return self.server_version // 10_000

    @property
    def not_proven(self) -> str | None:
        """Return why the backup is not proven to be restorable; None if it is proven."""
        if self.proof is None:
            return without_proof()
        return self.proof.reason

    @property
    def size(self) -> int:
        """Return the size of the dump in bytes."""
        return sum(file.size for file in self.files.values())

    @property
    def total_rows(self) -> int:
        """Return the number of rows of all tables."""
        return sum(self.rows.values())


def text_of(manifest: Manifest) -> str:
    """Return the manifest as JSON with its own hash, so that any change of it is detected."""
    content = _as_object(manifest)
    return json.dumps(content | {DIGEST: _digest(content)}, indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> Manifest:
    """Return the manifest of the backup in `folder`.

    Raises RefusedError if it is missing, was changed, or has the format of a newer version.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        digest = content.pop(DIGEST)
        version = int(content["format"])
    except FileNotFoundError:
        raise RefusedError(
            f"{folder} has no {NAME}: it is no backup of {program()}, or one that was cut off.",
            f"{program()} backup list shows what can be restored.",
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise _changed_error(path) from fault
    if digest != _digest(content):
        raise _changed_error(path)
    if version > FORMAT:
        raise RefusedError(
            f"The backup {folder.name} has format {version}; this version of {program()} knows {FORMAT}.",
            f"Use the version of {program()} that made it ({content.get('package')}), or a newer one.",
        )
    return _manifest(content)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_object(manifest: Manifest) -> dict[str, Any]:
    content = asdict(manifest)
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in content.items()}


def _manifest(content: Mapping[str, Any]) -> Manifest:
    """Make a manifest from JSON whose hash was checked; fields of later versions are ignored."""
    values = {
        field.name: content[field.name]
        for field in fields(Manifest)
        if field.name in content or field.name not in LATER
    }
    proof, reason = content.get("proof"), content.get("reason")
    return Manifest(
        **values
        | {
            "owners": tuple(content["owners"]),
            "grantees": tuple(content["grantees"]),
            "properties": Properties.of(content["properties"]),
            "started_at": dt.datetime.fromisoformat(content["started_at"]),
            "finished_at": dt.datetime.fromisoformat(content["finished_at"]),
            "proof": Proof(proof["proven"], proof["seconds"], proof["reason"]) if proof else None,
            "reason": Reason(reason["cause"], reason["to"]) if reason and reason["cause"] in SENTENCES else None,
            "files": {path: File(**file) for path, file in content["files"].items()},
        }
    )


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _changed_error(path: Path) -> RefusedError:
    return RefusedError(
        f"{path} is not as it was written: the backup was changed or damaged.",
        f"Take another backup: {program()} backup list shows what there is.",
    )
