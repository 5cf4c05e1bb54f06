"""The checks that CI runs on the whole project: history, released files, journal, models against revisions, lint."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from surefoot import database
from surefoot.author import releases, unwritten_parts
from surefoot.author.lint.linted_history import lint
from surefoot.environment import alembic_api, head_line, snapshot_file
from surefoot.errors import SurefootError
from surefoot.program import guide, program
from surefoot.runtime import error_translation, journal, preconditions
from surefoot.scratch_database import scratch_database
from surefoot.settings import Settings

JOURNALLED = sa.text(f"""
    select distinct on (revision) revision, file_sha256, started_at
      from {journal.table.name}
     where outcome = 'done' and direction = 'upgrade' and file_sha256 is not null
     order by revision, id desc
""")  # noqa: S608  # a constant of ours


@dataclass(frozen=True)
class Outcome:
    """A check, and a line for each problem that it found."""

    name: str
    problems: tuple[str, ...]


def check(settings: Settings, url: URL) -> Iterator[Outcome]:
    """Run the checks one after the other; where the history is broken, those that need it are left out.

    They work in scratch databases on the server of `url`; of its own database only the journal is read.
    """
    script, broken = _history(settings)
    yield Outcome("history: one base, one head, no id twice or too long, names in order", tuple(broken))
    if broken or script is None:
        return
    yield Outcome("released revisions are as they were released", tuple(releases.problems(settings, script)))
    yield Outcome("the snapshot of a release stands for files as they are", tuple(_snapshot(settings)))
    yield Outcome("files are as this database's journal has them", tuple(_journalled(url, script)))
    if settings.project.revisions_page:
        name = f"the table in {settings.project.revisions_page} lists every revision"
        yield Outcome(name, tuple(_undocumented(settings, script)))
    yield Outcome("models and revisions make equal databases", tuple(_drift(settings, url)))
    known = releases.listed(settings)
    unreleased = [each for each in script.walk_revisions("base", "heads") if each.revision not in known]
    new = [each.revision for each in unreleased]
    left = [f"{each.revision}: {line}" for each in unreleased for line in unwritten_parts.find(settings, each)]
    linted = _problems_of(lambda: _lint(settings, url, new))
    yield Outcome("lint of what is not released yet", (*left, *linted))


def _history(settings: Settings) -> tuple[ScriptDirectory | None, list[str]]:
    problems = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            script = alembic_api.script(settings)
            revisions = list(script.walk_revisions("base", "heads"))
            heads, bases = script.get_heads(), script.get_bases()
        except Exception as fault:  # whatever a file does when it is loaded
            return None, [_line(error_translation.translate(fault, None))]
    problems += [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
    for kind, found in (("heads", heads), ("bases", bases)):
        if len(found) != 1:
            problems.append(f"{len(found)} {kind}: {', '.join(sorted(found))}.{guide('Two people at once')}")
    problems += [
        f"{each.revision} has {len(each.revision)} characters; alembic_version holds {preconditions.LONGEST_ID}."
        for each in revisions
        if len(each.revision) > preconditions.LONGEST_ID
    ]
    said = head_line.outdated(script)
    if said is not None:
        problems.append(
            f"{head_line.NAME} says {said}, and the head is {' '.join(sorted(heads))}: {program()} rebase writes it."
        )
    last = max((Path(each.path).name for each in revisions), default="")
    if len(heads) == 1 and last != Path(script.get_revision(heads[0]).path).name:
        problems.append(f"The file of {heads[0]}, the head, is not the last by name: {program()} rebase renames it.")
    return script, problems


def _journalled(url: URL, script: ScriptDirectory) -> Iterator[str]:
    present = {each.revision: Path(each.path) for each in script.walk_revisions("base", "heads")}
    engine = database.engine_for(url, application_name=f"{program()} check")
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(journal.table.name):
                return
            rows = connection.execute(JOURNALLED).all()
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    for row in rows:
        file = present.get(row.revision)
        if file is None:
            yield f"{row.revision} ran here on {row.started_at:%Y-%m-%d} and has no file any more."
        elif hashlib.sha256(file.read_bytes()).hexdigest() != row.file_sha256:
            yield f"{row.revision} ran here on {row.started_at:%Y-%m-%d} and its file changed since."


def _snapshot(settings: Settings) -> Iterator[str]:
    try:
        found = snapshot_file.read(settings.project.script_folder)
    except SurefootError as fault:
        yield _line(fault)
    else:
        differs = snapshot_file.outdated(found, settings.project.script_folder) if found else None
        if differs:
            yield f"{differs}. Put back the one that was released."


def _undocumented(settings: Settings, script: ScriptDirectory) -> Iterator[str]:
    text = settings.project.workplace / settings.project.revisions_page
    if not text.exists():
        return
    table = text.read_text("utf-8")
    for each in script.walk_revisions("base", "heads"):
        if f"| `{each.revision}` |" not in table:
            yield f"{each.revision} ({each.doc}) is not in the table."


def _drift(settings: Settings, url: URL) -> list[str]:
    with scratch_database(url, purpose="check") as scratch, alembic_api.configured(settings, scratch) as config:
        try:
            command.upgrade(config, "head")
            return list(alembic_api.drift(config))
        except SurefootError as fault:
            return [_line(fault)]


def _lint(settings: Settings, url: URL, revisions: list[str]) -> list[str]:
    """Lint `revisions`: those that are not released, for the others cannot be changed any more."""
    found = lint(settings, url, revisions).findings if revisions else ()
    return [f"{each.file.name}:{each.line}: {each.rule}: {each.why}" for each in found]


def _problems_of(run: Callable[[], list[str]]) -> list[str]:
    try:
        return run()
    except SurefootError as fault:
        return [_line(fault)]


def _line(fault: SurefootError) -> str:
    return f"{fault.message} → {fault.remedy}"
