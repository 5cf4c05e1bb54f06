"""Rules on the end of an old name, which a rename has left alive for the applications that know no other."""

from collections.abc import Collection, Iterator

from surefoot.author.lint.lint_findings import Finding, at
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.table_state import State
from surefoot.catalogue import old_names
from surefoot.catalogue.old_names import OldName

Key = tuple[int, str | None]
"""The oid of a view; or that of a table, and the number of its column."""
TOO_EARLY = "old-name-ended-too-early"
TAKEN = "old-name-taken-away"

WHY_AT_ONCE = (
    "{old} is taken away in the revision that renames {new}: the application that runs has no moment in which it works "
    "under both names."
)
WHY_UNRELEASED = (
    "{old} is taken away before revision {since}, which has renamed {new}, is released: nobody has an application "
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
    alive = {key: name for state in _states(recording) for key, name in _alive(state) if _is_gone(recording.end, key)}
    for key, name in alive.items():
        values = {"old": name.label, "new": name.new, "since": name.revision, "end": name.end, "rule": TAKEN}
        statement = recording.when(lambda state, key=key: _is_gone(state, key))  # type: ignore[misc]
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


def _alive(state: State) -> Iterator[tuple[Key, OldName]]:
    for oid, relation in state.relations.items():
        name = old_names.meant(relation.name, relation.comment) if relation.kind == "v" else None
        if name is not None:
            yield (oid, None), name
        for number, column in relation.columns.items():
            name = old_names.meant(column.name, column.comment, str(relation))
            if name is not None:
                yield (oid, number), name


def _is_gone(state: State, key: Key) -> bool:
    """Return whether the view is gone, or the column from its table; of a table that is gone others tell."""
    oid, number = key
    relation = state.relations.get(oid)
    if number is None:
        return relation is None
    return relation is not None and number not in relation.columns
