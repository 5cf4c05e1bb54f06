"""`adopt` brings a database under Alembic if it is proven to equal a revision, and only then."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
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
from surefoot.operate.adopt.classify import classify
from surefoot.operate.revision_lookup import find_revision
from surefoot.program import alembic_command, program
from surefoot.readonly import heads, read_connection
from surefoot.revision_catalogues import build
from surefoot.runtime import baseline, interrupted_run, name_conflicts, preconditions, unbuilt_indexes
from surefoot.runtime.name_conflicts import NameConflict
from surefoot.runtime.session import server_settings
from surefoot.settings import Settings


@dataclass(frozen=True)
class Adoption:
    """The outcome of `adopt`.

    `before` is what `alembic_version` held; the database was stamped if there are no findings.
    """

    revision: str
    before: tuple[str, ...]
    findings: tuple[Finding, ...]
    stamped: bool
    repair: Path | None = None
    strangers: tuple[NameConflict, ...] = ()
    """The unexpected objects whose name a later revision creates."""

    @property
    def only_name_conflicts(self) -> bool:
        """Return whether the database is at the revision already, and only conflicting names have to be repaired."""
        return bool(self.strangers) and self.before == (self.revision,)

    @property
    def foreign(self) -> bool:
        """Return whether it is another database altogether."""
        return bool(self.findings) and all(each.repair.group is Group.FOREIGN for each in self.findings)

    @property
    def only_additions(self) -> bool:
        """Return whether it has everything that is expected, and additional objects."""
        return all(each.deviation.is_addition for each in self.findings)


def adopt(
    settings: Settings,
    url: URL,
    revision: str | None = None,
    *,
    repair: Path | None = None,
    decided: bool = False,
) -> Adoption:
    """Stamp the database of `url` with `revision`, or the project's baseline, if it equals that to the last comment.

    If it differs, nothing is stamped, and the SQL that repairs the differences is written to the file `repair`; with
    `decided`, repairs that need a decision are written ready to run instead of commented out. Raises RefusedError for
    an empty database, for one of which row security hides rows, and without a `revision` for one that has a row in
    `alembic_version`; UsageError for an unknown revision; and what a stamp raises.
    """
    config = Config(str(settings.project.ini))
    script = ScriptDirectory.from_config(config)
    target = find_revision(script, revision or _baseline(settings)).revision
    with read_connection(url, f"{program()} adopt") as connection:
        before = heads(connection)
        catalogue = read_catalogue(connection)
        _refuse_nothing_to_adopt(before, revision, catalogue)
        preconditions.refuse_hidden_rows(connection)
        expected = _expected(settings, url, connection, script, target)
        catalogue = unbuilt_indexes.as_if_built(unbuilt_indexes.names(connection), expected, catalogue)
        difference = compare(expected, catalogue)
        _refuse_unfinished(connection, script, before, difference)
        pending = _pending(script, target)
        conflicts = name_conflicts.find(
            connection, script, (target,), pending, build.created_names(settings, url, build.history(script))
        )
        # a database that is at the revision was proven to equal it, and only the conflicting names are to be repaired
        retire_all = not conflicts or before != (target,)
        retire_for = repair_companions.retire_revisions(
            connection,
            {(each.on, each.name): each.revision for each in conflicts},
            {key for relation in expected.relations for key in _object_keys(relation)},
            [each.revision for each in pending],
            retire_all=retire_all,
        )
        classified = classify(
            expected, catalogue, difference, connection, lambda on, name: retire_for.get((on, name), target)
        )
        findings = repair_obstacles.add_name_conflicts(
            connection, classified, conflicts, retire_for, retire_all=retire_all
        )
        schema = str(connection.scalar(sa.text("select current_schema()")))
    if not findings:
        name_conflicts.refuse(conflicts, (target,))
        _stamp(config, settings, url, target, before)
        return Adoption(target, before, (), stamped=True)
    outcome = Adoption(target, before, findings, stamped=False, repair=repair, strangers=tuple(conflicts))
    if repair is not None and not outcome.foreign:
        then = (
            f"python -m {program()} adopt {revision or ''}".rstrip()
            if retire_all
            else f"{alembic_command()} upgrade head"
        )
        heading = repair_file.heading(str(url.database), target, repair, schema=schema, then=then)
        repair_file.write(repair, repair_file.text(heading, findings, decided=decided))
    return outcome


def _object_keys(relation: Relation) -> list[repair_companions.ObjectKey]:
    return [("", relation.name), *((relation.name, column.name) for column in relation.columns)]


def _refuse_nothing_to_adopt(before: tuple[str, ...], revision: str | None, catalogue: Catalogue) -> None:
    """Raise RefusedError if Alembic knows the database already, or if it has no tables."""
    if before and revision is None:
        raise RefusedError(
            f"Alembic knows this database already: it is at {' and '.join(before)}.",
            f"python -m {program()} status shows how it stands, identify which revision it really equals. "
            f"To prove it equal to a revision and stamp it with that: python -m {program()} adopt <revision>.",
        )
    if not catalogue.relations:
        raise RefusedError(
            "The database has no tables: there is nothing to adopt.", f"{alembic_command()} upgrade head builds them."
        )


def _refuse_unfinished(
    connection: Connection, script: ScriptDirectory, before: tuple[str, ...], difference: Difference
) -> None:
    """Raise RefusedError if the database differs because a revision is unfinished."""
    cut_off = interrupted_run.find(connection, script, before) if difference and before else None
    if cut_off is not None:
        raise RefusedError(f"{cut_off.message} So the database equals no revision now.", cut_off.remedy)


def _baseline(settings: Settings) -> str:
    if settings.project.baseline is None:
        raise UsageError("This project has no baseline.", "Name the revision: adopt <revision>.")
    return settings.project.baseline


def _pending(script: ScriptDirectory, revision: str) -> list[Script]:
    applied = {each.revision for each in script.iterate_revisions(revision, "base", inclusive=True)}
    return [each for each in build.history(script) if each.revision not in applied]


def _expected(
    settings: Settings, url: URL, connection: Connection, script: ScriptDirectory, revision: str
) -> Catalogue:
    """Return the catalogue of the revision. Only a baseline that commits in parts needs a scratch database."""
    if revision == settings.project.baseline and not baseline.commits_in_parts(script, revision):
        return baseline.baseline_catalogue(connection, script, revision)
    return build.catalogue(settings, url, revision)


def _stamp(config: Config, settings: Settings, url: URL, revision: str, before: tuple[str, ...]) -> None:
    """Stamp through Alembic's own command, with its lock, journal and refusals."""
    if before == (revision,):
        return
    engine = database.engine_for(url, application_name=f"{program()} migrate", options=server_settings(settings))
    config.attributes |= {"connection": engine, "proved": revision}
    command.stamp(config, revision, purge=bool(before))
