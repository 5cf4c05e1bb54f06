"""Rules on the schema that a revision leaves: what scans, what vanished, what running clients miss, what gets slow."""

from collections.abc import Iterator
from functools import partial

from surefoot.author.lint.lint_findings import Finding, at, at_statement
from surefoot.author.lint.recording import Recording, Statement
from surefoot.author.lint.sql_tokens import words
from surefoot.author.lint.table_state import Column, Constraint, Relation, State, Thing

EXCLUDES = "exclusion-constraint-scans"
ATTACHES = "attach-scans-table"
REFRESHES = "refresh-blocks-readers"
CASCADES = "cascade-takes-others"
NO_DEFAULT = "drops-needed-default"
JSON = "json-column"
JSON_TYPES = frozenset({114, 199})
"""The oids of json and json[]."""
KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}

WHY_EXCLUDES = (
    "The constraint {name} reads every row of {table} and builds its index under ACCESS EXCLUSIVE: nobody reads or "
    "writes the table meanwhile, and there is no NOT VALID for it."
)
SAFE_EXCLUDES = (
    "# a new, empty table takes it at once; one with rows: in an hour without users, acknowledged here, or a trigger\n"
    "# that refuses what overlaps: op.execute('create trigger ... before insert or update on {table} ...')"
)
WHY_ATTACHES = (
    "{name} is read whole while it becomes a partition, and nobody writes it meanwhile: no validated CHECK says that "
    "its rows fit."
)
SAFE_ATTACHES = (
    'op.add_check_online("{name}_fits", "{name}", "<what FOR VALUES says, and is not null>")\n'
    "op.execute('alter table {parent} attach partition {name} for values ...')  # skips the scan"
)
WHY_REFRESHES = "Nobody reads {name} while its query runs: REFRESH without CONCURRENTLY takes ACCESS EXCLUSIVE for it."
SAFE_REFRESHES = (
    "# it needs a unique index on columns, without WHERE\nop.execute('refresh materialized view concurrently {name}')"
)
WHY_CASCADES = "CASCADE took what no statement names: {what}. On a real database it may take more."
SAFE_CASCADES = "# name each of them, without CASCADE, and make again what is still used:\n{drops}"
WHY_NO_DEFAULT = (
    "{table}.{column} is NOT NULL and has no default any more: the application that runs, and names no value for it, "
    "cannot insert."
)
SAFE_NO_DEFAULT = (
    "# in a later revision, when every release that runs gives the value itself; or first, so that NULL is taken:\n"
    'op.drop_not_null_online("{table}", "{column}")'
)
WHY_JSON = (
    "{table}.{column} is json: it has no equality, so DISTINCT, GROUP BY and UNION on the row fail, and no index."
)
SAFE_JSON = 'sa.Column("{column}", postgresql.JSONB())'


def exclusion_constraints(recording: Recording) -> Iterator[Finding]:
    """Find exclusion constraints that are added to an existing table."""
    for statement, made in _made(recording):
        table = recording.start.relations.get(made.table)
        if made.kind == "x" and table is not None:
            why = WHY_EXCLUDES.format(name=made.name, table=table)
            yield at_statement(recording, statement, EXCLUDES, why, SAFE_EXCLUDES.format(table=table))


def attached_partitions(recording: Recording) -> Iterator[Finding]:
    """Find existing tables that become partitions without a validated CHECK on the columns that the bound is of."""
    for statement in recording.statements:
        for oid, after in statement.after.relations.items():
            before = statement.before.relations.get(oid)
            if before is None or oid not in recording.start.relations or before.bound or not after.bound:
                continue
            keys = before.column_names & set(words(after.bound))
            if after.kind == "r" and not keys <= _checked(statement.before, before):
                why = WHY_ATTACHES.format(name=after)
                parent = statement.parsed.node.get("relation", {}).get("relname", "...")
                yield at_statement(recording, statement, ATTACHES, why, SAFE_ATTACHES.format(name=after, parent=parent))


def _checked(state: State, table: Relation) -> set[str]:
    """Return the columns of a table that validated CHECKs are on."""
    return {
        table.columns[str(number)].name
        for each in state.constraints.values()
        if each.table == table.oid and each.kind == "c" and each.validated
        for number in each.columns
    }


def refreshed_views(recording: Recording) -> Iterator[Finding]:
    """Find existing materialised views that were written anew: afterwards the relfilenode is another one."""
    for statement in recording.statements:
        for oid, before in statement.before.relations.items():
            after = statement.after.relations.get(oid)
            if before.kind != "m" or oid not in recording.start.relations or after is None or not before.populated:
                continue
            if after.file != before.file:
                why = WHY_REFRESHES.format(name=before)
                yield at_statement(recording, statement, REFRESHES, why, SAFE_REFRESHES.format(name=before))


def cascades(recording: Recording) -> Iterator[Finding]:
    """Find what vanished although no statement names it, and is not there again at the end.

    A DO block may make names as it runs, and means what it drops as long as there is no CASCADE in it.
    """
    named = {word for statement in recording.single_statements for word in statement.words}
    at_the_end = {each.what for each in _vanishing(recording.end).values()}
    at_first = _vanishing(recording.start)
    for statement in recording.statements:
        if statement.online or (statement.parsed.kind == "DoStmt" and "cascade" not in statement.sql.lower()):
            continue
        after = _vanishing(statement.after)
        gone = sorted(
            each.what
            for key, each in _vanishing(statement.before).items()
            if key in at_first and key not in after and each.what not in at_the_end and each.name not in named
            if each.table == 0 or each.table in statement.after.relations
            if not _lost_a_column(statement, key)
        )
        if gone:
            why = WHY_CASCADES.format(what=", ".join(gone[:5]) + (" …" if len(gone) > 5 else ""))
            drops = "\n".join(f"op.execute('drop {what}')" for what in gone[:3])
            yield at_statement(recording, statement, CASCADES, why, SAFE_CASCADES.format(drops=drops))


def dropped_defaults(recording: Recording) -> Iterator[Finding]:
    """Find columns of existing tables that had a default or an identity, and are left NOT NULL without one."""
    for table in recording.tables():
        for column in table.columns.values():
            needs_value = partial(_needs_value, table=table, column=column)
            if column.filled and needs_value(recording.end) and not recording.was_so(needs_value):
                why = WHY_NO_DEFAULT.format(table=table, column=column)
                safe = SAFE_NO_DEFAULT.format(table=table, column=column)
                yield at(recording, recording.when(needs_value), NO_DEFAULT, why, safe)


def json_columns(recording: Recording) -> Iterator[Finding]:
    """Find new columns of type json, and those that become json."""
    for table in recording.end.relations.values():
        for column in table.columns.values():
            is_json = partial(_is_json, table=table, column=column)
            new = table.is_table and column.type in JSON_TYPES and not is_json(recording.start)
            if new and not recording.was_so(is_json):
                why = WHY_JSON.format(table=table, column=column)
                yield at(recording, recording.when(is_json), JSON, why, SAFE_JSON.format(column=column))


def _made(recording: Recording) -> Iterator[tuple[Statement, Constraint]]:
    for statement in recording.statements:
        for oid, constraint in statement.after.constraints.items():
            if oid not in statement.before.constraints:
                yield statement, constraint


def _vanishing(state: State) -> dict[str, Thing]:
    """Return what a DROP of something else may take, by catalogue and oid; a foreign key goes with its columns."""
    found = dict(state.things)
    for oid, relation in state.relations.items():
        if relation.kind in KINDS:
            found[f"pg_class{oid}"] = Thing(f"{KINDS[relation.kind]} {relation}", relation.name, 0)
    for oid, each in state.constraints.items():
        table = state.relations.get(each.table)
        if each.kind == "f" and table is not None:
            found[f"pg_constraint{oid}"] = Thing(f"constraint {each.name} on {table}", each.name, each.table)
    return found


def _lost_a_column(statement: Statement, key: str) -> bool:
    """Return whether a constraint went with a column of its own."""
    if not key.startswith("pg_constraint"):
        return False
    constraint = statement.before.constraints[int(key.removeprefix("pg_constraint"))]
    table = statement.after.relations.get(constraint.table)
    return table is not None and not set(map(str, constraint.columns)) <= table.columns.keys()


def _needs_value(state: State, table: Relation, column: Column) -> bool:
    now = _column(state, table, column)
    return now is not None and now.not_null and not now.filled


def _is_json(state: State, table: Relation, column: Column) -> bool:
    now = _column(state, table, column)
    return now is not None and now.type in JSON_TYPES


def _column(state: State, table: Relation, column: Column) -> Column | None:
    """Return the column of that name in another state; a downgrade's state may have the table anew."""
    now = state.find(str(table))
    return next((each for each in now.columns.values() if each.name == column.name), None) if now else None
