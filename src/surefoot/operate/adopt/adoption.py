"""`adopt`: a database comes under Alembic where it is proven to equal a revision, and only there."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import URL, Connection

from surefoot import database
from surefoot.catalogue.compare import compare
from surefoot.catalogue.differences import Difference
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.relations import Relation
from surefoot.errors import RefusedError, UsageError
from surefoot.operate.adopt import repair_companions, repair_file, repair_obstacles
from surefoot.operate.adopt.adopt_findings import Finding, Group
from surefoot.operate.adopt.classify import judge
from surefoot.program import program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import baseline, error_translation, interrupted_run, name_conflicts, preconditions
from surefoot.runtime.name_conflicts import NameConflict
from surefoot.runtime.session import server_settings
from surefoot.settings import Settings


@dataclass(frozen=True)
class Adoption:
    """How it went: stamped where there are no findings; `before` is what `alembic_version` said."""

    revision: str
    before: tuple[str, ...]
    findings: tuple[Finding, ...]
    stamped: bool
    repair: Path | None = None
    strangers: tuple[NameConflict, ...] = ()
    """What of it has a name that a later revision makes."""

    @property
    def only_names(self) -> bool:
        """Whether the database is at the revision already, so that nothing but the strangers has to go."""
        return bool(self.strangers) and self.before == (self.revision,)

    @property
    def foreign(self) -> bool:
        """Whether it is another database altogether."""
        return bool(self.findings) and all(each.repair.group is Group.FOREIGN for each in self.findings)

    @property
    def only_beyond(self) -> bool:
        """Whether it has all that is expected, and something more."""
        return all(each.deviation.expected is None and each.deviation.attribute is None for each in self.findings)


def adopt(
    settings: Settings,
    url: URL,
    revision: str | None = None,
    *,
    repair: Path | None = None,
    decided: bool = False,
) -> Adoption:
    """Stamp the database of `url` with `revision`, the baseline if None, where it equals that to the last comment.

    Else nothing is stamped, and the SQL that makes up for what differs is written to `repair`; with `decided` what
    needs a decision stands there ready to run. Raises RefusedError for an empty database, for one of which row security
    hides rows, and without a `revision` for one that Alembic knows; UsageError for a revision that no file has; what a
    stamp raises.
    """
    config = Config(str(settings.project.ini))
    script = ScriptDirectory.from_config(config)
    target = _revision(script, revision or _baseline(settings)).revision
    with read_connection(url, f"{program()} adopt") as connection:
        before = heads(connection)
        found = read_catalogue(connection)
        _something(before, revision, found)
        preconditions.refuse_hidden_rows(connection)
        expected = _expected(settings, url, connection, script, target)
        difference = compare(expected, found)
        _whole(connection, script, before, difference)
        pending = _pending(script, target)
        taken = name_conflicts.find(
            connection, script, (target,), pending, build.created_names(settings, url, build.history(script))
        )
        all_goes = not taken or before != (target,)  # else it is proven already, and only the names are in the way
        for_whom = repair_companions.revisions(
            connection,
            {(each.on, each.name): each.revision for each in taken},
            {thing for relation in expected.relations for thing in _things(relation)},
            [each.revision for each in pending],
            all_goes=all_goes,
        )
        judged = judge(expected, found, difference, connection, lambda on, name: for_whom.get((on, name), target))
        findings = repair_obstacles.repaired(connection, judged, taken, for_whom, all_goes=all_goes)
        schema = str(connection.scalar(sa.text("select current_schema()")))
    if not findings:
        name_conflicts.refuse(taken, (target,))
        _stamp(config, settings, url, target, before)
        return Adoption(target, before, (), stamped=True)
    outcome = Adoption(target, before, findings, stamped=False, repair=repair, strangers=tuple(taken))
    if repair is not None and not outcome.foreign:
        then = (
            f"python -m {program()} adopt {revision or ''}".rstrip() if all_goes else "python -m alembic upgrade head"
        )
        heading = repair_file.heading(str(url.database), target, repair, schema=schema, then=then)
        repair_file.write(repair, repair_file.text(heading, findings, decided=decided))
    return outcome


def _things(relation: Relation) -> list[repair_companions.Thing]:
    return [("", relation.name), *((relation.name, column.name) for column in relation.columns)]


def _something(before: tuple[str, ...], revision: str | None, found: Catalogue) -> None:
    """Refuse where there is nothing to adopt: Alembic knows the database, or it is empty."""
    if before and revision is None:
        raise RefusedError(
            f"Alembic knows this database already: it is at {' and '.join(before)}.",
            f"python -m {program()} status shows how it stands, identify which revision it really equals. "
            f"To prove it equal to a revision and stamp it with that: python -m {program()} adopt <revision>.",
        )
    if not found.relations:
        raise RefusedError(
            "The database has no tables: there is nothing to adopt.", "python -m alembic upgrade head builds them."
        )


def _whole(connection: Connection, script: ScriptDirectory, before: tuple[str, ...], difference: Difference) -> None:
    """Refuse where it differs because a revision was cut off."""
    begun = interrupted_run.find(connection, script, before) if difference and before else None
    if begun is not None:
        raise RefusedError(f"{begun.message} So the database equals no revision now.", begun.remedy)


def _baseline(settings: Settings) -> str:
    if settings.project.baseline is None:
        raise UsageError("This project has no baseline.", "Name the revision: adopt <revision>.")
    return settings.project.baseline


def _revision(script: ScriptDirectory, wanted: str) -> Script:
    try:
        found = script.get_revision(wanted)
    except CommandError as fault:
        raise error_translation.translate(fault, None) from fault
    if found is None:
        raise UsageError(f"{wanted!r} is no revision.", "python -m alembic history lists them.")
    return found


def _pending(script: ScriptDirectory, revision: str) -> list[Script]:
    behind = {each.revision for each in script.iterate_revisions(revision, "base", inclusive=True)}
    return [each for each in build.history(script) if each.revision not in behind]


def _expected(
    settings: Settings, url: URL, connection: Connection, script: ScriptDirectory, revision: str
) -> Catalogue:
    """A baseline of one transaction needs no database of its own; what works in parts does."""
    if revision == settings.project.baseline and not baseline.commits_in_parts(script, revision):
        return baseline.baseline_catalogue(connection, script, revision)
    return build.catalogue(settings, url, revision)


def _stamp(config: Config, settings: Settings, url: URL, revision: str, before: tuple[str, ...]) -> None:
    """Through Alembic's own command, so that lock, journal and refusals hold."""
    if before == (revision,):
        return
    engine = database.engine_for(url, application_name=f"{program()} migrate", options=server_settings(settings))
    config.attributes |= {"connection": engine, "proved": revision}
    command.stamp(config, revision, purge=bool(before))
