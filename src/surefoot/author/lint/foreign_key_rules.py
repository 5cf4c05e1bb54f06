"""Rules on foreign keys: an index on their columns, and columns of one type at both ends."""

from collections.abc import Iterator
from functools import partial

from surefoot.author.lint.lint_findings import Finding, at
from surefoot.author.lint.recording import Recording
from surefoot.author.lint.table_state import Constraint, Relation, State

NOT_INDEXED = "foreign-key-without-index"
INDEX_DROPPED = "drops-index-of-foreign-key"
OTHER_TYPE = "foreign-key-of-another-type"
TEXTS = frozenset({25, 1043})
"""The oids of text and varchar, whose values are stored and compared alike."""

WHY_NOT_INDEXED = (
    "No index begins with {columns} of {table}: each row of {referred} that is deleted, or whose key changes, reads "
    "all of {table}."
)
WHY_DROPPED = (
    "The foreign key {name} has no index any more: each row of {referred} that is deleted reads all of {table}."
)
WHY_OTHER_TYPE = (
    "{table}.{column} is of another type than {referred}.{key} that it refers to: values of the wider type do not fit, "
    "and joins convert each row."
)
SAFE_INDEX = 'op.create_index_online("ix_{table}_{first}", "{table}", [{columns}])'
SAFE_TYPE = '# the type of the column that it refers to:\nsa.Column("{column}", sa.<type of {referred}.{key}>(), ...)'


def foreign_keys(recording: Recording) -> Iterator[Finding]:
    """Find new foreign keys without an index or of another type than what they refer to, and indexes of old ones gone.

    What counts is the end of the revision: the index may come after the foreign key. The first revision writes down
    what is there already, and is not asked.
    """
    if not any(recording.tables()):
        return
    for oid, key in recording.end.constraints.items():
        table, referred = recording.end.relations.get(key.table), recording.end.relations.get(key.referred)
        if key.kind != "f" or table is None or referred is None or not table.is_table:
            continue
        unindexed = partial(_unindexed, table=table, columns=_names(key.columns, table))
        new = oid not in recording.start.constraints
        since = not _refers_to_nothing(recording, key, table) if new else not unindexed(recording.start)
        if since and unindexed(recording.end) and not recording.was_so(unindexed):
            rule, reason = (NOT_INDEXED, WHY_NOT_INDEXED) if new else (INDEX_DROPPED, WHY_DROPPED)
            columns = " and ".join(_names(key.columns, table))
            why = reason.format(name=key.name, columns=columns, table=table, referred=referred)
            yield at(recording, recording.when(unindexed), rule, why, _index(key, table))
        if new:
            yield from _other_types(recording, key, table, referred)


def _refers_to_nothing(recording: Recording, key: Constraint, table: Relation) -> bool:
    """Return whether the key is of new columns of an existing table that are NULL in every row: nothing is slow yet."""
    before = recording.start.relations.get(table.oid)
    columns = [table.columns.get(str(number)) for number in key.columns]
    return (
        before is not None
        and not any(str(number) in before.columns for number in key.columns)
        and not any(column is None or column.filled or column.not_null for column in columns)
        and table.updated == before.updated
    )


def _other_types(recording: Recording, key: Constraint, table: Relation, referred: Relation) -> Iterator[Finding]:
    for own, other in zip(key.columns, key.referred_columns, strict=True):
        column, target = table.columns.get(str(own)), referred.columns.get(str(other))
        if column and target and column.type != target.type and not {column.type, target.type} <= TEXTS:
            names = {"table": table, "column": column, "referred": referred, "key": target}
            why, safe = WHY_OTHER_TYPE.format(**names), SAFE_TYPE.format(**names)
            same = partial(_refers, table=table, columns=[column.name])
            if not recording.was_so(same):
                yield at(recording, recording.when(same), OTHER_TYPE, why, safe)


def _refers(state: State, table: Relation, columns: list[str]) -> bool:
    """Return whether the table has a foreign key on these columns, or on more."""
    return any(True for _ in _keys_on(state, table, columns))


def _unindexed(state: State, table: Relation, columns: list[str]) -> bool:
    """Return whether the table has a foreign key on these columns, and no index that begins with them."""
    now = state.find(str(table))
    return now is not None and any(not now.has_index_on(key.columns) for key in _keys_on(state, table, columns))


def _keys_on(state: State, table: Relation, columns: list[str]) -> Iterator[Constraint]:
    now = state.find(str(table))
    for key in state.constraints.values():
        if now and key.kind == "f" and key.table == now.oid and set(columns) <= set(_names(key.columns, now)):
            yield key


def _names(columns: tuple[int, ...], table: Relation) -> list[str]:
    return [str(table.columns.get(str(number), "...")) for number in columns]


def _index(key: Constraint, table: Relation) -> str:
    names = _names(key.columns, table)
    return SAFE_INDEX.format(table=table, first=names[0], columns=", ".join(f'"{name}"' for name in names))
