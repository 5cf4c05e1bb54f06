"""What looks like a rename is pointed out and never guessed: a column that goes while one like it comes."""

from collections.abc import Iterable, Iterator

from surefoot.catalogue.relations import Column, Relation


def renamed_column(table: str, gone: Column, added: Iterable[Column]) -> Iterator[str]:
    """A line for each added column that `gone` may be under a new name: of the same table and type."""
    for column in added:
        if column.type == gone.type:
            yield (
                f"Is {column.name} the new name of {table}.{gone.name}? Then neither add nor retire: in upgrade() "
                f'op.alter_column("{table}", "{gone.name}", new_column_name="{column.name}"), and back in downgrade().'
            )


def renamed_table(gone: Relation, added: Iterable[Relation]) -> Iterator[str]:
    """A line for each added table that `gone` may be under a new name: with the same columns."""
    shape = {(column.name, column.type) for column in gone.columns}
    for relation in added:
        if {(column.name, column.type) for column in relation.columns} == shape:
            yield (
                f"Is {relation.name} the new name of {gone.name}? Then neither create nor retire: in upgrade() "
                f'op.rename_table("{gone.name}", "{relation.name}"), and back in downgrade().'
            )


def renamed_label(enum: str, gone: list[str], added: list[str]) -> Iterator[str]:
    """A line where one label goes and one comes."""
    if len(gone) == len(added) == 1:
        yield (
            f"Is {added[0]!r} the new name of label {gone[0]!r}? Then, instead of what follows, "
            f"alter type {enum} rename value {gone[0]!r} to {added[0]!r}, and back in downgrade()."
        )
