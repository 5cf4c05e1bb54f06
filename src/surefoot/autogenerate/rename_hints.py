"""Hints at possible renames, for the author: autogenerate never guesses one."""

from collections.abc import Iterable, Iterator

from surefoot.catalogue.relations import Column, Relation


def renamed_column(table: str, removed: Column, added: Iterable[Column]) -> Iterator[str]:
    """Yield a hint for each added column that has the type of the `removed` one."""
    numbered = removed.identity or removed.generated or (removed.default or "").startswith("nextval(")
    for column in added:
        if column.type != removed.type:
            continue
        asked = f"Is {column.name} the new name of {table}.{removed.name}? Then neither add nor retire: in upgrade() "
        if numbered:  # a second column would have values of its own
            yield (
                f'{asked}op.alter_column("{table}", "{removed.name}", new_column_name="{column.name}"), and back in '
                "downgrade()."
            )
        else:
            names = f'"{table}", "{removed.name}", "{column.name}"'
            yield (
                f"{asked}op.rename_column_online({names}), by which the old name stays alive until "
                f"op.end_column_rename in a later revision, and op.undo_column_rename({names}) in downgrade()."
            )


def renamed_table(removed: Relation, added: Iterable[Relation]) -> Iterator[str]:
    """Yield a hint for each added table that has the columns of the `removed` one."""
    shape = {(column.name, column.type) for column in removed.columns}
    for relation in added:
        if {(column.name, column.type) for column in relation.columns} == shape:
            yield (
                f"Is {relation.name} the new name of {removed.name}? Then neither create nor retire: in upgrade() "
                f'op.rename_table_online("{removed.name}", "{relation.name}"), by which the old name stays alive until '
                f'op.end_table_rename in a later revision, and op.undo_table_rename("{removed.name}", '
                f'"{relation.name}") in downgrade().'
            )


def renamed_label(enum: str, removed: list[str], added: list[str]) -> Iterator[str]:
    """Yield a hint where one label is removed and one added."""
    if len(removed) == len(added) == 1:
        yield (
            f"Is {added[0]!r} the new name of label {removed[0]!r}? Then, instead of what follows, "
            f"alter type {enum} rename value {removed[0]!r} to {added[0]!r}, and back in downgrade()."
        )
