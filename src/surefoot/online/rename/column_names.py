"""The two names of a column, and those of what keeps the old one alive."""

import hashlib
from dataclasses import dataclass

from surefoot.catalogue.old_names import PREFIX, TRIGGER_PREFIX
from surefoot.online.identifiers import fit_identifier


@dataclass(frozen=True)
class ColumnNames:
    """The two names of a column, and the revision that renames it."""

    table: str
    old: str
    new: str
    since: str

    @property
    def function(self) -> str:
        """Return the name of the triggers' function.

        It says nothing of the table, which may be renamed meanwhile: tables that have both names share the function.
        """
        return fit_identifier(f"{PREFIX}{_mark(self.old, self.new)}_{self.old}")

    @property
    def triggers(self) -> tuple[str, ...]:
        """Return the names of the triggers, in the order in which they fire: two on INSERT, then two on UPDATE."""
        return tuple(fit_identifier(f"{TRIGGER_PREFIX}{nth}_{self.old}") for nth in range(1, 5))

    @property
    def index_mark(self) -> str:
        """Return what tells the indexes of this old name from those of another table's."""
        return _mark(self.table, self.old)

    def index(self, nth: int) -> str:
        """Return the name of an index of the old name, which says nothing of the one that it is like: that is renamed.

        The `nth` of them, from 1 on, in the order of their definitions.
        """
        return fit_identifier(f"{PREFIX}{nth}_{self.index_mark}_{self.old}")


def _mark(one: str, other: str) -> str:
    return hashlib.sha256(f"{len(one)} {one} {other}".encode()).hexdigest()[:8]
