"""The files of newer revisions, taken from the journal, so that an older version can go back past them.

They are Python, and run with the rights of whoever runs the command. What is trusted is whoever may write the journal:
the sum beside a file shows that it is the one that ran only to those who know the sum from elsewhere. So they are used
where the operator says so, and no other command runs one.
"""

import hashlib
import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL, Connection

from surefoot.environment import alembic_api
from surefoot.errors import RefusedError
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.runtime import kept_revisions
from surefoot.runtime.kept_revisions import Newer
from surefoot.runtime.kept_source import KeptRevision
from surefoot.settings import Settings

SUMS = sa.text("""
    select distinct on (revision) revision, file_sha256
      from migration_journal
     where revision = any (:revisions)
       and direction = 'upgrade'
       and outcome = 'done'
     order by revision, id desc
""")


@dataclass(frozen=True)
class KeptFiles:
    """What is newer in the database, and the folder in which the files are while the command runs."""

    newer: Newer
    folder: Path

    def listed(self) -> Iterator[str]:
        """Yield a line for each revision whose file will run here, newest first."""
        for each in reversed(self.newer.revisions):
            yield f"{each.named}, recorded {each.recorded}, SHA-256 {each.sha256}"

    def add_to(self, script: ScriptDirectory) -> ScriptDirectory:
        """Load the files, and add their revisions to those of `script`; return it.

        Raises RefusedError for a file that cannot be loaded by this version.
        """
        for each in self.newer.revisions:
            script.revision_map.add_revision(self._load(each))
        return script

    def has(self, revision: str) -> bool:
        """Return whether the file of a revision is one of these."""
        return any(each.revision == revision for each in self.newer.revisions)

    def _load(self, kept: KeptRevision) -> Script:
        path = self.folder / f"kept_{self.newer.revisions.index(kept)}.py"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(kept.source)
        spec = importlib.util.spec_from_file_location(f"kept_revision_{kept.revision}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as fault:  # whatever the file raises
            raise RefusedError(
                f"The kept file of {kept.named} cannot be loaded by this version: {type(fault).__name__}: {fault}.",
                f"Nothing was changed. Install the version of {program()} that has it, and go back with that.",
            ) from fault
        return Script(module, kept.revision, str(path))


@contextmanager
def kept_files(settings: Settings, url: URL) -> Iterator[KeptFiles | None]:
    """Yield the kept files of what is newer in the database of `url`; None where nothing is, or none is kept.

    None of them is loaded yet. They are deleted at the end. Raises RefusedError where a file is not the one that was
    run, and for revisions that merge lines.
    """
    script = alembic_api.script(settings)
    with read_connection(url, f"{program()} rollback") as connection:
        newer = kept_revisions.read(connection, script, heads(connection))
    if newer is None:
        yield None
        return
    if (newer.fault is not None and not newer.is_half_back) or not newer.met.issuperset(newer.own):
        raise newer.refusal()
    merges = [each.named for each in newer.revisions if len(each.parents) > 1]
    if merges or len(newer.heads) > 1 or len(newer.met) > 1:
        raise RefusedError(
            f"{merges[0] if merges else ' and '.join(newer.heads)} joins lines or stands beside another one: by kept "
            "files only one line goes back.",
            f"Install the version of {program()} that has these revisions, and go back with that.",
        )
    with tempfile.TemporaryDirectory(prefix=f"{program()}-kept-") as folder:
        yield KeptFiles(newer, Path(folder))


def refuse_other_files(connection: Connection, steps: Sequence[RevisionStep]) -> None:
    """Refuse to go back by files here that are not those that were run. Raises RefusedError."""
    here = {step.revision.revision: hashlib.sha256(Path(step.revision.path).read_bytes()).hexdigest() for step in steps}
    for row in connection.execute(SUMS, {"revisions": list(here)}):
        if row.file_sha256 not in {None, here[row.revision]}:
            raise RefusedError(
                f"The file of {row.revision} here is not the one that was run: the journal has another SHA-256.",
                "Put the file back as it was when it ran, and go back with that. Nothing was changed.",
            )
