"""Rules on the database's rows: changed in one statement or in a loop, lost, or copied by a table rewrite."""

from collections import Counter
from collections.abc import Iterator

from surefoot.author.lint import remedies
from surefoot.author.lint.lint_findings import Finding, at_statement
from surefoot.author.lint.recording import RETIRED, Recording, Statement
from surefoot.author.lint.span import Span
from surefoot.author.lint.statement_info import Change, bound, changes, deletes, target
from surefoot.author.lint.syntax import UNKNOWN
from surefoot.author.lint.table_state import Column, Relation

UNBATCHED = "backfill-in-one-statement"
LOOP = "loop-over-rows"
LOST = "loses-data"
REWRITES = "rewrites-table"
MANY = 0.5
"""The share of a table's rows from which on a change counts as one of every row, whatever its condition says."""
FEWEST = 20
"""Statements from one line, each for a row, that make a loop over rows."""
KEYS = frozenset({"id"})
"""What bounds a change of a table whose name is only known when the block runs."""

WHY_UNBATCHED = (
    "One statement changes {table} without bounds on its key: every row stays locked until the whole transaction ends, "
    "writers wait, and a failure near the end throws all of it away."
)
WHY_MEASURED = (
    "Here {changed} of the {rows} rows of {table} were changed in one transaction: every row stays locked until it "
    "ends, writers wait, and a failure near the end throws all of it away."
)
WHY_LOOP = (
    "{count} statements from this line, one for each row: a real table takes as many round trips as it has rows, in a "
    "transaction that keeps all of them locked."
)
WHY_DROPPED = "{what} is gone with everything in it, and no downgrade brings it back."
WHY_DELETED = "Rows of {table} are deleted for good, and no downgrade brings them back."
WHY_SCHEMA = "A schema goes with everything in it, whatever that is by then."
WHY_REWRITES = (
    "PostgreSQL wrote {what} anew for this, under ACCESS EXCLUSIVE: nobody reads or writes the table for as long as "
    "copying every row takes, and it needs the disk space twice."
)


def unbatched_changes(recording: Recording) -> Iterator[Finding]:
    """Find each statement that may change any row of an existing table, and each that was seen to change most rows.

    What its condition says of a key decides, and where that leaves an end open, or promises more than is so, the rows
    that it changed on the scratch database. Keys there are far apart, so that a range holds few of them.
    """
    for statement in recording.statements:
        if statement.online:
            continue
        parts = list(statement.parts())
        limited: set[str] = set()
        found = False
        for part in parts:
            for change in changes(part.parsed):
                relation, how = _bounded(recording, part, change)
                if how in {"limit", "new"}:
                    limited.add(str(relation))
                elif change.verb != "insert" and (how is None or (how in {"lower", "upper"} and _hit(part, relation))):
                    why = WHY_UNBATCHED.format(table=relation or "a table")
                    found = True
                    yield at_statement(recording, part, UNBATCHED, why, remedies.in_batches(part.parsed))
        commits = any(part.transaction[1] for part in parts) or statement.parsed.kind == "CallStmt"
        for relation, changed, rows in () if found or commits else _mostly_changed(recording, statement):
            if str(relation) not in limited:
                why = WHY_MEASURED.format(changed=changed, rows=rows, table=relation)
                yield at_statement(recording, statement, UNBATCHED, why, remedies.in_batches(statement.parsed))


def loops(recording: Recording) -> Iterator[Finding]:
    """Find loops of Python's over rows: many statements from one line, each of which changes a row by its key.

    INSERTs count where the revision has selected as many rows before; those of constants are not a loop over rows, and
    a downgrade may delete them again.
    """
    runs: Counter[Span] = Counter()
    rows: Counter[Span] = Counter()
    last: dict[Span, Statement] = {}
    selected = 0
    for statement in recording.statements:
        if statement.online:
            continue
        if statement.parsed.kind == "SelectStmt":
            selected = max(selected, statement.rows)
        if _is_of_one_row(recording, statement, selected):
            runs[statement.spans[0]] += statement.runs
            rows[statement.spans[0]] += statement.rows
            last[statement.spans[0]] = statement
    for span, count in runs.items():
        if count >= FEWEST and rows[span] <= 2 * count:
            why = WHY_LOOP.format(count=count)
            yield at_statement(recording, last[span], LOOP, why, remedies.in_batches(last[span].parsed))


def lost_data(recording: Recording) -> Iterator[Finding]:
    """Find what deletes data without retiring it: dropped tables and columns, DELETE, TRUNCATE, DROP SCHEMA CASCADE.

    A downgrade may delete by key the rows that its upgrade has inserted.
    """
    for statement in recording.statements:
        if statement.online:
            continue
        for what, safe in _dropped(recording, statement):
            yield at_statement(recording, statement, LOST, WHY_DROPPED.format(what=what), safe)
        named: set[str] = set()
        for part in statement.parts():
            node = part.parsed.node
            if part.parsed.kind == "DropStmt" and node["removeType"] == "OBJECT_SCHEMA" and _cascades(node):
                yield at_statement(recording, part, LOST, WHY_SCHEMA, remedies.retire_table("..."))
            for table in deletes(part.parsed):
                named.add(str(part.before.find(table) or table))
                if not recording.is_new(table, part.before) and not _given_back(recording, part, table):
                    yield _deleted(recording, part, table)
        for relation in recording.tables():
            before, after = statement.before.relations.get(relation.oid), statement.after.relations.get(relation.oid)
            if before and after and after.deleted > before.deleted and str(before) not in named:
                yield _deleted(recording, statement, str(before))


def rewritten_tables(recording: Recording) -> Iterator[Finding]:
    """Find statements that rewrote a table or an index: afterwards its relfilenode is another one."""
    for statement in recording.statements:
        if statement.online:
            continue
        names = [
            str(relation) if relation.table is None else f"the index {relation} of {table}"
            for relation, table in rewritten(recording, statement)
        ]
        if names:
            what = min(names, key=lambda name: name.startswith("the index"))
            why = WHY_REWRITES.format(what=what)
            yield at_statement(recording, statement, REWRITES, why, remedies.change_types(statement.parsed))


def rewritten(recording: Recording, statement: Statement) -> Iterator[tuple[Relation, Relation]]:
    """Yield what a statement wrote anew of what was there, a table or an index, and its table."""
    if statement.parsed.kind in {"TruncateStmt", "ReindexStmt"}:
        return
    for oid, before in statement.before.relations.items():
        after = statement.after.relations.get(oid)
        table = recording.start.relations.get(before.table or oid)
        if oid not in recording.start.relations or after is None or table is None or not table.is_table:
            continue
        if after.file is not None and after.file != before.file:
            yield before, table


def _bounded(recording: Recording, part: Statement, change: Change) -> tuple[Relation | None, str | None]:
    """Return the table that a change is of and how its key bounds it; `new` where nobody waits for that table."""
    relation = part.before.find(change.table)
    if relation is None:
        unknown = part.inner and UNKNOWN in change.table
        return None, bound(change, KEYS, frozenset(), inner=True) if unknown else "new"
    if relation.oid not in recording.start.relations or relation.schema == RETIRED:
        return relation, "new"
    return relation, bound(change, relation.keys, relation.column_names, inner=part.inner)


def _is_of_one_row(recording: Recording, statement: Statement, selected: int) -> bool:
    """Return whether a statement changes a row of an existing table by its key, or inserts one after many were read."""
    table = recording.existing(target(statement.parsed), statement.before)
    if table is None or _given_back(recording, statement, str(table)):
        return False
    if statement.parsed.kind == "InsertStmt":
        return selected >= FEWEST
    return any(_bounded(recording, statement, change)[1] == "row" for change in changes(statement.parsed))


def _hit(part: Statement, relation: Relation | None) -> bool:
    """Return whether a change whose key is open at one end has met a row; true where there was none to meet."""
    after = part.after.relations.get(relation.oid) if relation else None
    return after is None or relation is None or _changed(relation, after) > 0 or not relation.inserted


def _mostly_changed(recording: Recording, statement: Statement) -> Iterator[tuple[Relation, int, int]]:
    for table in recording.tables():
        before, after = statement.before.relations.get(table.oid), statement.after.relations.get(table.oid)
        rows = recording.rows.get(table.oid, 0)
        if before and after and rows >= FEWEST and _changed(before, after) > MANY * rows:
            yield before, _changed(before, after), rows


def _changed(before: Relation, after: Relation) -> int:
    return after.updated + after.deleted - before.updated - before.deleted


def _deleted(recording: Recording, statement: Statement, table: str) -> Finding:
    safe = remedies.retire_rows(statement.parsed, table)
    return at_statement(recording, statement, LOST, WHY_DELETED.format(table=table), safe)


def _given_back(recording: Recording, part: Statement, table: str) -> bool:
    """Return whether a downgrade deletes by key, and no more of the table than its upgrade has inserted."""
    relation = part.before.find(table)
    if recording.undone is None or relation is None:
        return False
    by_key = all(
        bound(change, relation.keys, relation.column_names, inner=part.inner) == "row"
        for change in changes(part.parsed)
        if change.table == table
    )
    before, after = recording.start.relations.get(relation.oid), recording.end.relations.get(relation.oid)
    deleted = after.deleted - before.deleted if before and after else 0
    return by_key and part.parsed.kind != "TruncateStmt" and deleted <= recording.undone.inserted(str(relation))


def _cascades(node: object) -> bool:
    return isinstance(node, dict) and node.get("behavior") == "DROP_CASCADE"


def dropped(recording: Recording, statement: Statement) -> Iterator[tuple[Relation, Column | None]]:
    """Yield each table that was there and is gone with a statement, and each column; of a whole table it is None."""
    for oid, before in statement.before.relations.items():
        if oid not in recording.start.relations or not before.is_table:
            continue
        after = statement.after.relations.get(oid)
        if after is None:
            yield before, None
            continue
        for number, column in before.columns.items():
            if number not in after.columns:
                yield before, column


def _dropped(recording: Recording, statement: Statement) -> Iterator[tuple[str, str]]:
    for table, column in dropped(recording, statement):
        if column is None:
            yield f"The table {table}", remedies.retire_table(str(table))
        else:
            yield f"The column {table}.{column}", remedies.retire_column(str(table), str(column))
