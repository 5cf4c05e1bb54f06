"""Findings that the user's cache folder keeps, so that a revision does not run again where nothing has changed.

They are under a checksum of all that they depend on: the files of the revision and of those before it, this package,
squawk, the server with its roles and settings, and the day. What a file reads of its environment is not in that: a
revision whose file may read something runs each time.
"""

import ast
import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from surefoot import user_cache
from surefoot.author import released_models, releases
from surefoot.author.kept_templates import KeptTemplates
from surefoot.author.lint import squawk_program
from surefoot.author.lint.environment_reads import environment_read, imported_names
from surefoot.author.lint.lint_findings import Finding, RevisionFindings
from surefoot.author.lint.row_facts import Fact, Work
from surefoot.author.lint.span import Span
from surefoot.settings import Settings

READS_NOTHING = frozenset({"__future__", "alembic", "collections", "sqlalchemy", "surefoot", "typing"})
"""Packages whose functions a revision may call without reading anything that is not in the checksum."""
NOT_SEEN_THROUGH = frozenset({"__import__", "compile", "eval", "exec", "globals", "open", "vars"})
"""Functions of Python's own by which a file may read what nobody sees in its text."""
KEPT_FOR = 7 * 24 * 3600.0
"""Seconds after which a file of findings is removed."""
ENDING = ".lint.json"


class KeptFindings:
    """The findings of a project, as far as they are kept. Raises UsageError where squawk is not installed."""

    def __init__(self, settings: Settings, templates: KeptTemplates) -> None:
        self._script = templates.script
        self._templates = templates
        parser = importlib.util.find_spec("pgparse")
        self._tools = [_stamp(squawk_program.find()), _stamp(parser.origin if parser and parser.origin else "")]
        self._around = repr([
            templates.state, settings.lock_timeout, settings.lock_deadline, settings.statement_timeout,
            settings.idle_timeout, settings.subscribers_changed, sorted(releases.listed(settings)),
            sorted((table, sorted(columns)) for table, columns in released_models.listed(settings).items()),
            sorted((name, value) for name, value in os.environ.items() if name == "TZ" or name.startswith("PG")),
        ])  # fmt: skip
        self._folder: Path | None = None
        with suppress(RuntimeError):  # a user without a home
            self._folder = user_cache.folder() / settings.project.name

    def read(self, before: Sequence[str], revisions: Sequence[str]) -> list[RevisionFindings]:
        """Return the findings of the first of `revisions`, as far as they are kept from a run that began there."""
        found = []
        for revision, file in self._files(before, revisions):
            try:
                said = json.loads(user_cache.read(file) or b"")
                found.append(self._from_json(revision, said))
            except (ValueError, KeyError, TypeError):
                break
        return found

    def write(self, before: Sequence[str], found: Sequence[RevisionFindings]) -> None:
        """Keep the findings of revisions that have run one after the other, and remove those that are old."""
        for each, (_, file) in zip(found, self._files(before, [each.revision for each in found]), strict=False):
            said = asdict(each)
            user_cache.write(file, json.dumps(said, default=str).encode())
        for old in self._folder.glob("*.json") if self._folder is not None else ():
            with suppress(OSError):
                if old.stat().st_mtime < time.time() - KEPT_FOR:
                    old.unlink()

    def file_of(self, before: Sequence[str], revision: str, ending: str) -> Path | None:
        """Return the file for something else that depends on all that the findings do; None where nothing is kept."""
        return next((file.with_suffix("").with_suffix(ending) for _, file in self._files(before, [revision])), None)

    def _files(self, before: Sequence[str], revisions: Sequence[str]) -> Iterator[tuple[str, Path]]:
        """Yield for each revision its file of findings, up to the first that may read its environment."""
        if self._folder is None:
            return
        so_far = hashlib.sha256(f"{self._templates.name(before, seeded=True)} {self._tools} {self._around}".encode())
        for revision in revisions:
            text = Path(self._script.get_revision(revision).path).read_bytes()
            if _may_read(text):
                return
            so_far.update(revision.encode() + b"\n" + text)
            yield revision, self._folder / f"{so_far.hexdigest()}{ENDING}"

    def _from_json(self, revision: str, said: dict[str, Any]) -> RevisionFindings:
        file = Path(self._script.get_revision(revision).path).resolve()
        of_squawk, own = (
            tuple(
                Finding(**each | {"file": file, "spans": tuple(Span(**span) for span in each["spans"])})
                for each in said[kind]
            )
            for kind in ("of_squawk", "own")
        )
        facts = tuple(
            Fact(**each | {
                "transaction": tuple(each["transaction"]),
                "work": tuple(Work(**work) for work in each["work"]),
                "held": tuple((table, mode) for table, mode in each["held"]),
            })
            for each in said["facts"]
        )  # fmt: skip
        return RevisionFindings(revision, int(said["statements"]), int(said["unread"]), of_squawk, own, facts)


def _may_read(source: bytes) -> bool:
    """Return whether a revision may read what is no part of the checksum, as far as its text tells."""
    tree = ast.parse(source)
    imports = imported_names(tree, "")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name, module in imports.items():
        package = module.partition(".")[0]
        if package not in READS_NOTHING and (name in used or name == "*" or package not in sys.stdlib_module_names):
            return True
    return any(
        environment_read(node, imports) is not None or (isinstance(node, ast.Name) and node.id in NOT_SEEN_THROUGH)
        for node in ast.walk(tree)
    )


def _stamp(path: str) -> str:
    """Return what changes of a file when another version of it is installed."""
    try:
        state = Path(path).stat()
    except OSError:
        return path
    return f"{path} {state.st_size} {state.st_mtime_ns}"
