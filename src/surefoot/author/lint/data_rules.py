"""Rules on the database's rows: changed in one statement, lost, or copied by a table rewrite."""

from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at_statement
from surefoot.author.lint.sql_tokens import UNKNOWN
from surefoot.author.lint.statement_info import condition, data_target, deletes, key_condition, target
from surefoot.author.lint.statement_recorder import Recording, Statement

RETIRED = "retired"
UNBATCHED = "backfill-in-one-statement"
LOST = "loses-data"
REWRITES = "rewrites-table"

WHY_UNBATCHED = (
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


def unbatched_changes(recording: Recording) -> Iterator[Finding]:
    """Find each UPDATE or DELETE of an existing table whose condition does not bound its key."""
    for statement in recording.single_statements():
        changed = data_target(statement.words)
        if statement.online or changed is None or changed[0] not in {"update", "delete"}:
            continue
        relation = statement.before.find(changed[1])
        unknown = statement.inner and UNKNOWN in changed[1]
        if not unknown and (relation is None or relation.oid not in recording.start.relations):
            continue
        if relation is not None and relation.schema == RETIRED:  # no application reads it, so nobody waits
            continue
        if key_condition(condition(statement.words), relation.keys if relation else frozenset({"id"})) is None:
            why = WHY_UNBATCHED.format(table=relation or "a table")
            yield at_statement(recording, statement, UNBATCHED, why, remedies.in_batches(statement.words))


def lost_data(recording: Recording) -> Iterator[Finding]:
    """Find what deletes data without retiring it: dropped tables and columns, DELETE, TRUNCATE, DROP SCHEMA CASCADE."""
    for statement in recording.statements:
        if not statement.online:
            for what, safe in _dropped(recording, statement):
                yield at_statement(recording, statement, LOST, WHY_DROPPED.format(what=what), safe)
    for statement in recording.single_statements():
        if statement.online:
            continue
        words = statement.words
        if words[:2] == ("drop", "schema") and "cascade" in words:
            yield at_statement(recording, statement, LOST, WHY_SCHEMA, remedies.retire_table("..."))
        emptied = [target(words)] if words[:1] == ("truncate",) else list(deletes(words))
        for table in emptied:
            if table is not None and not recording.is_new(table, statement.before):
                yield at_statement(
                    recording, statement, LOST, WHY_DELETED.format(table=table), remedies.retire_rows(words, table)
                )


def rewritten_tables(recording: Recording) -> Iterator[Finding]:
    """Find statements that rewrote a table or an index: afterwards its relfilenode is another one."""
    for statement in recording.statements:
        if statement.online or {"truncate", "reindex"} & set(statement.words[:1]):
            continue
        rewritten: list[str] = []
        for oid, before in statement.before.relations.items():
            after = statement.after.relations.get(oid)
            table = recording.start.relations.get(before.table or oid)
            if oid not in recording.start.relations or after is None or table is None or not table.is_table:
                continue
            if after.file is not None and after.file != before.file:
                rewritten.append(str(before) if before.table is None else f"the index {before} of {table}")
        if rewritten:
            what = min(rewritten, key=lambda name: name.startswith("the index"))
            why = WHY_REWRITES.format(what=what)
            yield at_statement(recording, statement, REWRITES, why, remedies.change_types(statement.words))


def _dropped(recording: Recording, statement: Statement) -> Iterator[tuple[str, str]]:
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
