"""The page of every revision, written from the docstrings of their files: docs/revisions.md."""

import re
from collections.abc import Iterator
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from ourschool.project import PROJECT
from surefoot.operate.status.revision_list import HEADING, describe_pending

WRITTEN = "<!-- Written by `make docs` from the docstrings of alembic/versions; a change here is lost. -->"
CALLED = {"Way back": "Downgrade"}
"""Headings of docstrings that the page calls otherwise."""
IN_STEPS = "online, in short transactions"
AT_ONCE = "in one transaction"


def page() -> str:
    """Return docs/revisions.md: a table of all revisions, the oldest first, and a section for each."""
    script = ScriptDirectory.from_config(Config(PROJECT.ini))
    revisions = list(script.walk_revisions())[::-1]
    text = [
        "# Every revision", "", WRITTEN, "",
        "The newest is the last. `python -m alembic show REVISION` prints one, `python -m ourschool status` those that "
        "are pending, and `python -m ourschool history` when each ran here. *Online* means that it commits in parts, "
        "each so short that nobody has to wait for long, and goes on where it was cut off.",
        "", "| revision | what it does | how it runs |", "|---|---|---|",
    ]  # fmt: skip
    text += [f"| `{each.revision}` | [{plain(each.doc)}](#{each.revision}) | {_how(each)} |" for each in revisions]
    for each in revisions:
        text += section(each)
    return "\n".join([*text, ""])


def section(script: Script) -> Iterator[str]:
    """Yield the lines about one revision: its message, and each heading of its docstring."""
    yield from ("", f"## {script.revision}", "", f"**{plain(script.doc)}**; file `{Path(script.path).name}`", "")
    for name, text in HEADING.findall(script.longdoc or ""):
        yield f"- **{CALLED.get(name, name)}**: {plain(' '.join(text.split()))}"


def _how(script: Script) -> str:
    return IN_STEPS if describe_pending(script, {}, {}).online else AT_ONCE


def plain(text: str) -> str:
    """Return a text of a docstring as Markdown, in which these characters stand for themselves."""
    return re.sub(r"[\\*|]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text).replace("<", "&lt;")
