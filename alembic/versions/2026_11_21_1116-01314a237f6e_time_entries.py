"""time entries

Why: a total says neither when a student worked nor how often.
Locks: SHARE ROW EXCLUSIVE on student_assignments for the foreign keys, for milliseconds: writers wait that long,
readers do not; ACCESS EXCLUSIVE on it for milliseconds when the column is set aside.
Data: each total in student_assignments.time_spent_minutes becomes one entry without a day, or one for each 1440 minutes
where it is more than a day. A total of 0 needs none. One below 0 or above a year of minutes is no time: it becomes no
entry and the run says how many; like all totals it stays readable in
retired.student_assignments_time_spent_minutes_01314a237f6e.
Way back: totals come back as they were; where there are entries the total is their sum. The entries are set aside in
schema retired; the way up takes them back, and adds or sets aside what the totals say by then.

Revision ID: 01314a237f6e
Revises: e10cd28b0218
Create Date: 2026-11-21 11:16:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "01314a237f6e"
down_revision = "e10cd28b0218"
branch_labels = None
depends_on = None


# Batches of their own transactions. What is there already is counted, so it can be run again at any time.
TAKE_OVER = """
do $$
declare
    low bigint;
begin
    if not exists (
        select from pg_attribute where attrelid = 'student_assignments'::regclass and attname = '{column}'
    ) then
        return;
    end if;
    select min(id) into low from student_assignments;
    while low is not null loop
        insert into assignment_time_entries (assignment_id, minutes, note)
        select id, least(1440, missing - 1440 * (part - 1)), 'from the total of former times'
          from (
              select student_assignments.id,
                     student_assignments.{column} - coalesce(sum(minutes), 0)::integer as missing
                from student_assignments
                left join assignment_time_entries on assignment_id = student_assignments.id
               where student_assignments.id >= low
                 and student_assignments.id < low + 5000
                 and student_assignments.{column} between 1 and 525600
               group by student_assignments.id
          ) as totals
         cross join lateral generate_series(1, (missing + 1439) / 1440) as part
         where missing > 0;
        commit;
        select min(id) into low from student_assignments where id >= low + 5000;
    end loop;
end
$$
"""
TELL = """
do $$
declare
    found integer;
    shown text;
begin
    select count(*),
           string_agg(format('%s %s', id, minutes), ', ' order by id) filter (where place <= 10)
      into found, shown
      from (
          select id, {column} as minutes, row_number() over (order by id) as place
            from student_assignments
           where {column} < 0 or {column} > 525600
      ) as strange;
    if found > 0 then
        raise warning 'time_spent_minutes: % student assignments had a total that is no time and have no entry '
            'from it; the totals are in retired.student_assignments_time_spent_minutes_01314a237f6e (first ones: %)',
            found, shown;
    end if;
end
$$
"""
RETIRED = "__retired_01314a237f6e_time_spent_minutes"
MINUTES = "(select coalesce(sum(minutes), 0) from assignment_time_entries where assignment_id = student_assignments.id)"
OTHERWISE = f"""
    time_spent_minutes is distinct from {MINUTES}
    and (time_spent_minutes is null or time_spent_minutes between 1 and 525600 or {MINUTES} > 0)
"""
LOWERED = """
    assignment_id in (
        select totals.id
          from student_assignments as totals
          join assignment_time_entries as parts on parts.assignment_id = totals.id
         group by totals.id
        having sum(parts.minutes) > totals.time_spent_minutes
    )
"""


def upgrade() -> None:
    if not op.restore_table("assignment_time_entries"):
        create_assignment_time_entries()
    elif has_column("time_spent_minutes"):
        op.retire_rows("assignment_time_entries", LOWERED, reason="the total was lowered while there were no entries")
    take_over("time_spent_minutes")
    op.retire_column("student_assignments", "time_spent_minutes")
    take_over(RETIRED)  # what somebody wrote between the two
    op.execute(TELL.format(column=RETIRED))


def downgrade() -> None:
    op.restore_column("student_assignments", "time_spent_minutes")
    if has_table("assignment_time_entries"):
        op.backfill("student_assignments", {"time_spent_minutes": MINUTES}, OTHERWISE)
        op.retire_table("assignment_time_entries")


def take_over(column: str) -> None:
    with op.get_context().autocommit_block():
        op.execute(TAKE_OVER.format(column=column))


def has_column(name: str) -> bool:
    return any(column["name"] == name for column in sa.inspect(op.get_bind()).get_columns("student_assignments"))


def has_table(name: str) -> bool:
    return op.get_context().as_sql or sa.inspect(op.get_bind()).has_table(name)


def create_assignment_time_entries() -> None:
    op.create_table(
        "assignment_time_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("worked_on", sa.Date(), comment="NULL: not known, as for a total of former times"),
        sa.Column("note", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("minutes > 0 and minutes <= 1440", name=op.f("assignment_time_entries_minutes_check")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["student_assignments.id"],
            name=op.f("assignment_time_entries_assignment_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("assignment_time_entries_pkey")),
        comment="The time that a student spent on an assignment, one row a sitting",
        if_not_exists=True,  # what follows commits, and may be cut off
    )
    op.create_index(
        op.f("ix_assignment_time_entries_assignment_id"),
        "assignment_time_entries",
        ["assignment_id"],
        if_not_exists=True,
    )
