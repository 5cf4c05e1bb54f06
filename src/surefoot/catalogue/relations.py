"""Tables, views and what hangs on them, as frozen values: the larger half of a catalogue.

Texts are PostgreSQL's own (`format_type`, `pg_get_*def`), printed without the name of the schema they stand in.
"""

from dataclasses import dataclass


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
    """A table of any kind, a view, materialized view or composite type, with all that hangs on it."""

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
