"""Rules on the database's rows: changed in one statement, lost, or copied by a rewrite of the table."""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at
from surefoot.author.lint.sql_tokens import UNKNOWN
from surefoot.author.lint.statement_info import condition, data_target, deletes, key_condition, target
from surefoot.author.lint.statement_recorder import Recording, Statement

RETIRED = "retired"
AT_ONCE = "backfill-in-one-statement"
LOSES = "loses-data"
REWRITES = "rewrites-table"

WHY_AT_ONCE = (
    "One statement changes {table} without bounds on its key: every row stays locked until the whole transaction ends, "
    "writers wait, and a failure near the end throws all of it away."
)
WHY_DROPPED = "{what} is gone with everything in it, and no way back brings it again."
WHY_DELETED = "Rows of {table} are deleted for good, and no way back brings them again."
WHY_SCHEMA = "A schema goes with everything in it, whatever that is by then."
WHY_REWRITES = (
    "PostgreSQL wrote {what} anew for this, under ACCESS EXCLUSIVE: nobody reads or writes the table for as long as "
    "copying every row takes, and it needs the disk space twice."
)


def at_once(recording: Recording) -> Iterator[Finding]:
    """UPDATE or DELETE of a table that was there before, without a range or a value of its key."""
    for piece in recording.pieces():
        written = data_target(piece.words)
        if piece.online or written is None or written[0] not in {"update", "delete"}:
            continue
        relation = piece.before.find(written[1])
        unknown = piece.inner and UNKNOWN in written[1]
        if not unknown and (relation is None or relation.oid not in recording.start.relations):
            continue
        if relation is not None and relation.schema == RETIRED:  # set aside already: nobody waits for it
            continue
        if key_condition(condition(piece.words), relation.keys if relation else frozenset({"id"})) is None:
            why = WHY_AT_ONCE.format(table=relation or "a table")
            yield at(recording, piece, AT_ONCE, why, remedies.in_batches(piece.words))


def loses(recording: Recording) -> Iterator[Finding]:
    """Tables and columns that vanished, rows deleted, TRUNCATE, DROP SCHEMA CASCADE, outside retirement."""
    for statement in recording.statements:
        if not statement.online:
            for what, safe in _vanished(recording, statement):
                yield at(recording, statement, LOSES, WHY_DROPPED.format(what=what), safe)
    for piece in recording.pieces():
        if piece.online:
            continue
        words = piece.words
        if words[:2] == ("drop", "schema") and "cascade" in words:
            yield at(recording, piece, LOSES, WHY_SCHEMA, remedies.retire_table("..."))
        emptied = [target(words)] if words[:1] == ("truncate",) else list(deletes(words))
        for table in emptied:
            if table is not None and not recording.is_new(table, piece.before):
                yield at(recording, piece, LOSES, WHY_DELETED.format(table=table), remedies.retire_rows(words, table))


def rewrites(recording: Recording) -> Iterator[Finding]:
    """Statements after which a table, or an index on it, is stored in another file: known, not guessed."""
    for statement in recording.statements:
        if statement.online or {"truncate", "reindex"} & set(statement.words[:1]):
            continue
        moved: list[str] = []
        for oid, before in statement.before.relations.items():
            after = statement.after.relations.get(oid)
            table = recording.start.relations.get(before.table or oid)
            if oid not in recording.start.relations or after is None or table is None or not table.is_table:
                continue
            if after.file is not None and after.file != before.file:
                moved.append(str(before) if before.table is None else f"the index {before} of {table}")
        if moved:
            what = min(moved, key=lambda name: name.startswith("the index"))
            why = WHY_REWRITES.format(what=what)
            yield at(recording, statement, REWRITES, why, remedies.change_types(statement.words))


def _vanished(recording: Recording, statement: Statement) -> Iterator[tuple[str, str]]:
    for oid, before in statement.before.relations.items():
        if oid not in recording.start.relations or not before.is_table:
            continue
        after = statement.after.relations.get(oid)
        if after is None:
            yield f"The table {before}", remedies.retire_table(str(before))
            continue
        for number, column in before.columns.items():
            if number not in after.columns:
                yield f"The column {before}.{column}", remedies.retire_column(str(before), column)
