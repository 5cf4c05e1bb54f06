"""Model changes to whole tables and to columns, each a row of the table."""

import sqlalchemy as sa

from tests.surefoot.autogenerate.cases import (
    KEY,
    Case,
    add,
    both,
    column,
    drop,
    drop_table,
    index,
    table,
)  # fmt: skip

SETTINGS = table(
    "settings", KEY, sa.Column("key", sa.String(100), nullable=False, unique=True), sa.Column("value", sa.Text)
)

TABLE_CASES = (
    Case(
        "a table of categories",
        table("categories", KEY, sa.Column("name", sa.String(100), nullable=False, unique=True),
              sa.Column("subject_id", sa.Integer, sa.ForeignKey("subjects.id"), index=True),
              sa.CheckConstraint("name <> ''", name="name"), comment="what subjects are grouped by"),
        ("if not op.restore_table(\"categories\")", "op.create_table(\"categories\"", "if_not_exists=True",
         "op.retire_table(\"categories\")", "categories is new"),
        promises=("A10",),
    ),
    Case(
        "a table that goes",
        drop_table("lesson_assignments"),
        ("op.retire_table(\"lesson_assignments\")", "if not op.restore_table(\"lesson_assignments\")",
         "op.create_table(\"lesson_assignments\""),
        unsaid=("drop_table",),
        everywhere=True,
    ),
    Case(
        "a table that others point to goes",
        drop_table("lessons"),
        ("op.retire_table(\"lessons\")", "op.drop_constraint_online(\"lesson_assignments_lesson_id_fkey\"",
         "op.add_foreign_key_online(\"lesson_assignments_lesson_id_fkey\""),
    ),
    Case(
        "a table under a new name",
        both(drop_table("grade_history"),
             table("grade_changes", sa.Column("id", sa.Integer, primary_key=True),
                   sa.Column("student_term_grade_id", sa.Integer, nullable=False),
                   *(sa.Column(name, sa.String) for name in ("field_name", "old_value", "new_value")),
                   sa.Column("change_reason", sa.Text), sa.Column("changed_by", sa.Integer, nullable=False),
                   sa.Column("changed_at", sa.DateTime(timezone=True)), sa.Column("assignment_id", sa.Integer))),
        ("# Is grade_changes the new name of grade_history?",),
    ),
    Case(
        "two tables in a circle",
        both(table("clubs", KEY, sa.Column("lead_id", sa.BigInteger, sa.ForeignKey("members.id"), index=True)),
             table("members", KEY, sa.Column("club_id", sa.BigInteger, sa.ForeignKey("clubs.id"), index=True))),
        ("op.add_foreign_key_online(\"clubs_lead_id_fkey\"",),
    ),
    Case(
        "a new enum type in a new table and an old one",
        both(table("moods", KEY, sa.Column("mood", sa.Enum("glad", "sad", name="mood"), nullable=False)),
             add("journal_entries", sa.Column("mood", sa.Enum("glad", "sad", name="mood")))),
        ("op.create_enum(\"mood\", [\"glad\", \"sad\"])", "create_type=False", "op.retire_enum(\"mood\")"),
    ),
    # columns that come
    Case(
        "avatar url",
        add("users", sa.Column("avatar_url", sa.String(255), nullable=False)),
        ("users_avatar_url = op.fill_in(\"users.avatar_url\")", "op.set_not_null_online(\"users\", \"avatar_url\")",
         "op.backfill(\"users\", {\"avatar_url\": users_avatar_url}"),
        fill={"users.avatar_url": "'/avatars/' || id"},
        promises=("A10",),
        everywhere=True,
    ),
    Case(
        "a flag on the settings",
        add("settings", sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.false())),
        ("if not op.restore_column(\"settings\", \"is_public\")", "op.retire_column(\"settings\", \"is_public\")"),
        before=SETTINGS,
        unsaid=("fill_in",),
        promises=("C3",),
    ),
    Case(
        "a nullable column",
        add("users", sa.Column("nickname", sa.Text, comment="what friends say")),
        ("if not op.restore_column(\"users\", \"nickname\")",),
        unsaid=("backfill", "fill_in"),
    ),
    Case(
        "a volatile default",
        add("users", sa.Column("external_id", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"),
                               unique=True)),
        ("op.backfill(\"users\", {\"external_id\": \"gen_random_uuid()\"}", "nullable=True",
         "op.add_unique_online(\"users_external_id_key\""),
        unsaid=("fill_in",),
    ),
    Case(
        "a foreign key on a new column",
        add("lessons", sa.Column("teacher_id", sa.Integer, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True)),
        ("op.add_foreign_key_online(\"lessons_teacher_id_fkey\", \"lessons\", \"users\", [\"teacher_id\"], [\"id\"], "
         "ondelete=\"SET NULL\")", "op.create_index_online(\"ix_lessons_teacher_id\""),
    ),
    # columns that go
    Case(
        "a nullable column goes",
        drop("lessons", "objectives"),
        ("op.retire_column(\"lessons\", \"objectives\")", "if not op.restore_column(\"lessons\", \"objectives\")"),
        unsaid=("drop_column",),
    ),
    Case(
        "a column that is never NULL goes",
        drop("subjects", "name"),
        ("op.retire_column(\"subjects\", \"name\")", "op.fill_in(\"subjects.name\")"),
        fill={"subjects.name": "'subject ' || id"},
    ),
    Case(
        "an indexed foreign key goes",
        drop("student_assignments", "graded_by"),
        ("op.retire_column(\"student_assignments\", \"graded_by\")",),
    ),
    Case(
        "a column under a new name",
        both(drop("lessons", "objectives"), add("lessons", sa.Column("goals", sa.Text))),
        ("# Is goals the new name of lessons.objectives?", "op.retire_column(\"lessons\", \"objectives\")",
         "op.rename_column_online(", "op.end_column_rename in a later revision"),
        unsaid=("op.alter_column",),
    ),
    # types
    Case(
        "username longer",
        column("users", "username", type=sa.String(100)),
        ("op.alter_column(\"users\", \"username\"", "op.change_types_online(\"users\""),
        before=column("users", "username", type=sa.String(50)),
        promises=("A10",),
        everywhere=True,
    ),
    Case(
        "varchar becomes text",
        column("subjects", "name", type=sa.Text()),
        ("op.alter_column(\"subjects\", \"name\"",),
        unsaid=("change_types_online",),
    ),
    Case(
        "text becomes varchar",
        column("lessons", "objectives", type=sa.String(500)),
        ("op.change_types_online(\"lessons\"", "nothing is cut"),
    ),
    Case(
        "integer becomes bigint",
        column("users", "grade_level", type=sa.BigInteger()),
        ("op.change_types_online(\"users\"",),
    ),
    Case(
        "two columns at once",
        both(column("student_assignments", "points_earned", type=sa.Numeric()),
             column("student_assignments", "percentage_grade", type=sa.Numeric())),
        ("points_earned::text::numeric", "percentage_grade::text::numeric"),
    ),
    Case(
        "an indexed foreign key becomes bigint",
        column("lesson_assignments", "lesson_id", type=sa.BigInteger()),
        ("op.change_types_online(\"lesson_assignments\"",),
    ),
    Case(
        "numeric wider",
        column("lessons", "amount", type=sa.Numeric(10, 2)),
        ("op.alter_column(\"lessons\", \"amount\"", "op.change_types_online(\"lessons\""),
        before=add("lessons", sa.Column("amount", sa.Numeric(8, 2), server_default=sa.text("1.5"))),
    ),
    Case(
        "numeric narrower",
        column("lessons", "amount", type=sa.Numeric(6, 1)),
        ("op.change_types_online(\"lessons\"", "rounded to numeric(6,1)"),
        before=add("lessons", sa.Column("amount", sa.Numeric(), server_default=sa.text("1.234"))),
        unsaid=("alter_column(\"lessons\", \"amount\",\n               type_",),
    ),
    Case(
        "a naive timestamp becomes aware",
        column("lessons", "seen_at", type=sa.DateTime(timezone=True)),
        ("set local timezone = 'UTC'", "op.alter_column(\"lessons\", \"seen_at\""),
        before=add("lessons", sa.Column("seen_at", sa.DateTime(), server_default=sa.func.now())),
        unsaid=("change_types_online",),
    ),
    Case(
        "an indexed naive timestamp becomes aware",
        column("lessons", "seen_at", type=sa.DateTime(timezone=True)),
        ("op.change_types_online(\"lessons\"", "at time zone 'UTC'"),
        before=both(add("lessons", sa.Column("seen_at", sa.DateTime(), server_default=sa.func.now())),
                    index("lessons", "ix_lessons_seen_at", "seen_at")),
        everywhere=True,
    ),
    Case(
        "an enum becomes text with a check",
        both(column("users", "role", type=sa.String(20)),
             add("users", lambda: sa.CheckConstraint("role in ('admin', 'student', '50% at: 8:30')", name="role"))),
        ("op.change_types_online(\"users\"", "op.add_check_online(\"users_role_check\", \"users\"",
         "op.retire_enum(\"userrole\")", "op.create_enum(\"userrole\""),
        everywhere=True,
    ),
    Case(
        "no cast is known",
        column("lessons", "scheduled_date", type=sa.Integer()),
        ("op.fill_in(\"lessons.scheduled_date from date to integer\")",),
        fill={"lessons.scheduled_date from date to integer": "scheduled_date - date '2000-01-01'",
              "lessons.scheduled_date from integer to date": "date '2000-01-01' + scheduled_date"},
    ),
    # what a column is otherwise
    Case(
        "never NULL from now on",
        column("settings", "value", nullable=False),
        ("op.set_not_null_online(\"settings\", \"value\")", "op.drop_not_null_online(\"settings\", \"value\")"),
        before=SETTINGS,
        everywhere=True,
    ),
    Case(
        "NULL from now on",
        column("users", "last_name", nullable=True),
        ("op.drop_not_null_online(\"users\", \"last_name\")", "op.set_not_null_online(\"users\", \"last_name\")"),
    ),
    Case(
        "defaults",
        both(column("users", "last_name", server_default="it's 50% : :x"),
             column("subjects", "color", server_default=sa.text("'#000000'")),
             column("users", "is_active", server_default=None)),
        ("op.alter_column(\"users\", \"last_name\"", "op.alter_column(\"subjects\", \"color\""),
        unsaid=("_online", "fill_in"),
    ),
    Case(
        "comments",
        both(lambda metadata: setattr(metadata.tables["users"], "comment", "everybody: 100% it's"),
             column("users", "email", comment="in lower case")),
        ("op.create_table_comment(", "in lower case"),
        unsaid=("_online",),
    ),
    Case(
        "a collation",
        column("subjects", "name", type=sa.String(collation="C")),
        ("type_=sa.String(collation=\"C\")",),
    ),
    Case(
        "a serial becomes an identity",
        lambda metadata: metadata.tables["subjects"].c.id._init_items(sa.Identity(always=True)),
        ("add generated always as identity",),
        everywhere=True,
    ),
)  # fmt: skip
