"""Model changes to constraints, indexes, types, programs, and several kinds at once, each a row of the table."""

from collections.abc import Callable

import sqlalchemy as sa

from tests.surefoot.autogenerate.cases import (
    KEY,
    Case,
    Edit,
    add,
    both,
    column,
    drop,
    drop_named,
    index,
    sql,
    table,
)  # fmt: skip

TOUCH = """create or replace function touch() returns trigger language plpgsql as $$
begin
    -- 100% of it: new
    new.updated_at := now();
    return new;
end
$$"""
TOUCHED = "create trigger users_touched before update on users for each row execute function touch()"
PUPILS = "create view pupils as select id, email from users where role = 'student'"


def level(condition: str) -> Callable[[], sa.Constraint]:
    return lambda: sa.CheckConstraint(condition, name="grade_level")


def term_type(*labels: str) -> Edit:
    return column("terms", "term_type", type=sa.Enum(*labels, name="termtype"))


OTHER_CASES = (
    Case(
        "a check",
        add("users", level("grade_level between -1 and 99")),
        ("op.add_check_online(\"users_grade_level_check\", \"users\", \"grade_level between -1 and 99\")",
         "op.drop_constraint_online(\"users_grade_level_check\", \"users\")"),
    ),
    Case(
        "the text of a check",
        both(drop_named("users", "users_grade_level_check"), add("users", level("grade_level between -1 and 99"))),
        ("replace=True", "between -1 and 99", "grade_level >="),
        unsaid=("op.drop_constraint_online",),
        before=add("users", level("grade_level >= -1")),
        everywhere=True,
    ),
    Case(
        "a unique constraint",
        add("lessons", lambda: sa.UniqueConstraint("id", "scheduled_date", name="lessons_day_key",
                                           postgresql_nulls_not_distinct=True)),
        ("op.add_unique_online(\"lessons_day_key\", \"lessons\", [\"id\", \"scheduled_date\"], "
         "nulls_not_distinct=True)",),
        everywhere=True,
    ),
    Case(
        "a deferrable unique constraint",
        add("lessons", lambda: sa.UniqueConstraint("id", "title", name="lessons_title_key", deferrable=True,
                                           initially="DEFERRED")),
        ("deferrable=True", "initially=\"DEFERRED\""),
    ),
    Case(
        "a unique constraint goes",
        drop_named("term_subjects", "uq_term_subject"),
        ("op.drop_constraint_online(\"uq_term_subject\", \"term_subjects\")",
         "op.add_unique_online(\"uq_term_subject\", \"term_subjects\", [\"term_id\", \"subject_id\"])"),
    ),
    Case(
        "the action of a foreign key",
        both(drop_named("users", "users_parent_id_fkey"),
             add("users", lambda: sa.ForeignKeyConstraint(["parent_id"], ["users.id"], ondelete="SET NULL"))),
        ("replace=True", "ondelete=\"SET NULL\""),
        unsaid=("op.drop_constraint_online",),
    ),
    Case(
        "a constraint under another name",
        both(drop_named("term_subjects", "uq_term_subject"),
             add("term_subjects", lambda: sa.UniqueConstraint("term_id", "subject_id"))),
        ("rename constraint uq_term_subject to term_subjects_term_id_subject_id_key",),
        unsaid=("_online",),
    ),
    Case(
        "indexes",
        both(index("lessons", "ix_lessons_title", "title"),
             index("lessons", "ix_lessons_day", sa.text("scheduled_date desc nulls last"), sa.text("lower(title)"),
                   postgresql_where=sa.text("lesson_order > 0 and title like '%\\:x'"),
                   postgresql_include=["start_time"]),
             index("lessons", "ix_lessons_words", sa.text("to_tsvector('english', title)"), postgresql_using="gin")),
        ("op.create_index_online(\"ix_lessons_title\"", "postgresql_include=[\"start_time\"]",
         "postgresql_using=\"gin\"", "op.drop_index_online(\"ix_lessons_day\""),
    ),
    Case(
        "the predicate of an index",
        both(drop_named("lessons", "ix_lessons_day"),
             index("lessons", "ix_lessons_day", "scheduled_date", postgresql_where=sa.text("lesson_order > 1"))),
        ("replace=True", "lesson_order > 1", "lesson_order > 0"),
        unsaid=("op.drop_index_online",),
        before=index("lessons", "ix_lessons_day", "scheduled_date", postgresql_where=sa.text("lesson_order > 0")),
    ),
    Case(
        "an index goes",
        drop_named("users", "ix_users_parent_id"),
        ("op.drop_index_online(\"ix_users_parent_id\", \"users\")", "op.create_index_online(\"ix_users_parent_id\""),
    ),
    Case(
        "an index under another name",
        both(drop_named("users", "ix_users_parent_id"), index("users", "users_by_parent", "parent_id")),
        ("alter index if exists ix_users_parent_id rename to users_by_parent",),
    ),
    # types and sequences
    Case(
        "a label more",
        term_type("year", "semester", "quarter", "block", "trimester", "custom", "none"),
        ("op.change_enum(\"termtype\"",),
    ),
    Case(
        "a label less",
        term_type("semester", "quarter", "trimester", "custom"),
        ("op.change_enum(\"termtype\"", "Rows that hold 'year' stop this"),
        before=term_type("semester", "quarter", "trimester", "custom", "year"),
        everywhere=True,
    ),
    Case(
        "a sequence",
        sql("create sequence receipt_number start 1000 increment 5"),
        ("create sequence if not exists receipt_number", "alter sequence receipt_number set schema retired"),
    ),
    # programs
    Case(
        "a trigger and its function",
        sql(TOUCH, TOUCHED),
        ("CREATE OR REPLACE FUNCTION touch()", "CREATE OR REPLACE TRIGGER users_touched",
         "drop trigger if exists users_touched"),
    ),
    Case(
        "a rule, statistics and a replica identity",
        sql("create rule kept as on delete to grade_history do instead nothing",
            "create statistics together (dependencies) on first_name, last_name from users",
            "alter table users replica identity full"),
        ("CREATE OR REPLACE RULE kept", "drop rule if exists kept on grade_history",
         "CREATE STATISTICS IF NOT EXISTS together (dependencies) ON first_name, last_name FROM users",
         "drop statistics if exists together", "alter table users replica identity full",
         "alter table users replica identity default"),
    ),
    Case(
        "the body of a function",
        sql(TOUCH.replace("now()", "clock_timestamp()")),
        ("clock_timestamp()",),
        before=sql(TOUCH, TOUCHED),
    ),
    Case(
        "a view",
        sql(PUPILS, "create view small as select count(*) as many from pupils",
            "comment on view pupils is 'pupils: all'"),
        ("create or replace view pupils as", "drop view if exists small"),
    ),
    Case(
        "a type under a view",
        column("users", "email", type=sa.String(200)),
        ("drop view if exists pupils", "op.change_types_online(\"users\"", "create or replace view pupils as"),
        before=sql(PUPILS),
        everywhere=True,
    ),
    Case(
        "a policy",
        sql("alter table users enable row level security", "create policy own on users for select using (id > 0)"),
        ("create policy own on users as PERMISSIVE FOR SELECT TO PUBLIC USING (id > 0)",
         "enable row level security", "disable row level security"),
    ),
    Case(
        "storage and comments on parts",
        sql("alter table users set (fillfactor = 80)", "comment on index ix_users_email is 'to sign in'",
            "comment on constraint users_parent_id_fkey on users is 'guardian'"),
        ("alter table users set (fillfactor=80)", "comment on index ix_users_email is 'to sign in'"),
    ),
    # several at once
    Case(
        "everything at once",
        both(
            table("rooms", KEY, sa.Column("name", sa.Text, nullable=False, unique=True)),
            add("lessons", sa.Column("room_id", sa.BigInteger, sa.ForeignKey("rooms.id"), index=True)),
            add("lessons", sa.Column("is_double", sa.Boolean, nullable=False)),
            drop("lessons", "prerequisites", "materials_needed"),
            column("lessons", "lesson_order", type=sa.BigInteger(), server_default=sa.text("1")),
            column("lessons", "title", type=sa.Text()),
            add("lessons", lambda: sa.CheckConstraint("end_time > start_time or end_time <= start_time", name="times")),
            drop_named("lesson_assignments", "ix_lesson_assignments_lesson_id"),
        ),
        ("op.fill_in(\"lessons.is_double\")", "op.retire_column(\"lessons\", \"prerequisites\")",
         "op.change_types_online(\"lessons\"", "op.create_table(\"rooms\"", "rooms is new, nobody uses it yet."),
        fill={"lessons.is_double": "lesson_order > 5"},
        everywhere=True,
    ),
    Case(
        "a type and the function that filled it",
        column("lessons", "token", type=sa.Float(), server_default=sa.text("0.5")),
        ("server_default=None", "server_default=sa.text(\"0.5\")"),
        before=add("lessons", sa.Column("token", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"))),
        fill={"lessons.token from uuid to double precision": "0.5",
              "lessons.token from double precision to uuid": "gen_random_uuid()"},
    ),
)  # fmt: skip
