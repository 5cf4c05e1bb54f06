"""The chain as it is in the files, and revisions that a test adds to a copy of it."""

import hashlib
import re
import textwrap
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.support.databases import ROOT

BASELINE = "cd0edd614cc5"

_script = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
CHAIN = tuple(reversed([revision.revision for revision in _script.walk_revisions()]))
"""Every revision of the project, the baseline first."""
HEAD = CHAIN[-1]

TEMPLATE = '''"""{message}

Why: a test needs it.
Locks: none.
Data: none.
Way back: nothing to do.
"""

import sqlalchemy as sa
from alembic import op
{imports}
revision = "{revision}"
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''


def versions(project: Path) -> set[str]:
    """The names of the revision files of `project`."""
    return {path.name for path in (project / "alembic" / "versions").glob("*.py")}


def released(project: Path) -> list[str]:
    """The lines of a list of released revisions that has every one, oldest first."""
    files = {path.name.split("-")[1].split("_")[0]: path for path in (project / "alembic" / "versions").glob("*.py")}
    return [f"{revision} {hashlib.sha256(files[revision].read_bytes()).hexdigest()}" for revision in CHAIN]


def write(
    project: Path,
    revision: str,
    *,
    after: str | None = HEAD,
    message: str = "add something to users",
    upgrade: str = "pass",
    downgrade: str = "pass",
    imports: str = "",
) -> Path:
    """Add a revision to `project`, a copy of ours; bodies are the statements of its two functions."""
    slug = re.sub(r"\W+", "_", message)
    path = project / "alembic" / "versions" / f"2027_01_01_0000-{revision}_{slug}.py"
    path.write_text(
        TEMPLATE.format(
            message=message,
            revision=revision,
            parent=after,
            imports=imports,
            upgrade=textwrap.indent(textwrap.dedent(upgrade), "    "),
            downgrade=textwrap.indent(textwrap.dedent(downgrade), "    "),
        ),
        encoding="utf-8",
    )
    return path
