"""The catalogue of one PostgreSQL schema as frozen values. Two schemas are equal when their catalogues are (`==`).

Texts are PostgreSQL's own (`format_type`, `pg_get_*def`), printed without the name of the schema they stand in.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """A column. Its physical position is left out: it differs between databases that are equal."""

    name: str
    type: str
    collation: str | None  # only where it is not the type's own
    nullability: str  # "null", "not null", or "not null, not valid" (PostgreSQL 18)
    default: str | None
    identity: str | None  # "always" or "by default"
    generated: str | None  # the expression, then "stored" or "virtual"
    comment: str | None

    @property
    def nullable(self) -> bool:
        """Whether the column accepts NULL."""
        return self.nullability == "null"

    @property
    def summary(self) -> str:
        """The column in a few words."""
        return f"{self.type} {self.nullability}"


@dataclass(frozen=True)
class Constraint:
    """A primary key, unique, foreign key, check or exclusion constraint; NOT NULL stands with the column."""

    name: str
    kind: str  # as in pg_constraint.contype: p, u, f, c or x
    definition: str
    valid: bool
    comment: str | None

    @property
    def shape(self) -> str:
        """What the constraint says, whatever its name."""
        return self.definition

    @property
    def summary(self) -> str:
        """The constraint as its definition."""
        return self.definition


@dataclass(frozen=True)
class Index:
    """An index; method, columns and predicate are all in the definition."""

    name: str
    definition: str
    valid: bool  # usable by queries and kept up by writes: an interrupted concurrent build leaves it neither
    constraint: str | None  # the constraint that it backs
    comment: str | None

    @property
    def shape(self) -> str:
        """The definition without the index's own name."""
        before, _, after = self.definition.partition(self.name.replace('"', '""'))
        return before.removesuffix('"') + after.removeprefix('"')

    @property
    def summary(self) -> str:
        """The index as its definition."""
        return self.definition


@dataclass(frozen=True)
class Trigger:
    """A trigger that a person made; those behind foreign keys are left out."""

    name: str
    definition: str
    enabled: str  # "on", "off", "on replicas only" or "always"
    comment: str | None

    @property
    def summary(self) -> str:
        """The trigger as its definition."""
        return self.definition


@dataclass(frozen=True)
class Policy:
    """A row security policy."""

    name: str
    definition: str
    comment: str | None

    @property
    def summary(self) -> str:
        """The policy as its definition."""
        return self.definition


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table, foreign table, view, materialized view or composite type, with all that hangs on it."""

    name: str
    kind: str
    persistence: str  # "permanent" or "unlogged"
    row_security: str  # "off", "on", "forced", or "off, though forced"
    partition_key: str | None
    partition_bound: str | None
    inherits: tuple[str, ...]
    options: tuple[str, ...]
    definition: str | None  # a view's query
    comment: str | None
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    policies: tuple[Policy, ...]

    @property
    def summary(self) -> str:
        """The relation in a few words."""
        return f"{len(self.columns)} column{'' if len(self.columns) == 1 else 's'}"


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
        compared = dataclasses.asdict(dataclasses.replace(self, grants=()))
        text = json.dumps(compared, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
