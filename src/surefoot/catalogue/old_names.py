"""Old names that are alive: by a view a table that was renamed is read and written, by a second column a column.

The comment of such a view or column says what it is. A database and its revision both have it, so it is compared like
any other object; the models do not have it, so it is left out where they are compared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from surefoot.catalogue.model import Catalogue
from surefoot.catalogue.relations import Relation

KEPT_SINCE = "kept since revision"
PREFIX = "__old_name_"
"""Begins the names of the indexes, triggers and functions of a column that is the old name of another one."""
TRIGGER_PREFIX = f"~{PREFIX}"
"""Begins the names of those triggers: they fire in the byte order of their names, and these have to fire last."""
_OF = re.compile(rf"Old name of (?P<what>table|column) (?P<new>.+), {KEPT_SINCE} (?P<revision>\S+)", re.DOTALL)


@dataclass(frozen=True)
class OldName:
    """The old name of a table, or with `table` of a column, which the `revision` that renamed it has left alive."""

    old: str
    new: str
    revision: str
    table: str | None = None

    @property
    def end(self) -> str:
        """Return the call that takes the old name away."""
        return self._call("end")

    @property
    def resume(self) -> str:
        """Return the call that makes it again."""
        return self._call("resume")

    @property
    def label(self) -> str:
        """Return what a message calls the old name: `table` or `table.column`."""
        return self.old if self.table is None else f"{self.table}.{self.old}"

    def as_json(self) -> dict[str, str]:
        """Return the fields; that of the table only of a column."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def _call(self, verb: str) -> str:
        what = "table" if self.table is None else "column"
        names = [each for each in (self.table, self.old, self.new) if each is not None]
        return f"op.{verb}_{what}_rename({', '.join(map(repr, names))}, since={self.revision!r})"

    def __str__(self) -> str:
        what = "table" if self.table is None else "column"
        return f"{self.label}, the old name of {what} {self.new}, since revision {self.revision}"


def comment(new: str, revision: str, what: str = "table") -> str:
    """Return the comment of what has the old name of table `new`, or of the column of that name."""
    return f"Old name of {what} {new}, {KEPT_SINCE} {revision}"


def meant(name: str, text: str | None, table: str | None = None) -> OldName | None:
    """Return the old name that a view, or with `table` a column, has by its name and comment; None where it is none."""
    match = _OF.fullmatch(text or "")
    if match is None or (match["what"] == "table") != (table is None):
        return None
    return OldName(name, match["new"], match["revision"], table)


def find(catalogue: Catalogue) -> Iterator[OldName]:
    """Yield the old names that are alive."""
    for relation in catalogue.relations:
        found = meant(relation.name, relation.comment) if relation.kind == "view" else None
        if found is not None:
            yield found
        yield from of_columns(relation)


def of_columns(relation: Relation) -> Iterator[OldName]:
    """Yield the old names that are alive of a table's columns."""
    for column in relation.columns if relation.kind == "table" else ():
        found = meant(column.name, column.comment, relation.name)
        if found is not None:
            yield found


def left_out(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue without the old names, and without what keeps them."""
    names = {(each.table, each.old) for each in find(catalogue)}
    if not names:
        return catalogue
    kept = (_without_columns(each, names) for each in catalogue.relations if (None, each.name) not in names)
    return replace(
        catalogue,
        relations=tuple(kept),
        functions=tuple(each for each in catalogue.functions if not each.name.startswith((PREFIX, f'"{PREFIX}'))),
    )


def _without_columns(relation: Relation, names: set[tuple[str | None, str]]) -> Relation:
    columns = tuple(each for each in relation.columns if (relation.name, each.name) not in names)
    if len(columns) == len(relation.columns):
        return relation
    return replace(
        relation,
        columns=columns,
        indexes=tuple(each for each in relation.indexes if not each.name.startswith(PREFIX)),
        triggers=tuple(each for each in relation.triggers if not each.name.startswith(TRIGGER_PREFIX)),
    )
