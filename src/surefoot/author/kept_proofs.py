"""Steps of proofs that the user's cache folder keeps, so that what holds is not tried again where nothing has changed.

A proof depends on what findings depend on, and on the models: on all files of the project's own that were loaded when
it was made. Only one without a problem is kept.
"""

import hashlib
import json
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from surefoot import user_cache
from surefoot.author.lint.kept_findings import KeptFindings
from surefoot.author.sample_rows.test_steps import Step

ENDING = ".proof.json"
LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
"""Folders of files that no author changes."""


class KeptProofs:
    """The proofs of a project, as far as they are kept."""

    def __init__(self, kept: KeptFindings) -> None:
        self._kept = kept

    def read(self, before: Sequence[str], revision: str, beside: Sequence[Path]) -> tuple[Step, ...] | None:
        """Return the steps of the proof of a revision; None where there is none, or something changed since.

        `beside` are files of the project that it depends on as well.
        """
        file = self._kept.file_of(before, revision, ENDING)
        if file is None:
            return None
        try:
            said: dict[str, Any] = json.loads(user_cache.read(file) or b"")
            files: dict[str, str] = said["files"]
            if not files.keys() >= {str(each) for each in beside} or any(
                _sum(Path(each)) != files[each] for each in files
            ):
                return None
            return tuple(Step(each["what"], float(each["seconds"]), (), tuple(each["notes"])) for each in said["steps"])
        except (ValueError, KeyError, TypeError, AttributeError):  # another form, or damaged
            return None

    def write(self, before: Sequence[str], revision: str, beside: Sequence[Path], steps: Sequence[Step]) -> None:
        """Keep the steps of a proof without a problem."""
        file = self._kept.file_of(before, revision, ENDING)
        if file is not None:
            files = {str(each): _sum(each) for each in [*beside, *_own_files()]}
            user_cache.write(file, json.dumps({"files": files, "steps": [asdict(each) for each in steps]}).encode())


def _own_files() -> list[Path]:
    """Return the files of the loaded modules that are neither Python's nor an installed library's."""
    found = (Path(file).resolve() for each in [*sys.modules.values()] if (file := getattr(each, "__file__", None)))
    return [each for each in found if each.suffix == ".py" and not any(map(each.is_relative_to, LIBRARIES))]


def _sum(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
