"""Models drawn by chance: a few tables of a few columns, and what another author makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
TABLES = ("pupils", "rooms", "select")
COLUMNS = ("code", "name", "Since", "order", "extra")
LABELS = ("new", "it's", "Done")
TYPES: Mapping[str, tuple[Any, str, str]] = {
    "smallint": (sa.SmallInteger(), "1", "{} > -32768"),
    "integer": (sa.Integer(), "7", "{} <> 1234567"),
    "bigint": (sa.BigInteger(), "7", "{} <> 1234567"),
    "numeric": (sa.Numeric(10, 2), "0.50", "{} < 100000"),
    "double": (sa.Float(), "0.5", "{} < 1e9"),
    "short": (sa.String(20), "'it''s'", "{} <> 'never'"),
    "longer": (sa.String(60), "''", "char_length({}) < 60"),
    "text": (sa.Text(), "'%'", "{} <> 'never'"),
    "boolean": (sa.Boolean(), "true", "{} is not null or true"),
    "date": (sa.Date(), "'2024-02-29'", "{} > '1900-01-01'"),
    "instant": (sa.DateTime(timezone=True), "now()", "{} > '1900-01-01 00:00:00+00'"),
    "clock": (sa.DateTime(), "'2024-02-29 12:00:00'", "{} > '1900-01-01 00:00:00'"),
    "interval": (sa.Interval(), "'1 day'", "{} > '-100 years'"),
    "uuid": (sa.Uuid(), "gen_random_uuid()", "{} <> '00000000-0000-0000-0000-000000000000'"),
    "document": (postgresql.JSONB(), "'{}'", "{} <> '[]'"),
    "numbers": (postgresql.ARRAY(sa.Integer), "'{}'", "cardinality({}) < 1000"),
    "words": (postgresql.ARRAY(sa.Text), "'{}'", "cardinality({}) < 1000"),
    "label": (None, "'new'", "{} is not null or true"),
}
"""By a name: the type, a value of it as SQL, and a rule that its rows keep."""


@dataclass(frozen=True)
class DrawnColumn:
    """What somebody says of one column."""

    type: str
    nullable: bool
    default: bool
    unique: bool
    index: bool
    rule: bool
    comment: str | None
    labels: int
    """How many labels its enum type has, if it has one."""


@dataclass(frozen=True)
class DrawnTable:
    """What somebody says of one table; `refers` names the table of its foreign key, `together` two unique columns."""

    columns: Mapping[str, DrawnColumn]
    comment: str | None
    refers: str | None
    together: bool


Drawn = Mapping[str, DrawnTable]
COMMENT = st.sampled_from([None, None, "of the school", "what 'it' is: 100 %", "Zoë"])
COLUMN = st.builds(
    DrawnColumn,
    type=st.sampled_from(sorted(TYPES)),
    nullable=st.booleans(),
    default=st.booleans(),
    unique=st.integers(0, 5).map(lambda drawn: drawn == 5),
    index=st.integers(0, 3).map(lambda drawn: drawn == 3),
    rule=st.integers(0, 3).map(lambda drawn: drawn == 3),
    comment=COMMENT,
    labels=st.integers(2, len(LABELS)),
)
TABLE = st.builds(
    DrawnTable,
    columns=st.dictionaries(st.sampled_from(COLUMNS), COLUMN, min_size=1, max_size=len(COLUMNS)),
    comment=COMMENT,
    refers=st.sampled_from([None, *TABLES]),
    together=st.integers(0, 3).map(lambda drawn: drawn == 3),
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Drawn, Drawn]:
    """Two sets of models: what is of one name in both is the same more often than not."""

    def kept(old: Any, others: st.SearchStrategy[Any], of: int) -> Any:
        return draw(others) if draw(st.integers(1, of)) == 1 else old

    first = draw(st.dictionaries(st.sampled_from(TABLES), TABLE, min_size=1, max_size=len(TABLES)))
    second: dict[str, DrawnTable] = {}
    for name in TABLES:
        old = first.get(name)
        new: DrawnTable | None = kept(old, st.one_of(st.none(), TABLE), 6)
        if new is None:
            continue
        if new is old:
            columns = {each: kept(new.columns.get(each), st.one_of(st.none(), COLUMN), 3) for each in COLUMNS}
            new = replace(
                new,
                columns={each: column for each, column in columns.items() if column is not None},
                comment=kept(new.comment, COMMENT, 5),
                refers=kept(new.refers, st.sampled_from([None, *TABLES]), 4),
                together=kept(new.together, st.booleans(), 5),
            )
        second[name] = new
    return first, second


def metadata(drawn: Drawn) -> sa.MetaData:
    """Return the models that were drawn."""
    made = sa.MetaData(naming_convention=NAMING)
    for name, table in drawn.items():
        target = sa.Table(
            name, made,
            sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
            *(_column(name, each, column) for each, column in table.columns.items()),
            comment=table.comment,
        )  # fmt: skip
        for each, column in table.columns.items():
            if column.rule:
                text = TYPES[column.type][2].format(f'"{each}"')
                target.append_constraint(sa.CheckConstraint(text, name=each.lower()))
            if column.unique and column.type != "document":
                target.append_constraint(sa.UniqueConstraint(each))
            if column.index:
                sa.Index(f"{name}_{each}_idx", target.c[each])
        if table.refers in drawn:
            key = sa.Column("of_id", sa.BigInteger, sa.ForeignKey(f"{table.refers}.id"), index=True)
            target.append_column(key)
        if table.together and len(table.columns) > 1:
            target.append_constraint(sa.UniqueConstraint("id", min(table.columns), name=f"{name}_together"))
    return made


def _column(table: str, name: str, drawn: DrawnColumn) -> sa.Column[Any]:
    kind, value, _ = TYPES[drawn.type]
    if kind is None:
        kind = sa.Enum(*LABELS[: drawn.labels], name=f"{table}_{name}_label".lower())
    default = sa.text(value) if drawn.default else None
    return sa.Column(name, kind, nullable=drawn.nullable, server_default=default, comment=drawn.comment)
