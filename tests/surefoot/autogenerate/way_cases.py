"""Changes that must go down as they came up: each with rows, and with rows that come later and break the old rules."""

import sqlalchemy as sa

from tests.surefoot.autogenerate.cases import KEY, Case, Edit, add, both, column, drop, drop_named, index, sql, table

SEEN = "create view seen as select id, mood from stuff"
NAMES = "'', 'O''Brien', 'Zoë \"quoted\" 学生', 'A', 'a', null"


def state(*states: str) -> Edit:
    """The enum-like CHECK of table `stuff`."""
    listed = ", ".join(f"'{each}'" for each in states)
    return add("stuff", lambda: sa.CheckConstraint(f"state in ({listed})", name="state"))


def labels(*known: str) -> Edit:
    return column("stuff", "mood", type=sa.Enum(*known, name="mood"))


def stuff(*parts: sa.schema.SchemaItem) -> Edit:
    """A table that an earlier revision of the author's made."""
    return table("stuff", KEY, *parts)


WAY_CASES = (
    Case(
        "a type that is copied and one that is not",
        both(column("stuff", "a", type=sa.BigInteger()), column("stuff", "note", type=sa.Text())),
        before=stuff(sa.Column("a", sa.Integer), sa.Column("note", sa.String(50))),
        rows=("insert into stuff (a, note) values (2147483647, 'x'), (null, repeat('学', 50))",),
        later=("insert into stuff (a, note) values (2147483648, 'big'), (1, repeat('y', 51))",),
    ),
    Case(
        "one column wider and one narrower",
        both(
            column("stuff", "a", type=sa.Integer()),
            column("stuff", "note", type=sa.Text()),
            column("stuff", "u", type=sa.String(20)),
            column("stuff", "n", type=sa.Numeric(12, 2)),
        ),
        before=stuff(
            sa.Column("a", sa.BigInteger),
            sa.Column("note", sa.String(50)),
            sa.Column("u", sa.Text),
            sa.Column("n", sa.Numeric(10, 2)),
        ),
        rows=("insert into stuff (a, note, u, n) values (-2147483648, '', '', 0.01), (7, null, 'üé', -99999999.99)",),
        later=("insert into stuff (n, note) values (9999999999.99, repeat('z', 60))",),
    ),
    Case(
        "two types and NOT NULL",
        both(
            column("stuff", "a", type=sa.BigInteger()),
            column("stuff", "n", type=sa.Numeric(10, 2), nullable=False),
            column("stuff", "note", type=sa.Text(), nullable=True),
        ),
        before=stuff(
            sa.Column("a", sa.Integer, nullable=False),
            sa.Column("n", sa.Integer),
            sa.Column("note", sa.String(50), nullable=False, unique=True),
        ),
        rows=("insert into stuff (a, n, note) values (1, 2147483, ''), (-1, 0, 'two')",),
        later=("insert into stuff (a, n, note) values (1, 1.25, null)",),
    ),
    Case(
        "one more state",
        both(
            drop_named("stuff", "stuff_state_check"),
            state("new", "open", "done"),
            drop_named("stuff", "ix_stuff_state"),
            index("stuff", "ix_stuff_state", "state", "a"),
            drop("stuff", "u", "v"),
            column("stuff", "a", type=sa.BigInteger()),
            column("stuff", "state", type=sa.Text()),
        ),
        before=both(
            stuff(
                sa.Column("a", sa.Integer),
                sa.Column("state", sa.String(20), nullable=False),
                sa.Column("u", sa.Text),
                sa.Column("v", sa.Integer, server_default="1", nullable=False),
            ),
            state("new", "open"),
            index("stuff", "ix_stuff_state", "state"),
        ),
        rows=("insert into stuff (a, state, u) values (1, 'new', 'Größe'), (2, 'open', null)",),
        later=("insert into stuff (a, state) values (3, 'done')",),
    ),
    Case(
        "another unique constraint",
        both(
            drop_named("stuff", "stuff_code_key"),
            add("stuff", lambda: sa.UniqueConstraint("code", "a", name="stuff_code_a_key")),
            column("stuff", "a", type=sa.BigInteger()),
            add("stuff", sa.Column("u", sa.Text)),
        ),
        before=both(
            stuff(sa.Column("a", sa.Integer), sa.Column("code", sa.String(20))),
            add("stuff", lambda: sa.UniqueConstraint("code", name="stuff_code_key")),
        ),
        rows=("insert into stuff (a, code) values (1, 'A'), (1, 'a'), (1, ''), (1, null), (1, null)",),
        later=("insert into stuff (a, code) values (2, 'A')",),
    ),
    Case(
        "a unique constraint of the same name",
        both(
            drop_named("stuff", "stuff_code_key"),
            add("stuff", lambda: sa.UniqueConstraint("code", "a", name="stuff_code_key")),
            add("stuff", sa.Column("u", sa.Text)),
        ),
        before=both(
            stuff(sa.Column("a", sa.Integer), sa.Column("code", sa.String(20))),
            add("stuff", lambda: sa.UniqueConstraint("code", name="stuff_code_key")),
        ),
        rows=("insert into stuff (a, code) values (1, 'A'), (1, 'a'), (1, ''), (1, null)",),
        later=("insert into stuff (a, code) values (2, 'A')",),
    ),
    Case(
        "a foreign key that points elsewhere",
        both(
            drop_named("stuff", "stuff_room_id_fkey"),
            add("stuff", lambda: sa.ForeignKeyConstraint(["room_id"], ["halls.id"], name="stuff_room_id_fkey",
                                                         ondelete="SET NULL")),
            column("stuff", "note", type=sa.Text()),
            column("stuff", "a", type=sa.BigInteger()),
        ),
        before=both(
            table("rooms", KEY),
            table("halls", KEY),
            stuff(
                sa.Column("room_id", sa.BigInteger, index=True), sa.Column("note", sa.String(9)),
                sa.Column("a", sa.Integer),
            ),
            add("stuff", lambda: sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name="stuff_room_id_fkey")),
        ),
        rows=(
            "insert into rooms values (1), (9223372036854775807)",
            "insert into halls values (1), (9223372036854775807), (5)",
            "insert into stuff (room_id, note, a) values (1, '', 1), (9223372036854775807, '学', 2), (null, null, 3)",
        ),
        later=("insert into stuff (room_id) values (5)",),
    ),
    Case(
        "labels and a column",
        both(
            labels("calm", "glad", "late"),
            drop("stuff", "u"),
            column("stuff", "a", type=sa.BigInteger()),
        ),
        before=stuff(
            sa.Column("a", sa.Integer),
            sa.Column("mood", sa.Enum("calm", "glad", name="mood"), nullable=False),
            sa.Column("u", sa.Text),
        ),
        rows=("insert into stuff (a, mood, u) values (1, 'calm', ''), (2, 'glad', 'x')",),
        later=("insert into stuff (a, mood) values (3, 'late')",),
    ),
    Case(
        "another unique index",
        both(
            drop_named("stuff", "ix_stuff_code"),
            index("stuff", "ix_stuff_code", "code", unique=True, postgresql_where=sa.text("a > 0")),
            column("stuff", "note", type=sa.Text()),
            column("stuff", "a", type=sa.BigInteger()),
        ),
        before=both(
            stuff(sa.Column("a", sa.Integer), sa.Column("code", sa.Text), sa.Column("note", sa.String(9))),
            index("stuff", "ix_stuff_code", sa.text("lower(code)"), unique=True),
        ),
        rows=(f"insert into stuff (a, code) select 1, code from unnest(array[{NAMES}]) as code where code <> 'A'",),
        later=("insert into stuff (a, code) values (2, 'A')",),
    ),
    Case(
        "NULL allowed and a table that goes",
        both(
            column("stuff", "a", nullable=True),
            lambda metadata: metadata.remove(metadata.tables["spare"]),
            drop_named("stuff", "ix_stuff_a"),
        ),
        before=both(
            stuff(sa.Column("a", sa.Integer, nullable=False, index=True)),
            table("spare", KEY, sa.Column("note", sa.Text)),
        ),
        rows=("insert into stuff (a) values (0)", "insert into spare (note) values ('kept')"),
        later=("insert into stuff (a) values (null)",),
    ),
    Case(
        "rules of two tables",
        both(
            drop_named("stuff", "stuff_state_check"),
            state("new", "open", "done"),
            column("others", "note", type=sa.Text()),
            column("others", "a", type=sa.BigInteger()),
        ),
        before=both(
            stuff(sa.Column("state", sa.Text, nullable=False)),
            state("new", "open"),
            table("others", KEY, sa.Column("note", sa.String(5)), sa.Column("a", sa.Integer)),
        ),
        rows=(
            "insert into stuff (state) values ('new')",
            "insert into others (note, a) values ('12345', -2147483648), ('', 0)",
        ),
        later=("insert into stuff (state) values ('done')",),
    ),
    Case(
        "a label that was the default",
        both(labels("calm", "late"), column("stuff", "mood", server_default="calm")),
        before=both(
            stuff(
                sa.Column("a", sa.Integer),
                sa.Column("mood", sa.Enum("calm", "glad", name="mood"), nullable=False, server_default="glad"),
            ),
            sql(SEEN),
        ),
        rows=("insert into stuff (a, mood) values (1, 'calm'), (2, 'calm')",),
        later=("insert into stuff (a, mood) values (3, 'late')",),
    ),
    Case(
        "a label that is the new default",
        both(labels("calm", "late"), column("stuff", "mood", server_default="late")),
        before=stuff(
            sa.Column("mood", sa.Enum("calm", "glad", name="mood"), nullable=False, server_default="glad"),
        ),
        rows=("insert into stuff (mood) values ('calm'), ('calm')",),
        later=("insert into stuff (mood) values ('late')",),
    ),
)  # fmt: skip
