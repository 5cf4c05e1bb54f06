"""triggers that keep books run as their owner

Why: an application that connects as a role of its own could not delete a user, give points or save a setting unless it
had rights on what the database keeps beside them: the balance, names, the log of changes.
Locks: none that anybody waits for; the functions alone change.
Data: none. Seven trigger functions run with the rights of their owner and a search_path of their own, and nobody else
may hang them on a table.
Way back: they run with the rights of whoever writes, as before.

Revision ID: d870f86ab19d
Revises: 9ad05485e457
Create Date: 2026-11-28 16:10:00+00:00
"""

from alembic import op

revision = "d870f86ab19d"
down_revision = "9ad05485e457"
branch_labels = None
depends_on = None

AS_OWNER = (
    "refuse_change",
    "keep_name",
    "record_settings_change",
    "keep_marks_maximum",
    "keep_item_as_it_was",
    "keep_balance",
    "keep_awarder_name",
)
# Two name tables without their schema, whose plans are kept: for them the path is the schema of the trigger's table.
THEIR_PATH = "perform set_config('search_path', format('%I, pg_temp', tg_table_schema), true);\n    "
KEEP_BALANCE = """
create or replace function keep_balance() returns trigger
language plpgsql
as $$
begin
    {path}-- always in order of student: two writers of several students then never wait for each other in a circle
    if tg_op = 'INSERT' then
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from added
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    elsif tg_op = 'DELETE' then
        perform from student_points
          where student_id in (select student_id from removed)
          order by student_id
            for update;
        update student_points
           set balance = balance - gone.amount,
               updated_at = now()
          from (select student_id, sum(amount) as amount from removed group by student_id) as gone
         where student_points.student_id = gone.student_id;
    else
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from (values (old.student_id, -old.amount), (new.student_id, new.amount)) as moved (student_id, amount)
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    end if;
    return null;
end
$$
"""
NAME_OF = "select btrim(concat_ws(' ', first_name, last_name))"
KEEP_AWARDER_NAME = """
create or replace function keep_awarder_name() returns trigger
language plpgsql
as $$
begin
    -- keep_name() for this column alone: its plan is kept, which the ledger's many rows are worth
    {path}{name_of} into new.awarded_by_name from users where id = new.awarded_by;
    return new;
end
$$
"""


def upgrade() -> None:
    op.execute(KEEP_BALANCE.format(path=THEIR_PATH))
    op.execute(KEEP_AWARDER_NAME.format(path=THEIR_PATH, name_of=NAME_OF))
    for function in AS_OWNER:
        op.execute(f"alter function {function}() security definer set search_path = pg_catalog, pg_temp")
        op.execute(f"revoke execute on function {function}() from public")


def downgrade() -> None:
    for function in AS_OWNER:
        op.execute(f"grant execute on function {function}() to public")
        op.execute(f"alter function {function}() security invoker reset search_path")
    op.execute(KEEP_AWARDER_NAME.format(path="", name_of=NAME_OF))
    op.execute(KEEP_BALANCE.format(path=""))
