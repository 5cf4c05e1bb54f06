"""Model changes to types of the application's own, identities and rare parts of tables, each a row of the table."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.surefoot.autogenerate.cases import KEY, Case, Edit, add, both, column, drop_table, table


class Guid(sa.TypeDecorator[Any]):
    """As SQLAlchemy's guide has it."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql.UUID() if native else sa.CHAR(32))


class Settings(sa.TypeDecorator[Any]):
    impl = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    cache_ok = True


class Codes(sa.TypeDecorator[Any]):
    impl = postgresql.ARRAY(sa.String(3))
    cache_ok = True


class Short(sa.String):
    """A subclass of one of SQLAlchemy's."""


class Point(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "point"


class Words(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tsvector"


OWN: tuple[sa.Column[Any], ...] = (
    sa.Column("guid", Guid, server_default=sa.text("gen_random_uuid()"), unique=True),
    sa.Column("options", Settings, nullable=False, server_default="{}"),
    sa.Column("codes", Codes),
    sa.Column("short", Short(7), nullable=False, server_default="it's"),
    sa.Column("place", Point),
    sa.Column("words", Words),
    sa.Column("guids", sa.ARRAY(Guid)),
    sa.Column("variant", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
    sa.Column("lasts", sa.Interval, server_default="PT1H30M"),
    sa.Column("precise", sa.Interval(second_precision=3)),
    sa.Column("days", postgresql.INTERVAL(fields="DAY TO SECOND", precision=2)),
    sa.Column("long_ago", sa.Interval(native=False)),
)


def stuff(*parts: sa.schema.SchemaItem, **options: Any) -> Edit:
    return table("stuff", KEY, *parts, **options)


def once() -> sa.Constraint:
    return postgresql.ExcludeConstraint(
        ("address", "&&"), ("during", "&&"), name="stuff_once", using="gist", where=sa.text("open"),
        ops={"address": "inet_ops"}, deferrable=True, initially="DEFERRED",
    )  # fmt: skip


def counted(*options: sa.Identity | None, **kind: Any) -> Edit:
    """Table `stuff` with a column `n` that counts."""
    return stuff(sa.Column("n", sa.Integer, *filter(None, options), **kind))


def identity(**options: Any) -> Edit:
    """Another identity of stuff.n, or a first one."""

    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables["stuff"].c.n
        target.identity = target.server_default = None
        target.nullable = False
        target._init_items(sa.Identity(**options))

    return edit


def no_identity(default: str | None) -> Edit:
    def edit(metadata: sa.MetaData) -> None:
        target = metadata.tables["stuff"].c.n
        target.identity = None
        target.server_default = sa.DefaultClause(sa.text(default)) if default else None

    return edit


EXCLUDED = both(
    stuff(
        sa.Column("during", postgresql.TSTZRANGE, nullable=False),
        sa.Column("address", postgresql.INET),
        sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    ),
    add("stuff", once),
)
NUMBERS = ("insert into stuff (n) values (default), (default)", "insert into stuff (n) values (41)")
PART_CASES = (
    # types of the application's own
    Case(
        "a table with types of the application's own",
        stuff(*OWN),
        ("sa.UUID()", "postgresql.JSONB(", "postgresql.TSVECTOR()", "add column if not exists place point",
         "postgresql.INTERVAL()", "postgresql.INTERVAL(precision=2, fields=\"DAY TO SECOND\")"),
        unsaid=("PGUuid", "Guid"),
        everywhere=True,
    ),
    Case(
        "columns with types of the application's own",
        both(*(add("stuff", each) for each in OWN)),
        ("sa.UUID()", "add column if not exists place point"),
        before=stuff(),
        rows=("insert into stuff default values",),
        unsaid=("PGUuid",),
    ),
    Case(
        "columns with types of the application's own go",
        lambda metadata: metadata.remove(metadata.tables["stuff"]),
        before=stuff(*OWN),
        rows=("insert into stuff (codes, place, lasts) values ('{abc}', '(1,2)', '1 day 02:03:04.56')",),
    ),
    Case(
        "text becomes a type of the application's own",
        column("stuff", "code", type=Guid()),
        ("sa.UUID()",),
        before=stuff(sa.Column("code", sa.String(36), unique=True)),
        rows=("insert into stuff (code) values (gen_random_uuid()), (null), ('00000000-0000-0000-0000-000000000000')",),
    ),
    Case(
        "an interval instead of text, and one of fewer fields",
        both(column("stuff", "a", type=sa.Interval()), column("stuff", "b", type=sa.Interval(second_precision=0))),
        before=stuff(sa.Column("a", sa.Text), sa.Column("b", sa.Interval(second_precision=6))),
        rows=("insert into stuff (a, b) values ('1 mon 2 days', '3 days 00:00:01'), (null, null)",),
    ),
    Case(
        "columns of a domain",
        both(
            add("stuff", sa.Column("grade", postgresql.DOMAIN("grade", sa.Integer, create_type=False))),
            table("others", KEY,
                  sa.Column("grade", postgresql.DOMAIN("grade", sa.Integer, create_type=False), unique=True)),
        ),
        ("add column if not exists grade grade",),
        before=stuff(sa.Column("kept", postgresql.DOMAIN("grade", sa.Integer))),
        rows=("insert into stuff (kept) values (1), (null)",),
    ),
    # whole tables
    Case(
        "an unlogged table",
        stuff(sa.Column("note", sa.Text), prefixes=["UNLOGGED"], postgresql_with={"fillfactor": 70}),
        ("prefixes=[\"UNLOGGED\"]", "set (fillfactor=70)"),
    ),
    Case(
        "an unlogged table goes",
        drop_table("stuff"),
        ("prefixes=[\"UNLOGGED\"]", "set (fillfactor=70)"),
        before=stuff(sa.Column("note", sa.Text), prefixes=["UNLOGGED"], postgresql_with={"fillfactor": 70}),
    ),
    Case(
        "an exclusion constraint in a new table",
        EXCLUDED,
        ("inet_ops", "DEFERRABLE INITIALLY DEFERRED"),
        everywhere=True,
    ),
    Case(
        "a table with an exclusion constraint goes",
        drop_table("stuff"),
        ("inet_ops",),
        before=EXCLUDED,
    ),
    Case(
        "a table with rows and an exclusion constraint goes",
        drop_table("stuff"),
        before=EXCLUDED,
        rows=("insert into stuff (during, address) values (tstzrange(now(), null), '10.0.0.1')",),
    ),
    # numbers
    Case(
        "an identity of another mode and other options",
        identity(always=True, start=5, increment=5, cycle=True, maxvalue=1000),
        ("set generated always", "increment by 5"),
        before=counted(sa.Identity(), nullable=False),
        rows=NUMBERS,
        everywhere=True,
    ),
    Case(
        "an identity of another type, mode and step",
        both(column("stuff", "n", type=sa.BigInteger()), identity(always=True, increment=2)),
        before=counted(sa.Identity(), nullable=False),
        rows=NUMBERS,
    ),
    Case(
        "an identity that begins later",
        identity(start=1000, minvalue=1000),
        before=counted(sa.Identity(), nullable=False),
        rows=NUMBERS,
    ),
    Case(
        "an identity in the place of a default",
        identity(always=False, start=10, increment=10),
        ("add generated by default as identity (increment by 10 start with 10)", "alter_column(\"stuff\", \"n\""),
        before=counted(None, nullable=False, server_default="1"),
        rows=("insert into stuff (n) values (default), (7)",),
        everywhere=True,
    ),
    Case(
        "an identity that counts down",
        identity(increment=-1),
        before=counted(None, nullable=False),
        rows=("insert into stuff (n) values (-7), (3)",),
    ),
    Case(
        "a default in the place of an identity",
        no_identity("7"),
        before=counted(sa.Identity(increment=3, cache=5), nullable=False),
        rows=NUMBERS,
    ),
    Case(
        "no default in the place of an identity",
        no_identity(None),
        before=counted(sa.Identity(), nullable=False),
        rows=NUMBERS,
    ),
)  # fmt: skip
