"""Tables, views and their columns, constraints, indexes, triggers, policies and rules, as frozen values.

Texts are PostgreSQL's own (`format_type`, `pg_get_*def`), without the name of the schema that is read.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column. Its position (attnum) is left out, because equal databases may differ in it."""

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
        """Return whether the column accepts NULL."""
        return self.nullability == "null"

    @property
    def summary(self) -> str:
        """Return the type and the nullability."""
        return f"{self.type} {self.nullability}"


class _Defined:
    """A part of a relation that messages show as its definition."""

    definition: str

    @property
    def summary(self) -> str:
        """Return the definition."""
        return self.definition


@dataclass(frozen=True)
class Constraint(_Defined):
    """A primary key, unique, foreign key, check or exclusion constraint. NOT NULL is a field of the column."""

    name: str
    kind: str  # as in pg_constraint.contype: p, u, f, c or x
    definition: str
    valid: bool
    comment: str | None

    @property
    def shape(self) -> str:
        """Return the definition, which does not contain the name: two constraints of one shape differ in name only."""
        return self.definition


@dataclass(frozen=True)
class Index(_Defined):
    """An index. The definition contains its method, columns and predicate."""

    name: str
    definition: str
    valid: bool  # indisvalid and indisready; an interrupted CREATE INDEX CONCURRENTLY leaves an invalid index
    constraint: str | None  # the constraint that the index backs
    comment: str | None

    @property
    def shape(self) -> str:
        """Return the definition without the name of the index."""
        before, _, after = self.definition.partition(self.name.replace('"', '""'))
        return before.removesuffix('"') + after.removeprefix('"')


@dataclass(frozen=True)
class Trigger(_Defined):
    """A trigger that was created by CREATE TRIGGER, not an internal one of a foreign key."""

    name: str
    definition: str
    enabled: str  # "on", "off", "on replicas only" or "always"
    comment: str | None


@dataclass(frozen=True)
class Policy(_Defined):
    """A row security policy."""

    name: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Rule(_Defined):
    """A rewrite rule, which may swallow what is written: never the one that a view is made of."""

    name: str
    definition: str
    enabled: str  # as in Trigger
    comment: str | None

    @property
    def swallows(self) -> bool:
        """Return whether something else is done instead of the statement, and no error says so."""
        return " DO INSTEAD" in self.definition and self.enabled != "off"


@dataclass(frozen=True)
class Statistics(_Defined):
    """Extended statistics (CREATE STATISTICS). How many values are sampled is left out: that is the operator's."""

    name: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Relation:
    """A table of any kind, a view, materialized view or composite type, with its columns and other parts."""

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
    # what catalogues that are released already have no word for has a default, which the fingerprint leaves out
    rules: tuple[Rule, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    replica_identity: str = "default"  # or "full", "nothing", "index <name>"

    @property
    def summary(self) -> str:
        """Return the number of columns, in words."""
        return f"{len(self.columns)} column{'' if len(self.columns) == 1 else 's'}"
