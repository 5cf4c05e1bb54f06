"""The revisions that a branch adds or changes, by what git says of their files."""

import shutil
import subprocess
from pathlib import Path

from surefoot.environment import alembic_api
from surefoot.errors import UsageError
from surefoot.settings import Settings


def since(settings: Settings, ref: str) -> list[str]:
    """Return the revisions, oldest first, whose files are not those of the commit where this branch left `ref`.

    What is not committed yet counts, and so does a file that git does not know. Raises UsageError where there is no
    git, no repository, or no such commit.
    """
    script = alembic_api.script(settings)
    folder = Path(script.versions)
    commit = _git(folder, ref, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").strip()
    base = _git(folder, ref, "merge-base", commit, "HEAD").strip()
    changed = _git(folder, ref, "diff", "-z", "--name-only", "--relative", "--no-renames", base, "--", ".")
    unknown = _git(folder, ref, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    names = set(changed.split("\0")) | set(unknown.split("\0"))
    history = reversed(list(script.walk_revisions("base", "heads")))
    return [each.revision for each in history if Path(each.path).name in names]


def _git(folder: Path, ref: str, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed, and --diff asks it what the branch changes.", "Name the revisions.")
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[:1] or ["it did not say why"]
        raise UsageError(
            f"git does not know where this branch left {ref!r}: {said[0].removeprefix('fatal: ').rstrip('.')}.",
            "Name a branch, tag or commit that is in this repository with its history, such as origin/main.",
        )
    return done.stdout
