"""term grades keep their rules

Why: a grade that is final without a day, or has one and is not, is neither; a percentage below nothing is no grade.
Locks: ACCESS EXCLUSIVE on student_term_grades for milliseconds, for the column and triggers, the catalogue alone; rows
while their batch is filled or mended.
Data: finalized_at is filled from finalized_date, at midnight UTC, and where nobody wrote that down from the last change
of the row; a grade that is not final has none, and keeps its finalized_date. Where an application does not know
finalized_at, a trigger keeps it. Points and percentages below nothing become 0, what is no number becomes NULL: as they
were they stay readable in retired.student_term_grades_mended_84b1f60ce27d, and the run says how many.
Way back: finalized_at is set aside and taken back; what was mended is as it was, unless somebody changed it since.

Revision ID: 84b1f60ce27d
Revises: 3ed7125a9fc8
Create Date: 2026-11-21 10:20:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "84b1f60ce27d"
down_revision = "3ed7125a9fc8"
branch_labels = None
depends_on = None

TABLE = "student_term_grades"
KEPT = "retired.student_term_grades_mended_84b1f60ce27d"
NUMBERS = (
    "current_points_earned",
    "current_points_possible",
    "current_percentage",
    "final_points_earned",
    "final_points_possible",
    "final_percentage",
    "attendance_rate",
)
MENDED = {
    column: f"case when {{0}}.{column} < 0 and {{0}}.{column} > '-Infinity' then 0"
    f" when {{0}}.{column} >= 0 and {{0}}.{column} < 'Infinity' then {{0}}.{column} end"
    for column in NUMBERS
}
TYPES = dict.fromkeys(NUMBERS, "numeric")
CHECKS = {column: f"{column} >= 0 and {column} < 'Infinity'" for column in NUMBERS}
NAMES = ", ".join(TYPES)
GIVEN = ", ".join(
    f"{column} = case when {TABLE}.{column} is not distinct from ({value.format('kept')})"
    f" then kept.{column} else {TABLE}.{column} end"
    for column, value in MENDED.items()
)
BROKEN = " or ".join(f"not ({rule})" for rule in CHECKS.values())

# Batches of their own transactions; each row's values are kept in the statement that mends them.
MEND = f"""
do $$
declare
    low bigint;
    batch bigint;
    found bigint := 0;
begin
    select min(id) into low from {TABLE} where {BROKEN};
    if low is null then
        return;
    end if;
    create schema if not exists retired;
    create table if not exists {KEPT} (
        row_id integer not null,
        {", ".join(f"{column} {kind}" for column, kind in TYPES.items())},
        retired_at timestamptz not null default clock_timestamp(),
        left_at timestamptz,
        primary key (row_id, retired_at)
    );
    comment on table {KEPT} is 'values of {TABLE} that broke a rule, as they were before {revision}';
    commit;
    while low is not null loop
        with broken as (
            select * from {TABLE} where id >= low and id < low + 5000 and ({BROKEN}) for update
        ), kept as (
            insert into {KEPT} (row_id, {NAMES}) select id, {NAMES} from broken
        )
        update {TABLE}
           set {", ".join(f"{column} = {value.format('broken')}" for column, value in MENDED.items())}
          from broken
         where {TABLE}.id = broken.id
           and {TABLE}.id >= low
           and {TABLE}.id < low + 5000;
        get diagnostics batch = row_count;
        found := found + batch;
        commit;
        select min(id) into low from {TABLE} where id >= low + 5000 and ({BROKEN});
    end loop;
    raise warning '{TABLE}: % rows broke a rule and were mended; as they were they are in {KEPT}', found;
end
$$
"""
# What somebody has changed since is theirs; and whoever has the key after the next way up may be another row.
GIVE_BACK = f"""
do $$
begin
    if to_regclass('{KEPT}') is null then
        return;
    end if;
    update {TABLE}
       set {GIVEN}
      from (select distinct on (row_id) * from {KEPT} where left_at is null order by row_id, retired_at desc) as kept
     where {TABLE}.id = kept.row_id;
    delete from {KEPT} as kept
     using {TABLE}
     where left_at is null
       and row_id = {TABLE}.id
       and ({", ".join(f"kept.{column}" for column in TYPES)})
           is not distinct from ({", ".join(f"{TABLE}.{column}" for column in TYPES)});
    update {KEPT} set left_at = now() where left_at is null;
    if not exists (select from {KEPT}) then
        drop table {KEPT};
    end if;
    if not exists (select from pg_depend where refobjid = to_regnamespace('retired')) then
        drop schema retired;
    end if;
end
$$
"""
KEEP_FINALIZED_AT = """
create or replace function keep_finalized_at() returns trigger
language plpgsql
as $$
begin
    -- what only an application that does not know finalized_at leaves to us
    if new.is_finalized then
        new.finalized_at := coalesce(new.finalized_date::timestamp at time zone 'UTC', new.finalized_at, now());
    else
        new.finalized_at := null;
    end if;
    return new;
end
$$
"""
TRIGGERS = (
    """
create or replace trigger student_term_grades_finalized before insert on student_term_grades
for each row when (new.is_finalized and new.finalized_at is null)
execute function keep_finalized_at()
""",
    """
create or replace trigger student_term_grades_refinalized
before update of is_finalized, finalized_date on student_term_grades
for each row when (
    new.finalized_at is not distinct from old.finalized_at
    and (new.is_finalized <> old.is_finalized or new.finalized_date is distinct from old.finalized_date)
)
execute function keep_finalized_at()
""",
)
FINALIZED = "is_finalized = (finalized_at is not null)"


def upgrade() -> None:
    if not op.restore_column(TABLE, "finalized_at"):
        comment = "known to the day alone where it is midnight UTC"
        op.add_column(TABLE, sa.Column("finalized_at", sa.DateTime(timezone=True), comment=comment), if_not_exists=True)
    op.execute(KEEP_FINALIZED_AT)
    for trigger in TRIGGERS:
        op.execute(trigger)
    when = "coalesce(finalized_at, finalized_date::timestamp at time zone 'UTC', updated_at)"
    op.backfill(TABLE, {"finalized_at": f"case when is_finalized then {when} end"}, f"not ({FINALIZED})")
    with op.get_context().autocommit_block():
        op.execute(MEND)
    for column, rule in CHECKS.items():
        op.add_check_online(f"{TABLE}_{column}_check", TABLE, rule)
    op.add_check_online(f"{TABLE}_finalized_at_check", TABLE, FINALIZED)


def downgrade() -> None:
    for column in (*CHECKS, "finalized_at"):
        op.drop_constraint_online(f"{TABLE}_{column}_check", TABLE)
    op.execute("drop trigger if exists student_term_grades_finalized on student_term_grades")
    op.execute("drop trigger if exists student_term_grades_refinalized on student_term_grades")
    op.execute("drop function if exists keep_finalized_at()")
    op.retire_column(TABLE, "finalized_at")
    # lint: backfill-in-one-statement only the few rows that broke a rule
    # lint: loses-data what is deleted from what was kept has just been given back; the table goes where it is empty
    op.execute(GIVE_BACK)
