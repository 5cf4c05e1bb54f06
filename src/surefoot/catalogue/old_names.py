"""Old names that are alive: the view by which a table that was renamed is read and written under its old name.

The comment of such a view says what it is. A database and its revision both have it, so it is compared like any other
object; the models do not have it, so it is left out where they are compared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from surefoot.catalogue.model import Catalogue

KEPT_SINCE = "kept since revision"
_OF_TABLE = re.compile(rf"Old name of table (?P<new>.+), {KEPT_SINCE} (?P<revision>\S+)", re.DOTALL)


@dataclass(frozen=True)
class OldName:
    """The old name of a table, which the `revision` that renamed it has left alive."""

    old: str
    new: str
    revision: str

    @property
    def end(self) -> str:
        """Return the call that takes the old name away."""
        return f"op.end_table_rename({self.old!r}, {self.new!r}, since={self.revision!r})"

    @property
    def resume(self) -> str:
        """Return the call that makes it again."""
        return f"op.resume_table_rename({self.old!r}, {self.new!r}, since={self.revision!r})"

    def __str__(self) -> str:
        return f"{self.old}, the old name of table {self.new}, since revision {self.revision}"


def comment(new: str, revision: str) -> str:
    """Return the comment of the view by which table `new` is known under its old name."""
    return f"Old name of table {new}, {KEPT_SINCE} {revision}"


def meant(name: str, text: str | None) -> OldName | None:
    """Return what the view of that name and comment is; None where the comment is another one."""
    match = _OF_TABLE.fullmatch(text or "")
    return OldName(name, match["new"], match["revision"]) if match else None


def find(catalogue: Catalogue) -> Iterator[OldName]:
    """Yield the old names that are alive."""
    for relation in catalogue.relations:
        found = meant(relation.name, relation.comment) if relation.kind == "view" else None
        if found is not None:
            yield found


def left_out(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue without the old names."""
    names = {each.old for each in find(catalogue)}
    if not names:
        return catalogue
    return replace(catalogue, relations=tuple(each for each in catalogue.relations if each.name not in names))
