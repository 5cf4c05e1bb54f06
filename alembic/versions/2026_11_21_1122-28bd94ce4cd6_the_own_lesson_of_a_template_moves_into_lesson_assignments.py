"""the own lesson of a template moves into lesson assignments

Why: that a lesson uses a template was said in two places, which differed.
Locks: ACCESS EXCLUSIVE on assignment_templates and lessons for milliseconds, when the columns are set aside.
Data: each template's own lesson and order become a row of lesson_assignments. Where the lesson lists the template
already, that row stays as it is; the run says how many of them have another order than the template had. The columns
lesson_id and order_in_lesson are set aside in their table, readable in schema retired.
retired.lesson_assignments_moved_28bd94ce4cd6 says which rows came from a template.
Way back: the columns come back as they were; where the row that came from them was changed or deleted since, the
template follows. Those rows are set aside in schema retired; the way up takes them back.

Revision ID: 28bd94ce4cd6
Revises: 5aaca5c6078c
Create Date: 2026-11-21 11:22:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "28bd94ce4cd6"
down_revision = "5aaca5c6078c"
branch_labels = None
depends_on = None

MOVED = "retired.lesson_assignments_moved_28bd94ce4cd6"
RECORD = (
    "create schema if not exists retired",
    f"""
    create table if not exists {MOVED} (
        lesson_assignment_id integer primary key,
        lesson_id integer not null,
        assignment_template_id integer not null,
        order_in_lesson integer not null,
        created_at timestamptz not null,
        followed boolean not null default false
    )
    """,
    f"""
    comment on table {MOVED} is 'the rows of lesson_assignments that were a template''s own lesson before 28bd94ce4cd6'
    """,
)
MOVE = f"""
    with moved as (
        insert into lesson_assignments (lesson_id, assignment_template_id, order_in_lesson, created_at)
        select lesson_id, id, order_in_lesson, created_at
          from assignment_templates
         where lesson_id is not null
            on conflict (lesson_id, assignment_template_id) do nothing
     returning id, lesson_id, assignment_template_id, order_in_lesson, created_at
    )
    insert into {MOVED} (lesson_assignment_id, lesson_id, assignment_template_id, order_in_lesson, created_at)
    select *
      from moved
        on conflict (lesson_assignment_id) do update
       set lesson_id = excluded.lesson_id,
           assignment_template_id = excluded.assignment_template_id,
           order_in_lesson = excluded.order_in_lesson,
           created_at = excluded.created_at
"""
TELL = """
do $$
declare
    found integer;
    shown text;
begin
    select count(*),
           string_agg(format('%s in lesson %s: %s, not %s', id, lesson_id, listed, own), ', ' order by id)
               filter (where place <= 10)
      into found, shown
      from (
          select assignment_templates.id,
                 assignment_templates.lesson_id,
                 lesson_assignments.order_in_lesson as listed,
                 assignment_templates.order_in_lesson as own,
                 row_number() over (order by assignment_templates.id) as place
            from assignment_templates
            join lesson_assignments
              on lesson_assignments.lesson_id = assignment_templates.lesson_id
             and assignment_template_id = assignment_templates.id
           where lesson_assignments.order_in_lesson <> assignment_templates.order_in_lesson
      ) as two;
    if found > 0 then
        raise warning 'order_in_lesson: % templates were listed in their own lesson with another order; the list''s '
            'stays, the template''s is in retired.assignment_templates_order_in_lesson_28bd94ce4cd6 (templates %)',
            found, shown;
    end if;
end
$$
"""
# lesson_assignments may be emptied and filled anew under the same keys: the whole row must be the one that was moved
IS_MOVED = f"""
    id in (
        select lesson_assignment_id
          from {MOVED} as moved
         where moved.lesson_id = lesson_assignments.lesson_id
           and moved.assignment_template_id = lesson_assignments.assignment_template_id
           and moved.created_at = lesson_assignments.created_at
    )
"""
# Of a row that is in no place any more nothing is left to say; and the template is to follow again.
START_ANEW = (
    f"""
    delete from {MOVED} as moved
     where not exists (
         select from lesson_assignments as there
          where there.id = moved.lesson_assignment_id
            and there.lesson_id = moved.lesson_id
            and there.assignment_template_id = moved.assignment_template_id
            and there.created_at = moved.created_at
     )
    """,
    f"update {MOVED} set followed = false where followed",
)
FOLLOW_ORDER = f"""
    update assignment_templates
       set order_in_lesson = lesson_assignments.order_in_lesson
      from lesson_assignments
     where lesson_assignments.{IS_MOVED.strip()}
       and exists (select from {MOVED} where not followed)
       and assignment_templates.id = assignment_template_id
       and assignment_templates.lesson_id = lesson_assignments.lesson_id
       and assignment_templates.order_in_lesson <> lesson_assignments.order_in_lesson
"""
FOLLOW_DELETED = f"""
    update assignment_templates
       set lesson_id = null
      from {MOVED} as moved
     where not followed
       and assignment_templates.id = moved.assignment_template_id
       and assignment_templates.lesson_id = moved.lesson_id
       and not exists (
           select from lesson_assignments
            where lesson_assignments.lesson_id = moved.lesson_id
              and lesson_assignments.assignment_template_id = moved.assignment_template_id
       )
"""
FOLLOWED = f"update {MOVED} set followed = true where not followed"
FORGET = f"""
do $$
begin
    if not exists (select from {MOVED}) then
        drop table {MOVED};
    end if;
    if not exists (select from pg_class where relnamespace = 'retired'::regnamespace) then
        drop schema retired;
    end if;
end
$$
"""


def upgrade() -> None:
    op.restore_rows("lesson_assignments")
    for statement in (*RECORD, *START_ANEW):
        op.execute(statement)
    if has_columns():
        op.execute(MOVE)
        op.execute(TELL)
    op.retire_column("assignment_templates", "order_in_lesson")
    op.retire_column("assignment_templates", "lesson_id")


def downgrade() -> None:
    op.restore_column("assignment_templates", "lesson_id")
    op.restore_column("assignment_templates", "order_in_lesson")
    if not has_moved():
        return
    op.execute(FOLLOW_ORDER)
    # lint: backfill-in-one-statement only templates whose lesson was changed at head, of a few thousand templates
    op.execute(FOLLOW_DELETED)
    op.execute(FOLLOWED)  # what is retired next must not be taken for deleted by a second run
    op.retire_rows("lesson_assignments", IS_MOVED, reason="the template's own lesson, in its columns again")
    # lint: loses-data the table is dropped only where it is empty
    op.execute(FORGET)


def has_columns() -> bool:
    if op.get_context().as_sql:
        return True
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("assignment_templates")}
    return {"lesson_id", "order_in_lesson"} <= there


def has_moved() -> bool:
    return op.get_context().as_sql or sa.inspect(op.get_bind()).has_table(MOVED.partition(".")[2], schema="retired")
