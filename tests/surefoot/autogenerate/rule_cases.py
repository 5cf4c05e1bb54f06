"""Model changes to unique rules and to types under indexes and triggers, each a row of the table."""

import sqlalchemy as sa

from tests.surefoot.autogenerate.cases import KEY, Case, Edit, add, both, column, drop_named, index, sql, table

WHEN = "create function noted() returns trigger language plpgsql as $$ begin return new; end $$"
NAMES = "'', 'O''Brien', 'Zoë \"quoted\" 学生', 'A', null"
ROWS = (f"insert into stuff (a, code) select row_number() over (), code from unnest(array[{NAMES}]) as code",)


def stuff(*parts: sa.schema.SchemaItem) -> Edit:
    return table("stuff", KEY, sa.Column("a", sa.Integer), sa.Column("code", sa.String(50)), *parts)


def unique_index(*columns: str | sa.TextClause, **options: object) -> Edit:
    return index("stuff", "uq_stuff", *columns, unique=True, **options)


def unique_key(*columns: str) -> Edit:
    return add("stuff", lambda: sa.UniqueConstraint(*columns, name="uq_stuff"))


LONG = f"code is null or code <> '{'no: 50% ' * 12}' and code <> all (array['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])"
WIDER = column("stuff", "code", type=sa.String(100))
RULE_CASES = (
    # unique rules that change: never a moment without one
    Case(
        "another unique index of a column whose type changes",
        both(drop_named("stuff", "uq_stuff"), unique_index("code", "a"), column("stuff", "a", type=sa.BigInteger())),
        ("replace=True",),
        before=both(stuff(), unique_index("code")),
        unsaid=("drop_index_online", "unfinished"),
        rows=ROWS,
    ),
    Case(
        "another unique index and another type of the same column",
        both(drop_named("stuff", "uq_stuff"), unique_index(sa.text("lower(code)"), postgresql_where=sa.text("a > 0")),
             column("stuff", "code", type=sa.Text()), column("stuff", "a", type=sa.BigInteger())),
        ("replace=True",),
        before=both(stuff(), unique_index(sa.text("lower(code)"))),
        unsaid=("drop_index_online", "unfinished"),
        rows=ROWS,
        everywhere=True,
    ),
    Case(
        "a unique key of columns whose type changes",
        both(drop_named("stuff", "uq_stuff"), unique_key("code", "a"), column("stuff", "a", type=sa.BigInteger())),
        ("replace=True",),
        before=both(stuff(), unique_key("a")),
        unsaid=("drop_constraint_online", "unfinished"),
        rows=ROWS,
    ),
    Case(
        "a unique index becomes a unique key",
        both(drop_named("stuff", "uq_stuff"), unique_key("code")),
        ("op.add_unique_online(\"uq_stuff\"", "replace=True"),
        before=both(stuff(), unique_index("code")),
        unsaid=("drop_index_online", "drop_constraint_online"),
        rows=ROWS,
    ),
    Case(
        "a unique index becomes a unique key of other columns",
        both(drop_named("stuff", "uq_stuff"), unique_key("code", "a")),
        before=both(stuff(), unique_index("code", postgresql_where=sa.text("a > 0"))),
        unsaid=("drop_index_online", "drop_constraint_online"),
        rows=ROWS,
        everywhere=True,
    ),
    Case(
        "a unique index that is no longer unique",
        both(drop_named("stuff", "uq_stuff"), index("stuff", "uq_stuff", "code")),
        ("replace=True",),
        before=both(stuff(), unique_index("code")),
        unsaid=("drop_index_online",),
        rows=ROWS,
    ),
    Case(
        "long texts",
        both(
            add("stuff", lambda: sa.CheckConstraint(LONG, name="long")),
            index("stuff", "ix_stuff_long", sa.text("a desc nulls last"), postgresql_where=sa.text(LONG)),
            column("stuff", "code", comment=LONG),
            column("stuff", "a", type=sa.BigInteger()),
            add("stuff", sa.Column("kind", sa.Text, server_default="x" * 150)),
            lambda metadata: setattr(metadata.tables["stuff"], "comment", f"It's {LONG}"),
        ),
        before=stuff(),
        rows=ROWS,
    ),
    # types under what ALTER TYPE builds anew
    Case(
        "a wider text under a unique index of an expression",
        WIDER,
        ("(to swap code)",),
        before=both(stuff(), unique_index(sa.text("lower(code)"))),
        rows=ROWS,
    ),
    Case(
        "a wider text under a partial index of another column",
        WIDER,
        ("(to swap code)",),
        before=both(stuff(), index("stuff", "ix_stuff_a", "a", postgresql_where=sa.text("code <> ''"))),
        rows=ROWS,
    ),
    Case(
        "a wider number under an index of an expression",
        column("stuff", "n", type=sa.Numeric(12, 2)),
        ("(to swap n)",),
        before=both(stuff(sa.Column("n", sa.Numeric(10, 2))), index("stuff", "ix_stuff_n", sa.text("round(n)"))),
        rows=(*ROWS, "insert into stuff (n) values (99999999.99), (-0.01)"),
    ),
    Case(
        "a wider text under plain indexes of every kind",
        WIDER,
        ("op.alter_column(\"stuff\", \"code\"", "no row is written"),
        before=both(
            stuff(),
            index("stuff", "ix_one", "code", postgresql_ops={"code": "varchar_pattern_ops"}),
            index("stuff", "ix_two", "code", postgresql_using="hash"),
            index("stuff", "ix_three", sa.text("code desc"), postgresql_include=["a"]),
            unique_key("code"),
        ),
        rows=ROWS,
    ),
    Case(
        "a wider text that a trigger watches",
        WIDER,
        ("(to swap code)",),
        before=both(
            stuff(),
            sql(WHEN, "create trigger stuff_noted before update of code on stuff for each row "
                      "when (new.code <> '') execute function noted()"),
        ),
        rows=ROWS,
    ),
)  # fmt: skip
