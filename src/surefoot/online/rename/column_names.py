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
        mark = hashlib.sha256(f"{len(self.old)} {self.old} {self.new}".encode()).hexdigest()[:8]
        return fit_identifier(f"{PREFIX}{mark}_{self.old}")

    @property
    def triggers(self) -> tuple[str, ...]:
        """Return the names of the triggers, in the order in which they fire: two on INSERT, then two on UPDATE."""
        return tuple(fit_identifier(f"{TRIGGER_PREFIX}{nth}_{self.old}") for nth in range(1, 5))

    def index(self, copied: str) -> str:
        """Return the name of the old name's own index, made like the one that is `copied`."""
        return fit_identifier(f"{PREFIX}{self.old}_{copied}")
