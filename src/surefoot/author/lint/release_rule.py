"""Rule on what an upgrade takes away: not before the models of the last release do without it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from surefoot.author.lint.lint_findings import Finding, at
from surefoot.author.lint.recording import RETIRED, Recording
from surefoot.author.lint.table_state import Relation, State
from surefoot.catalogue.reader import RETIRED_PREFIX

IN_USE = "drops-what-a-release-uses"

WHY = (
    "The models of the last release still have {what}: its applications, which run while this upgrade does and after "
    "a rollback, fail at every query that names it."
)
SAFE = (
    "# first a release whose models are without it, and this revision left out; then, in one of the release after it:\n"
    "{drop}"
)


def taken_from_release(recording: Recording, released: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    """Find each table and column that an upgrade takes away, and the models of the last release map.

    `released` has the columns of each of their tables. Neither dropped nor set aside may be what they map; a name that
    is another's now is a matter of renames, which have rules of their own.
    """
    if recording.direction != "upgrade":
        return
    for table in recording.tables():
        columns = released.get(str(table))
        if columns is None:
            continue
        if _is_gone(table, recording.end):
            safe = SAFE.format(drop=f'op.retire_table("{table}")')
            yield _finding(recording, partial(_is_gone, table), f"the table {table}", safe)
            continue
        for number, column in table.columns.items():
            if column.name in columns and _has_lost(table, number, recording.end):
                safe = SAFE.format(drop=f'op.retire_column("{table}", "{column}")')
                gone = partial(_has_lost, table, number)
                yield _finding(recording, gone, f"the column {table}.{column}", safe)


def _finding(recording: Recording, gone: Callable[[State], bool], what: str, safe: str) -> Finding:
    return at(recording, recording.when(gone), IN_USE, WHY.format(what=what), safe)


def _is_gone(table: Relation, state: State) -> bool:
    now = state.relations.get(table.oid)
    return now is None or (now.schema == RETIRED and table.schema != RETIRED)


def _has_lost(table: Relation, number: str, state: State) -> bool:
    now = state.relations.get(table.oid)
    return now is not None and (number not in now.columns or now.columns[number].name.startswith(RETIRED_PREFIX))
