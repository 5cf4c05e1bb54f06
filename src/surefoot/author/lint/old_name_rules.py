"""Rules on the end of an old name, which a rename has left alive for the applications that know no other."""

from collections.abc import Collection, Iterator

from surefoot.author.lint.lint_findings import Finding, at
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.table_state import State
from surefoot.catalogue import old_names
from surefoot.catalogue.old_names import OldName

TOO_EARLY = "old-name-ended-too-early"
TAKEN = "old-name-taken-away"

WHY_AT_ONCE = (
    "{old} is taken away in the revision that renames {new}: the application that runs has no moment in which it works "
    "under both names."
)
WHY_UNRELEASED = (
    "{old} is taken away before revision {since}, which has renamed {new}, is released: no school has an application "
    "yet that names {new}."
)
SAFE_TOO_EARLY = "# in a revision of a later release, when the one with the new name is out:\n{end}"
WHY_TAKEN = (
    "From here on whoever names {old} fails: every application that runs has to be of a release that names {new}."
)
SAFE_TAKEN = "# when that is so, say it beside the call:\n{end}  # lint: {rule} <since which release nobody names it>"


def ended(recording: Recording, released: Collection[str]) -> Iterator[Finding]:
    """Find old names that an upgrade takes away; `released` are the revisions that are out, none where that is unknown.

    A revision's own downgrade may take one away: the application goes back with it.
    """
    if recording.direction != "upgrade":
        return
    alive = {
        oid: name for state in _states(recording) for oid, name in _alive(state) if oid not in recording.end.relations
    }
    for oid, name in alive.items():
        values = {"old": name.old, "new": name.new, "since": name.revision, "end": name.end, "rule": TAKEN}
        statement = recording.when(lambda state, oid=oid: oid not in state.relations)  # type: ignore[misc]
        if name.revision == recording.revision:
            yield at(recording, statement, TOO_EARLY, WHY_AT_ONCE.format(**values), SAFE_TOO_EARLY.format(**values))
        elif released and name.revision not in released:
            yield at(recording, statement, TOO_EARLY, WHY_UNRELEASED.format(**values), SAFE_TOO_EARLY.format(**values))
        else:
            yield at(recording, statement, TAKEN, WHY_TAKEN.format(**values), SAFE_TAKEN.format(**values))


def _states(recording: Recording) -> Iterator[State]:
    yield recording.start
    for statement in recording.statements:
        yield statement.before
        yield statement.after


def _alive(state: State) -> Iterator[tuple[int, OldName]]:
    for oid, relation in state.relations.items():
        name = old_names.meant(relation.name, relation.comment) if relation.kind == "v" else None
        if name is not None:
            yield oid, name
