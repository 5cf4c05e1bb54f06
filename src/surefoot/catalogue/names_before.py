"""A catalogue as code of the version before knows it, where tables and columns have other names since.

While the old name of one is alive, such code reads and writes by that, so what has the new name stands for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from surefoot.catalogue import old_names
from surefoot.catalogue.model import Catalogue, Owner
from surefoot.catalogue.old_names import PREFIX, TRIGGER_PREFIX, OldName
from surefoot.catalogue.relations import Relation, Statistics

_T = TypeVar("_T")


def as_before(before: Catalogue, after: Catalogue) -> Catalogue:
    """Return `after` with the names that `before` has, of what was renamed with its old name left alive.

    A definition that names such a thing is that of `before` where nothing but the names differs.
    """
    alive = set(old_names.find(before))
    names = [each for each in old_names.find(after) if each not in alive]
    return _Names(before, names).restored(after) if names else after


@dataclass
class _Names:
    """The names that came to be old ones since `before`."""

    before: Catalogue
    names: list[OldName]

    def __post_init__(self) -> None:
        self._tables = {each.new: each.old for each in self.names if each.table is None}
        self._columns = {(str(each.table), each.new): each.old for each in self.names if each.table is not None}
        self._known = {_key(text): text for relation in self.before.relations for text in _texts(relation)}
        self._parts = {each.name for relation in self.before.relations for each in _named(relation)}
        self._functions = {each.name for each in self.before.functions}

    def restored(self, after: Catalogue) -> Catalogue:
        """Return `after` with the names of before, without what keeps those alive."""
        views = set(self._tables.values())
        return replace(
            after,
            relations=tuple(
                sorted(
                    (self._relation(each) for each in after.relations if each.kind != "view" or each.name not in views),
                    key=lambda each: each.name,
                )
            ),
            sequences=tuple(replace(each, owner=self._owner(each.owner)) for each in after.sequences),
            functions=tuple(each for each in after.functions if not self._keeps(each.name, PREFIX, self._functions)),
        )

    def _relation(self, relation: Relation) -> Relation:
        mine = {new: old for (table, new), old in self._columns.items() if table == relation.name}
        columns = tuple(
            self._with_known(replace(each, name=mine.get(each.name, each.name)), relation.name)
            for each in relation.columns
            if each.name not in mine.values()
        )
        parts: dict[str, Any] = {
            name: tuple(
                self._with_known(each, relation.name)
                for each in getattr(relation, name)
                if not self._keeps(each.name, (PREFIX, TRIGGER_PREFIX), self._parts)
            )
            for name in ("constraints", "indexes", "triggers", "policies", "rules", "statistics")
        }
        whole = self._with_known(relation, relation.name)
        name = self._tables.get(relation.name, relation.name)
        return replace(whole, name=name, columns=tuple(sorted(columns, key=lambda each: each.name)), **parts)

    @staticmethod
    def _keeps(name: str, prefixes: str | tuple[str, ...], known: set[str]) -> bool:
        """Return whether the object keeps an old name alive, and did not before."""
        return name.strip('"').startswith(prefixes) and name not in known

    def _owner(self, owner: Owner | None) -> Owner | None:
        if owner is None:
            return None
        column = self._columns.get((owner.table, owner.column), owner.column)
        return Owner(self._tables.get(owner.table, owner.table), column)

    def _with_known(self, part: _T, table: str) -> _T:
        """Return the part with each definition that `before` has, but for the names."""
        changed = {name: self._known_text(text, table, part) for name, text in _definitions(part)}
        return replace(part, **changed)  # type: ignore[type-var]  # a dataclass of `relations`

    def _known_text(self, text: str, table: str, part: object) -> str:
        columns = {new: old for (_, new), old in self._columns.items()}
        mine = {new: old for (of, new), old in self._columns.items() if of == table}
        for candidate in ({}, self._tables, self._tables | mine, self._tables | columns):
            found = self._known.get(_key(_renamed(text.replace('"', ""), candidate), part))
            if found is not None:
                return found
        return _renamed(text, {f'"{new}"': f'"{old}"' for new, old in self._tables.items()} | self._tables)


def _renamed(text: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        text = re.sub(rf"(?<![\w$]){re.escape(new)}(?![\w$])", lambda _, old=old: old, text)  # type: ignore[misc]
        text = text.replace(f"{old} AS {old}", old)  # a view's column keeps the name that it had
    return text


def _key(text: str, part: object = None) -> str:
    """Return what is alike for texts that differ in quotes alone; statistics sort their columns by name."""
    plain = text.replace('"', "")
    statistics = isinstance(part, Statistics) or plain.startswith("CREATE STATISTICS")
    return " ".join(sorted(re.split(r"[,\s]+", plain))) if statistics else plain


def _definitions(part: object) -> Iterator[tuple[str, str]]:
    """Yield the fields of a relation or of a part of one that are SQL, with their text."""
    for each in fields(part):  # type: ignore[arg-type]  # a dataclass of `relations`
        value = getattr(part, each.name)
        if each.name in ("definition", "default", "generated", "replica_identity") and isinstance(value, str):
            yield each.name, value


def _named(relation: Relation) -> Iterator[Any]:
    for name in ("columns", "constraints", "indexes", "triggers", "policies", "rules", "statistics"):
        yield from getattr(relation, name)


def _texts(relation: Relation) -> Iterator[str]:
    for part in (relation, *_named(relation)):
        yield from (text for _, text in _definitions(part))
