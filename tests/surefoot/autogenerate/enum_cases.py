"""Model changes to the labels of enum types, wherever a column or a rule has one; each a row of the table."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.surefoot.autogenerate.cases import KEY, Case, Edit, add, both, column, drop_named, index, sql, table

NAME = "mood"
ODD = 'Mood "kind"'


def enum(*labels: str, name: str = NAME) -> sa.Enum:
    return sa.Enum(*labels, name=name)


def stuff(*parts: sa.schema.SchemaItem) -> Edit:
    return table("stuff", KEY, *parts)


def label_of(*columns: str) -> Edit:
    """The type without the label 'late' in columns of table `stuff`; those called moods are arrays."""
    kinds = {name: sa.ARRAY(enum("calm", "glad")) if name == "moods" else enum("calm", "glad") for name in columns}
    return both(*(column("stuff", name, type=kind) for name, kind in kinds.items()))


MOOD: sa.Column[Any] = sa.Column("mood", enum("calm", "glad", "late"), nullable=False, server_default="calm")
MOODS: sa.Column[Any] = sa.Column("moods", sa.ARRAY(enum("calm", "glad", "late")))
ARRAYS = (
    "insert into stuff (moods) values ('{calm,glad,glad}'), ('{}'), (null), ('{null,calm}')",
    "insert into stuff (moods) values ('{{calm,glad},{glad,calm}}')",
)
WHEN = "create function noted() returns trigger language plpgsql as $$ begin return new; end $$"

ENUM_CASES = (
    Case(
        "a label less in an array",
        label_of("moods"),
        ("op.change_enum(\"mood\", [\"calm\", \"glad\"]", "arrays={\"stuff\": [\"moods\"]}"),
        before=stuff(MOODS),
        rows=ARRAYS,
        everywhere=True,
    ),
    Case(
        "a label less in an array with a default, an index and a rule",
        both(label_of("moods"), column("stuff", "moods", server_default=sa.text("array['calm'::mood]"))),
        before=both(
            stuff(sa.Column("moods", sa.ARRAY(enum("calm", "glad", "late")), nullable=False,
                            server_default=sa.text("array['calm'::mood]")),
                  sa.CheckConstraint("cardinality(moods) < 9 and not ('glad'::mood = all (moods))", name="few")),
            index("stuff", "ix_stuff_moods", "moods", postgresql_using="gin"),
        ),
        rows=("insert into stuff (moods) values ('{calm}'), ('{calm,glad}'), (default)",),
    ),
    Case(
        "a label that was in an array's default",
        both(label_of("moods"), column("stuff", "moods", server_default="{calm}")),
        before=stuff(sa.Column("moods", sa.ARRAY(enum("calm", "glad", "late")), server_default="{glad,late}")),
        rows=ARRAYS,
    ),
    Case(
        "a label more in an array's default",
        both(column("stuff", "moods", type=sa.ARRAY(enum("calm", "glad", "late", "new"))),
             column("stuff", "moods", server_default="{new}")),
        before=stuff(sa.Column("moods", sa.ARRAY(enum("calm", "glad", "late")), server_default="{calm}")),
        rows=ARRAYS,
    ),
    Case(
        "a label less in two tables, once in an array",
        both(label_of("mood", "moods"), column("others", "mood", type=enum("calm", "glad"))),
        before=both(stuff(MOOD, MOODS), table("others", KEY, sa.Column("mood", enum("calm", "glad", "late")))),
        rows=(*ARRAYS, "insert into others (mood) values ('glad'), (null)"),
    ),
    Case(
        "a label less of a type with an odd name",
        both(column("stuff", "mood", type=enum("it's 50%", "glad", name=ODD)),
             column("stuff", "moods", type=sa.ARRAY(enum("it's 50%", "glad", name=ODD)))),
        before=stuff(sa.Column("mood", enum("it's 50%", "glad", "a:b", name=ODD), server_default="it's 50%"),
                     sa.Column("moods", sa.ARRAY(enum("it's 50%", "glad", "a:b", name=ODD)))),
        rows=("insert into stuff (mood, moods) values ('glad', '{it''s 50%}'), (default, '{glad}'), (null, null)",),
    ),
    Case(
        "a label less under views",
        label_of("mood"),
        ("drop view if exists seen", "create or replace view seen as"),
        before=both(
            stuff(MOOD),
            sql("create view seen as select id, mood from stuff where mood <> 'calm'",
                "create view seen_again as select mood, count(*) as many from seen group by mood",
                "create materialized view kept as select id, mood from stuff",
                "create unique index kept_id on kept (id)",
                "create view glad_ones as select 'glad'::mood as mood"),
        ),
        rows=("insert into stuff (mood) values ('calm'), ('glad')",),
    ),
    Case(
        "a label less where rules name the others",
        label_of("mood"),
        before=both(
            stuff(MOOD, sa.Column("code", sa.Text),
                  sa.CheckConstraint("mood <> 'glad' or code is not null", name="said")),
            index("stuff", "ix_stuff_code", "code", unique=True, postgresql_where=sa.text("mood = 'glad'")),
            index("stuff", "ix_stuff_case", sa.text("(case when mood = 'calm' then code end)")),
            sql(WHEN, "create trigger stuff_noted before update of mood on stuff for each row "
                      "when (new.mood = 'glad') execute function noted()"),
        ),
        rows=("insert into stuff (mood, code) values ('calm', null), ('glad', 'a'), ('calm', 'a'), ('glad', 'b')",),
        everywhere=True,
    ),
    Case(
        "a label less that rules named",
        both(
            label_of("mood"),
            drop_named("stuff", "stuff_said_check"),
            add("stuff", lambda: sa.CheckConstraint("mood <> 'glad'", name="said")),
            drop_named("stuff", "ix_stuff_code"),
            index("stuff", "ix_stuff_code", "code", postgresql_where=sa.text("mood = 'calm'")),
        ),
        before=both(
            stuff(MOOD, sa.Column("code", sa.Text), sa.CheckConstraint("mood not in ('glad', 'late')", name="said")),
            index("stuff", "ix_stuff_code", "code", postgresql_where=sa.text("mood in ('calm', 'late')")),
        ),
        rows=("insert into stuff (mood, code) values ('calm', null), ('calm', 'a')",),
    ),
    Case(
        "labels in another order",
        column("stuff", "mood", type=enum("late", "calm", "glad")),
        before=both(stuff(MOOD), index("stuff", "ix_stuff_mood", "mood", "id")),
        rows=("insert into stuff (mood) values ('calm'), ('glad'), ('late')",),
    ),
    Case(
        "a label under another name",
        column("stuff", "mood", type=enum("calm", "joyful", "late")),
        ("# Is 'joyful' the new name of label 'glad'?",),
        before=stuff(MOOD),
        rows=("insert into stuff (mood) values ('calm'), ('late')",),
    ),
    Case(
        "a label more first and one last",
        both(column("stuff", "mood", type=enum("first", "calm", "glad", "late", "last")),
             column("stuff", "moods", type=sa.ARRAY(enum("first", "calm", "glad", "late", "last")))),
        before=stuff(MOOD, MOODS),
        rows=ARRAYS,
    ),
    Case(
        "a label less and NOT NULL",
        both(label_of("mood"), column("stuff", "mood", nullable=False)),
        before=stuff(sa.Column("mood", enum("calm", "glad", "late"))),
        rows=("insert into stuff (mood) values ('calm'), ('glad')",),
    ),
    Case(
        "a label less that a serving default had, under a view",
        both(label_of("mood"), column("stuff", "mood", server_default="glad")),
        before=both(
            stuff(sa.Column("mood", enum("calm", "glad", "late"), nullable=False, server_default="late")),
            sql("create view seen as select id, mood from stuff"),
        ),
        rows=("insert into stuff (mood) values ('calm')",),
    ),
    Case(
        "another enum with another default",
        column("stuff", "mood", type=enum("glad", "new", name="temper"), server_default="new"),
        before=stuff(MOOD),
        rows=("insert into stuff (mood) values ('glad'), ('glad')",),
    ),
    Case(
        "a number in the place of text with another default",
        both(column("stuff", "code", type=sa.Integer(), server_default=sa.text("0")),
             column("stuff", "note", type=sa.Date(), server_default=None)),
        before=stuff(sa.Column("code", sa.String(9), nullable=False, server_default="none: it's"),
                     sa.Column("note", sa.Text, server_default="never")),
        rows=("insert into stuff (code, note) values ('17', null), ('-1', '2026-02-28')",),
    ),
    Case(
        "text in an array becomes an enum",
        column("stuff", "moods", type=sa.ARRAY(enum("calm", "glad"))),
        before=stuff(sa.Column("moods", sa.ARRAY(sa.Text))),
        rows=("insert into stuff (moods) values ('{calm,glad}'), ('{}'), (null)",),
    ),
    Case(
        "an array of an enum becomes text",
        column("stuff", "moods", type=sa.ARRAY(sa.Text)),
        before=stuff(MOODS),
        rows=ARRAYS,
    ),
    Case(
        "a table that has an array of an enum goes",
        lambda metadata: metadata.remove(metadata.tables["stuff"]),
        ("op.retire_table(\"stuff\")", "op.retire_enum(\"mood\")"),
        before=stuff(sa.Column("moods", postgresql.ARRAY(enum("calm", "glad")))),
        rows=("insert into stuff (moods) values ('{calm,glad}')",),
    ),
)  # fmt: skip
