"""The manifest beside a dump: what was dumped, from where, and the SHA-256 of each file and of the manifest itself."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from surefoot.errors import RefusedError
from surefoot.operate.backup.database_settings import Properties
from surefoot.operate.backup.dump_proof import Proof
from surefoot.program import program

NAME = "manifest.json"
FORMAT = 1
SEAL = "manifest_sha256"
PROOF = "proof"
"""Not in the manifests of older versions."""


def without_proof() -> str:
    """Why a backup is not proven whose manifest says nothing of it."""
    return f"it was made by a version of {program()} that did not build its schema"


@dataclass(frozen=True)
class File:
    """One file of a dump."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup is of, and what a database restored from it has to equal. Times are UTC."""

    database: str
    server: str
    """Host and port, as the URL had them."""
    server_version: int
    """As `server_version_num` has it: 180004."""
    tool: str
    """What pg_dump says of itself."""
    package: str
    """The version of the project."""
    revision: str | None
    """What `alembic_version` held, several heads joined by a comma; None where Alembic did not know the database."""
    fingerprint: str
    schemas: Mapping[str, str]
    """The fingerprint of each schema."""
    rows: Mapping[str, int]
    """Of each table, quoted as SQL has it: `public.users`; from the snapshot that was dumped."""
    owners: tuple[str, ...]
    """The roles that own something. Roles are the server's, not the database's: the dump names them, and no more."""
    grantees: tuple[str, ...]
    """The roles that privileges were granted to."""
    properties: Properties
    jobs: int
    started_at: dt.datetime
    finished_at: dt.datetime
    files: Mapping[str, File]
    """By their path inside the backup's folder."""
    proof: Proof | None = None
    """Whether its schema was built; None in the manifests of versions that did not build it."""
    format: int = FORMAT

    @property
    def server_major(self) -> int:
        """The major version of the server that was dumped."""
        return self.server_version // 10_000

    @property
    def not_proven(self) -> str | None:
        """Why it is not proven that a database can be made from it; None where it is."""
        if self.proof is None:
            return without_proof()
        return self.proof.reason

    @property
    def size(self) -> int:
        """Bytes of the dump."""
        return sum(file.size for file in self.files.values())

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def text_of(manifest: Manifest) -> str:
    """The manifest as JSON, sealed: one changed character of it is noticed."""
    content = _plain(manifest)
    return json.dumps(content | {SEAL: _digest(content)}, indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`.

    Raises RefusedError where it is missing, changed, or of a format that a newer version wrote.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        seal = content.pop(SEAL)
        known = int(content["format"])
    except FileNotFoundError:
        raise RefusedError(
            f"{folder} has no {NAME}: it is no backup of {program()}, or one that was cut off.",
            f"{program()} backup list shows what can be restored.",
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as fault:
        raise _changed(path) from fault
    if seal != _digest(content):
        raise _changed(path)
    if known > FORMAT:
        raise RefusedError(
            f"The backup {folder.name} has format {known}; this version of {program()} knows {FORMAT}.",
            f"Use the version of {program()} that made it ({content.get('package')}), or a newer one.",
        )
    return _manifest(content)


def sha256(path: Path) -> str:
    """The SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(manifest: Manifest) -> dict[str, Any]:
    content = asdict(manifest)
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in content.items()}


def _manifest(content: Mapping[str, Any]) -> Manifest:
    """From JSON that its seal has proven to be what was written; what a later version added is left out."""
    known = {
        field.name: content[field.name] for field in fields(Manifest) if field.name in content or field.name != PROOF
    }
    proof = content.get(PROOF)
    return Manifest(
        **known
        | {
            "owners": tuple(content["owners"]),
            "grantees": tuple(content["grantees"]),
            "properties": Properties.of(content["properties"]),
            "started_at": dt.datetime.fromisoformat(content["started_at"]),
            "finished_at": dt.datetime.fromisoformat(content["finished_at"]),
            "proof": Proof(proof["proven"], proof["seconds"], proof["reason"]) if proof else None,
            "files": {path: File(**file) for path, file in content["files"].items()},
        }
    )


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _changed(path: Path) -> RefusedError:
    return RefusedError(
        f"{path} is not as it was written: the backup was changed or damaged.",
        f"Take another backup: {program()} backup list shows what there is.",
    )
