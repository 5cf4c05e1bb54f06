"""Finds what each statement of a revision did to rows that were there, and the locks that were held meanwhile."""

from collections.abc import Iterator

from surefoot.author.lint import data_rules
from surefoot.author.lint.recording import RETIRED, Recording, Statement
from surefoot.author.lint.row_facts import CHANGE, INDEX, LOST, REWRITE, SCAN, Fact, Work
from surefoot.author.lint.statement_info import actions, changes, constraint_of, scans, target
from surefoot.author.lint.table_state import BLOCKING, Relation

CHECKED = frozenset({"CONSTR_CHECK", "CONSTR_FOREIGN"})
"""Constraints for which every row is read; those of other kinds build an index, which is seen."""


def facts(recording: Recording) -> Iterator[Fact]:
    """Yield what each statement did that worked on rows, or held a lock. Of tables that the revision made, nothing."""
    for statement in recording.statements:
        work = tuple(_online(recording, statement) if statement.online else _seen(recording, statement))
        held = () if statement.online else tuple(_held(recording, statement, work))
        if work or held:
            yield Fact(recording.direction, statement.transaction, statement.line, statement.sql, work, held)


def full_name(table: Relation) -> str:
    """Return the name of a table with its schema, as the sizes of tables have it."""
    return f"{table.schema}.{table.name}"


def _seen(recording: Recording, statement: Statement) -> Iterator[Work]:
    """Yield the work of a statement by the states around it, and by its text where a state does not show it."""
    before, after = statement.before.relations, statement.after.relations
    rewritten = {table.oid for relation, table in data_rules.rewritten(recording, statement) if not relation.table}
    for table in recording.tables():
        then, now = before.get(table.oid), after.get(table.oid)
        name = full_name(table)
        if table.oid in rewritten:
            yield Work(REWRITE, name)
        if then is not None and now is not None:
            changed = now.updated + now.deleted - then.updated - then.deleted
            if changed > 0:
                yield Work(CHANGE, name, _share(recording, table, changed))
    for oid, relation in after.items():
        index_of = recording.start.relations.get(relation.table or 0)
        if oid not in before and index_of is not None and index_of.is_table and index_of.oid not in rewritten:
            yield Work(INDEX, full_name(index_of))
    yield from _scanned(recording, statement)
    if recording.direction == "downgrade":
        for table, _ in data_rules.dropped(recording, statement):
            yield Work(LOST, full_name(table))


def _online(recording: Recording, statement: Statement) -> Iterator[Work]:
    """Yield the work of a statement of an online operation, around which no states are read."""
    for change in changes(statement.parsed):
        table = recording.existing(change.table, statement.before)
        if table is not None and change.verb != "insert" and statement.rows:
            yield Work(CHANGE, full_name(table), _share(recording, table, statement.rows))
    table = recording.existing(target(statement.parsed), statement.before)
    if table is not None and statement.parsed.kind == "IndexStmt":
        yield Work(INDEX, full_name(table))
    yield from _scanned(recording, statement)


def _scanned(recording: Recording, statement: Statement) -> Iterator[Work]:
    for part in statement.parts():
        table = recording.existing(target(part.parsed), statement.before)
        if table is not None and any(
            each["subtype"] == "AT_SetNotNull"
            or (scans(each) and constraint_of(each).get("contype", "CONSTR_CHECK") in CHECKED)
            for each in actions(part.parsed)
        ):
            yield Work(SCAN, full_name(table))


def _held(recording: Recording, statement: Statement, work: tuple[Work, ...]) -> Iterator[tuple[str, str]]:
    """Yield the strongest lock that stops others on each table; one that is committed already by what was done."""
    kinds = {each.table: each.kind for each in work}
    for table in recording.tables():
        now, name = statement.after.relations.get(table.oid), full_name(table)
        modes = [mode for mode in BLOCKING if now is not None and mode in now.modes]
        if modes:
            yield name, modes[-1]
        elif kinds.get(name) == REWRITE:
            yield name, "AccessExclusiveLock"
        elif kinds.get(name) == INDEX and not statement.parsed.node.get("concurrent"):
            yield name, "ShareLock"
        elif kinds.get(name) == CHANGE:
            yield name, "RowExclusiveLock"


def _share(recording: Recording, table: Relation, changed: int) -> float:
    return min(1.0, changed / max(recording.rows.get(table.oid, 0), 1)) if table.schema != RETIRED else 0.0
