"""Rule on revisions that declare `expand_only = True`: code of the version before must work with what they leave."""

from collections.abc import Iterator

from surefoot.author.lint.lint_findings import Finding, at_function, at_statement
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.statement_info import Change, changes
from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.narrowing import narrowings

NOT_EXPAND_ONLY = "not-expand-only"

WHY_TAKES = (
    "The file says expand_only = True, by which an older application starts on the newer database. But it does more "
    "than add: {what}."
)
WHY_ROWS = (
    "The file says expand_only = True, by which an older application starts on the newer database. But rows of {table} "
    "are deleted or get other values in columns that it knows ({columns})."
)
SAFE = "# Delete the line expand_only = True, or leave this to a later revision, when no older version runs any more."


def more_than_added(recording: Recording, before: Catalogue | None, after: Catalogue) -> Iterator[Finding]:
    """Find what a revision takes away although it declares that it only adds.

    `before` is the catalogue in which its upgrade began; None where it declares nothing, and for a downgrade.
    """
    if before is None:
        return
    taken = narrowings(before, after)
    for what in taken:
        yield at_function(recording, NOT_EXPAND_ONLY, WHY_TAKES.format(what=what), SAFE)
    for statement in () if taken else recording.statements:
        for part in statement.parts():
            for change in changes(part.parsed):
                relation = recording.existing(change.table, part.before)
                known = recording.start.relations[relation.oid].column_names if relation is not None else frozenset()
                lost = "all" if change.verb == "delete" else ", ".join(sorted(_assigned(change) & known))
                if relation is not None and relation.is_table and lost and change.verb != "insert":
                    why = WHY_ROWS.format(table=relation, columns=lost)
                    yield at_statement(recording, part, NOT_EXPAND_ONLY, why, SAFE)


def _assigned(change: Change) -> frozenset[str]:
    """Return the columns that an UPDATE sets."""
    return frozenset(each["ResTarget"].get("name", "") for each in change.node.get("targetList", []))
