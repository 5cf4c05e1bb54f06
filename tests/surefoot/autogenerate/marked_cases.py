"""Model changes that no operation makes: each is marked in the revision, which does not run with the mark."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.surefoot.autogenerate.cases import KEY, Case, Edit, add, both, column, drop_named, index, sql, table
from tests.surefoot.autogenerate.enum_cases import MOOD, enum
from tests.surefoot.autogenerate.part_cases import EXCLUDED


def stuff(*parts: sa.schema.SchemaItem, **options: object) -> Edit:
    return table("stuff", KEY, *parts, **options)


PAIR = "create type pair as (mood mood, n int)"
PART = "create table stuff_1 partition of stuff default"
LESS = column("stuff", "mood", type=enum("calm", "glad"))
LESS_OF_TWO = both(LESS, column("others", "mood", type=enum("calm", "glad")))
NUMBER = sa.Column("n", sa.Integer, nullable=False)
BIGGER = column("stuff", "n", type=sa.BigInteger())

MARKED_CASES = (
    Case(
        "a key that becomes bigint",
        column("stuff", "id", type=sa.BigInteger()),
        ("stuff.id cannot be changed by what follows: it is part of primary key stuff_pkey",),
        before=table("stuff", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True)),
    ),
    Case(
        "one column of a key that becomes bigint",
        BIGGER,
        ("it is part of primary key stuff_pkey",),
        before=table("stuff", *(sa.Column(name, sa.Integer, primary_key=True) for name in ("id", "n"))),
    ),
    Case(
        "a type under a generated column",
        BIGGER,
        ("generated column twice is made from it",),
        before=stuff(NUMBER, sa.Column("twice", sa.BigInteger, sa.Computed("n * 2", persisted=True))),
    ),
    Case(
        "a wider text under a generated column",
        column("stuff", "code", type=sa.String(90)),
        ("generated column low is made from it",),
        before=stuff(sa.Column("code", sa.String(50)), sa.Column("low", sa.Text, sa.Computed("lower(code)"))),
    ),
    Case(
        "a type under a policy",
        BIGGER,
        ("policy own needs it",),
        before=both(stuff(NUMBER), sql("create policy own on stuff using (n > 0)")),
    ),
    Case(
        "a wider text under a policy",
        column("stuff", "code", type=sa.String(90)),
        ("policy own needs it",),
        before=both(stuff(sa.Column("code", sa.String(50))), sql("create policy own on stuff using (code <> '')")),
    ),
    Case(
        "a type in an exclusion constraint",
        column("stuff", "address", type=postgresql.CIDR()),
        ("it is part of exclusion constraint stuff_once",),
        before=EXCLUDED,
    ),
    Case(
        "a type under a rule that swallows",
        BIGGER,
        ("rule kept does something else",),
        before=both(stuff(NUMBER), sql("create rule kept as on delete to stuff do instead nothing")),
    ),
    Case(
        "a type that a function's body needs",
        BIGGER,
        ("needs it",),
        before=both(stuff(NUMBER), sql(
            "create function total() returns bigint language sql begin atomic select sum(n) from stuff; end"
        )),
    ),
    Case(
        "a type of a partitioned table",
        both(
            table("stuff", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.BigInteger, nullable=False),
                  postgresql_partition_by="range (id)"),
            sql(PART),
        ),
        ("stuff is a partitioned table",),
        rows=("create table stuff (id int constraint stuff_pkey primary key, n int not null) partition by range (id)",
              PART),
    ),
    Case(
        "a column of a domain with a rule",
        add("stuff", sa.Column("grade", postgresql.DOMAIN("grade", sa.Integer, create_type=False))),
        ("stuff.grade is a checked domain's column",),
        before=stuff(sa.Column("kept", postgresql.DOMAIN("grade", sa.Integer, check="value > 0"))),
    ),
    Case(
        "an exclusion constraint on a table that is there",
        add("stuff", lambda: postgresql.ExcludeConstraint(("during", "&&"), name="once", using="gist")),
        ("constraint once on stuff has to be added",),
        before=stuff(sa.Column("during", postgresql.TSTZRANGE)),
    ),
    Case(
        "an exclusion constraint goes",
        drop_named("stuff", "once"),
        ("constraint once on stuff has to be added",),
        before=both(
            stuff(sa.Column("during", postgresql.TSTZRANGE)),
            add("stuff", lambda: postgresql.ExcludeConstraint(("during", "&&"), name="once", using="gist")),
        ),
    ),
    Case(
        "a table that is no longer logged",
        lambda metadata: setattr(metadata.tables["stuff"], "_prefixes", ["UNLOGGED"]),
        ("persistence is permanent and shall be unlogged",),
        before=stuff(),
    ),
    Case(
        "a table that is logged",
        lambda metadata: setattr(metadata.tables["stuff"], "_prefixes", []),
        ("persistence is unlogged and shall be permanent",),
        before=stuff(prefixes=["UNLOGGED"]),
    ),
    Case(
        "a unique index that no longer fits",
        both(column("stuff", "code", type=sa.Integer()), drop_named("stuff", "uq_stuff"),
             index("stuff", "uq_stuff", "code", unique=True)),
        ("unique index uq_stuff on stuff cannot stay while a type changes",),
        before=both(stuff(sa.Column("code", sa.Text)),
                    index("stuff", "uq_stuff", sa.text("lower(code)"), unique=True)),
    ),
    # labels
    Case(
        "a label less under a domain",
        LESS,
        ("domain good is made from it",),
        before=both(stuff(MOOD), sql("create domain good as mood check (value <> 'glad')")),
    ),
    Case(
        "a label less in a composite type",
        both(LESS, sql(PAIR)),
        ("composite type pair has it",),
        before=stuff(MOOD),
        rows=(PAIR,),
    ),
    Case(
        "a label less of a function's argument",
        LESS,
        ("function of_mood(mood) has it",),
        before=both(stuff(MOOD), sql("create function of_mood(mood) returns text language sql as 'select $1::text'")),
    ),
    Case(
        "a label less under a generated column",
        LESS,
        ("stuff.mood: generated column merry is made from it",),
        before=stuff(MOOD, sa.Column("merry", sa.Boolean, sa.Computed("mood = 'glad'", persisted=True))),
    ),
    Case(
        "a label less in a primary key",
        LESS,
        ("stuff.mood: it is part of primary key stuff_pkey",),
        before=table("stuff", sa.Column("mood", enum("calm", "glad", "late"), primary_key=True)),
    ),
    Case(
        "a label less under a policy",
        LESS,
        ("stuff.mood: policy own needs it",),
        before=both(stuff(MOOD), sql("create policy own on stuff using (mood <> 'glad')")),
    ),
    Case(
        "a label less that a foreign key joins",
        LESS_OF_TWO,
        ("foreign key others_mood_fkey joins it",),
        before=both(
            stuff(sa.Column("mood", enum("calm", "glad", "late"), unique=True)),
            table("others", KEY, sa.Column("mood", enum("calm", "glad", "late"), sa.ForeignKey("stuff.mood"))),
        ),
    ),
    Case(
        "a label more under a domain, on the way down",
        column("stuff", "mood", type=enum("calm", "glad", "late", "new")),
        ("domain good is made from it",),
        before=both(stuff(MOOD), sql("create domain good as mood check (value <> 'glad')")),
    ),
)  # fmt: skip
