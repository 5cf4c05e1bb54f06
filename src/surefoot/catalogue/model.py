"""The catalogue of one PostgreSQL schema as a frozen value: two schemas are equal when their catalogues are `==`."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

from surefoot.catalogue.relations import Relation

LEFT_OUT: dict[str, object] = {"rules": (), "statistics": (), "replica_identity": "default"}
"""Fields of a relation that came later, with the value at which a fingerprint is what it was without them."""


@dataclass(frozen=True)
class EnumType:
    """An enum type and its labels in sort order."""

    name: str
    labels: tuple[str, ...]
    comment: str | None

    @property
    def summary(self) -> str:
        """Return the labels, separated by commas."""
        return ", ".join(self.labels)


@dataclass(frozen=True)
class Domain:
    """A domain with its CHECK constraints, each printed as `name CHECK (…)`."""

    name: str
    type: str
    collation: str | None
    nullability: str
    default: str | None
    checks: tuple[str, ...]
    comment: str | None

    @property
    def summary(self) -> str:
        """Return the base type, the nullability and the checks."""
        return " ".join((self.type, self.nullability, *self.checks))


@dataclass(frozen=True)
class Owner:
    """The column that owns a sequence (`alter sequence … owned by`)."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Sequence:
    """A sequence, including the one behind an identity column. Its current value is not part of the catalogue."""

    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    persistence: str
    owner: Owner | None
    comment: str | None

    @property
    def summary(self) -> str:
        """Return the type, the start, the increment and the owning column."""
        owned = f", owned by {self.owner}" if self.owner else ""
        return f"{self.type} from {self.start} by {self.increment}{owned}"


@dataclass(frozen=True)
class Function:
    """A function, procedure or aggregate. `name` includes the argument types, which distinguish overloads."""

    name: str
    kind: str
    definition: str
    comment: str | None

    @property
    def summary(self) -> str:
        """Return the first line of the definition."""
        return self.definition.partition("\n")[0]


@dataclass(frozen=True, order=True)
class Grant:
    """A privilege that a role other than the owner holds; `on` names the object, as in `table users`."""

    on: str
    grantee: str
    privilege: str
    grantable: bool


@dataclass(frozen=True)
class Catalogue:
    """Everything that one schema holds, each part sorted by name.

    Grants are reported but not compared: two databases are equal whatever their roles may do.
    """

    relations: tuple[Relation, ...]
    enums: tuple[EnumType, ...]
    domains: tuple[Domain, ...]
    sequences: tuple[Sequence, ...]
    functions: tuple[Function, ...]
    grants: tuple[Grant, ...] = field(compare=False)

    @property
    def tables(self) -> tuple[Relation, ...]:
        """Return the ordinary, partitioned and foreign tables."""
        return tuple(relation for relation in self.relations if relation.kind.endswith("table"))

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of everything that is compared.

        It is the same for equal catalogues on every server.
        """
        compared = dataclasses.replace(self, grants=())
        text = json.dumps(compared, default=_fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _fields(value: object) -> dict[str, object]:
    fields = vars(value)
    if not isinstance(value, Relation):
        return fields
    return {name: field for name, field in fields.items() if name not in LEFT_OUT or field != LEFT_OUT[name]}
