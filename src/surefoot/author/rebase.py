"""Puts revisions on top of another head, so that a history with two heads is one line again."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL

from surefoot import private_members, search_path
from surefoot.author import releases
from surefoot.environment import alembic_api, head_line
from surefoot.errors import RefusedError, UsageError
from surefoot.program import alembic_command, program
from surefoot.readonly import heads, read_connection
from surefoot.settings import Settings

FOLLOWS = re.compile(r"^(down_revision\b[^=\n]*=\s*)([\"'])([^\"'\\\n]+)\2", re.MULTILINE)
"""The assignment of one parent in a revision's file."""
REVISES = re.compile(r"^(Revises: *)\S.*$", re.MULTILINE)
CREATED = re.compile(r"^(Create Date: *)\S.*$", re.MULTILINE)
LATEST = dt.timedelta(days=7)
"""How far beyond now the time in a file's name may lie, for the sake of one whose author's clock was ahead."""


@dataclass(frozen=True)
class Rebased:
    """What was moved, oldest first, and the revision that it follows now."""

    moved: tuple[str, ...]
    onto: str
    files: tuple[Path, ...]


def rebase(settings: Settings, revision: str | None = None, onto: str | None = None) -> Rebased | None:
    """Put `revision`, a head, and what only it stands on, on top of `onto`; rename its files; write head.txt anew.

    Without `revision` it is the head whose branch is not released, of two such the one with the later file. Without
    `onto` it is the other head. Where there is one head, nothing is moved, its file gets the last name if it has to,
    and None is returned. Raises UsageError for an unknown revision or one that is no head, and where a file says in
    another form what it follows; RefusedError for released revisions, for a branch with a merge in it, and where the
    configured database has run a revision that would move; with one head no database is asked. Nothing is written then.
    """
    script = alembic_api.script(settings)
    known = set(releases.listed(settings))
    if len(script.get_heads()) < 2 and revision is None:  # one, or none at all
        _name_last(script, known)
        head_line.write(script)
        return None
    moved, base = _branches(script, known, revision, onto)
    branch = _branch(script, moved, base)
    _refuse(branch, known, moved, base)
    _refuse_where_it_ran(script, search_path.url_of(settings), branch)
    named, after = [], _last_name(script, {each.revision for each in branch})
    for each in branch:  # all names are found before the first file changes
        named.append((each, *_later(script, each, after)))
        after = named[-1][-1].name
    _follow(Path(branch[0].path), base)
    files = [_rename(*each) for each in named]
    head_line.write(alembic_api.script(settings))
    return Rebased(tuple(each.revision for each in branch), base, tuple(files))


def _branches(script: ScriptDirectory, known: set[str], revision: str | None, onto: str | None) -> tuple[str, str]:
    """Return the head to move and the one to put it on."""
    found = script.get_heads()
    target = _head(script, onto) if onto else None
    if revision is None:
        free = [each for each in found if each not in known and each != target]
        if not free:
            raise RefusedError(
                f"The heads {' and '.join(sorted(found))} are released, and what is released never changes.",
                f'Merge them: {alembic_command()} merge heads -m "...".',
            )
        chosen = max(free, key=lambda each: Path(_script(script, each).path).name)
    else:
        chosen = _head(script, revision)
    others = [each for each in found if each not in {chosen, target}] if target is None else [target]
    if len(others) != 1 or others == [chosen]:
        raise UsageError(
            f"{chosen} can be put on {len(others)} heads: {', '.join(sorted(others)) or 'there is no other'}."
            if others != [chosen] else f"{chosen} cannot be put on itself.",
            f"Name one: {program()} rebase {chosen} --onto REVISION; {alembic_command()} heads lists them.",
        )  # fmt: skip
    return chosen, others[0]


def _head(script: ScriptDirectory, name: str) -> str:
    try:
        found = script.get_revision(name)
    except CommandError as fault:
        raise UsageError(f"There is no revision {name!r}.", f"{alembic_command()} heads lists what to name.") from fault
    if found is None or not found.is_head:
        raise UsageError(f"{name} is no head: others follow it.", f"{alembic_command()} heads lists what to name.")
    return found.revision


def _script(script: ScriptDirectory, revision: str) -> Script:
    found = script.get_revision(revision)
    assert found is not None
    return found


def _branch(script: ScriptDirectory, moved: str, base: str) -> list[Script]:
    """Return the revisions that `moved` stands on and `base` does not, oldest first."""
    there = {each.revision for each in script.iterate_revisions(base, "base")}
    found = [each for each in script.iterate_revisions(moved, "base") if each.revision not in there]
    return [_script(script, each.revision) for each in reversed(found)]


def _refuse(branch: list[Script], known: set[str], moved: str, base: str) -> None:
    for each in branch:
        if each.revision in known:
            raise RefusedError(
                f"{each.revision} is released, and what is released never changes.",
                f"Put the other one on top: {program()} rebase {base} --onto {moved}; "
                f'or merge them: {alembic_command()} merge heads -m "...".',
            )
        if isinstance(each.down_revision, tuple):
            raise RefusedError(
                f"{each.revision} is a merge of {' and '.join(each.down_revision)}, so {moved} is more than one line.",
                f'Merge it with {base} as well: {alembic_command()} merge heads -m "...".',
            )
    if branch[0].down_revision is None:
        raise RefusedError(
            f"{branch[0].revision} is a base of its own and follows nothing.",
            f'Merge the two histories: {alembic_command()} merge heads -m "...".',
        )
    if len(FOLLOWS.findall(Path(branch[0].path).read_text("utf-8"))) != 1:
        raise UsageError(
            f"{Path(branch[0].path).name} does not say down_revision = \"...\" in one line of its own.",
            f"Write {base} there by hand, then {program()} rebase.",
        )  # fmt: skip


def _refuse_where_it_ran(script: ScriptDirectory, url: URL, branch: list[Script]) -> None:
    """Refuse where the database has run one of them: it would be taken for one that had run `onto` as well.

    One at a revision without a file here has run none of them.
    """
    with read_connection(url, f"{program()} rebase") as connection:
        recorded = heads(connection)
    at = {each.revision for each in script.walk_revisions("base", "heads")}.intersection(recorded)
    ran = {each.revision for revision in at for each in script.iterate_revisions(revision, "base")}
    both = [each.revision for each in branch if each.revision in ran]
    if both:
        raise RefusedError(
            f"The database {url.database} has run {both[0]}, and would be taken for one that ran what comes before it.",
            f"Go below it first: {alembic_command()} downgrade {branch[0].down_revision}; then {program()} rebase.",
        )


def _follow(path: Path, base: str) -> None:
    """Write into the file that the revision follows `base`, in one step."""
    text = FOLLOWS.sub(rf"\g<1>\g<2>{base}\g<2>", path.read_text("utf-8"))
    _replace(path, REVISES.sub(rf"\g<1>{base}", text, count=1))


def _rename(each: Script, moment: dt.datetime, renamed: Path) -> Path:
    """Give the file its new name, and that time as its date; one that keeps its name keeps its date."""
    path = Path(each.path)
    if renamed != path:
        _replace(path, CREATED.sub(rf"\g<1>{moment}", path.read_text("utf-8"), count=1))
        path.rename(renamed)
    return renamed


def _later(script: ScriptDirectory, each: Script, after: str) -> tuple[dt.datetime, Path]:
    """Return the first time from now on whose name comes after `after`, and the file of that name.

    A file whose name has no time in it keeps its name.
    """
    path = Path(each.path)
    now = private_members.creation_time(script).replace(microsecond=0)
    first, other = (private_members.path_of(script, each, moment) for moment in (now, now + dt.timedelta(days=400)))
    if first == other:
        return now, path
    for minutes in range(int(LATEST / dt.timedelta(minutes=1))):
        moment = now + dt.timedelta(minutes=minutes)
        renamed = private_members.path_of(script, each, moment)
        if renamed.name > after:
            return moment, renamed
    raise UsageError(
        f"{after} has a time in its name that is more than a week ahead, and {each.revision} has to come after it.",
        "Rename that file first.",
    )


def _last_name(script: ScriptDirectory, without: set[str]) -> str:
    names = (Path(each.path).name for each in script.walk_revisions("base", "heads") if each.revision not in without)
    return max(names, default="")


def _name_last(script: ScriptDirectory, known: set[str]) -> None:
    """Give the file of the one head the last name: it was written before another that it follows now."""
    head = script.get_current_head()
    if head is None or head in known:
        return
    each, after = _script(script, head), _last_name(script, {head})
    if Path(each.path).name < after:
        _rename(each, *_later(script, each, after))


def _replace(path: Path, text: str) -> None:
    """Write the file in one step: whoever is cut off leaves the old one or the new one."""
    beside = path.with_name(f".#{path.name}")  # Alembic and we read no file of such a name
    beside.write_text(text, "utf-8")
    beside.replace(path)


def lines(rebased: Rebased) -> Sequence[str]:
    """Return a line for each revision that was moved: what it follows now, and its file."""
    follows = (rebased.onto, *rebased.moved)
    return [
        f"{each} follows {before} now: {file.name}"
        for before, each, file in zip(follows, rebased.moved, rebased.files, strict=False)
    ]
