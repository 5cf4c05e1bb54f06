"""The catalogue of one PostgreSQL schema as a frozen value. Two schemas are equal when their catalogues are (`==`)."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

from surefoot.catalogue.relations import Relation


@dataclass(frozen=True)
class EnumType:
    """An enum type with its labels in order."""

    name: str
    labels: tuple[str, ...]
    comment: str | None

    @property
    def summary(self) -> str:
        """The labels."""
        return ", ".join(self.labels)


@dataclass(frozen=True)
class Domain:
    """A domain with its constraints."""

    name: str
    type: str
    collation: str | None
    nullability: str
    default: str | None
    checks: tuple[str, ...]
    comment: str | None

    @property
    def summary(self) -> str:
        """The domain in a few words."""
        return " ".join((self.type, self.nullability, *self.checks))


@dataclass(frozen=True)
class Owner:
    """The column that a sequence belongs to."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Sequence:
    """A sequence, one behind an identity column included; where it has counted to is left out."""

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
        """The sequence in a few words."""
        owned = f", owned by {self.owner}" if self.owner else ""
        return f"{self.type} from {self.start} by {self.increment}{owned}"


@dataclass(frozen=True)
class Function:
    """A function, procedure or aggregate; `name` carries the argument types, which tell overloads apart."""

    name: str
    kind: str
    definition: str
    comment: str | None

    @property
    def summary(self) -> str:
        """The first line of the definition."""
        return self.definition.partition("\n")[0]


@dataclass(frozen=True, order=True)
class Grant:
    """A privilege that somebody beside the owner holds."""

    on: str
    grantee: str
    privilege: str
    grantable: bool


@dataclass(frozen=True)
class Catalogue:
    """Everything that one schema holds, each part in order of name. Grants are reported, never compared."""

    relations: tuple[Relation, ...]
    enums: tuple[EnumType, ...]
    domains: tuple[Domain, ...]
    sequences: tuple[Sequence, ...]
    functions: tuple[Function, ...]
    grants: tuple[Grant, ...] = field(compare=False)

    @property
    def tables(self) -> tuple[Relation, ...]:
        """The tables, without views and composite types."""
        return tuple(relation for relation in self.relations if relation.kind.endswith("table"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that is compared: the same for equal catalogues, on every server version."""
        compared = dataclasses.replace(self, grants=())
        text = json.dumps(compared, default=vars, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
