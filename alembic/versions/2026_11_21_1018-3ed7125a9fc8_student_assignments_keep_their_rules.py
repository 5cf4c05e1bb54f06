"""student assignments keep their rules

Why: when work was graded was known to the day or not at all; points below nothing and extensions to before the due date
were nowhere refused; what a student handed in had no place.
Locks: ACCESS EXCLUSIVE on student_assignments for milliseconds, for the columns and triggers, the catalogue alone; rows
while their batch is filled or mended.
Data: graded_at is filled from graded_date, at midnight UTC, and where nobody wrote that down from the last change of
the row. Where an application sets 'graded' and does not know graded_at, a trigger fills it. An extension to before the
due date becomes none, points below nothing become 0, what is no number becomes NULL: as they were they stay readable
in retired.student_assignments_mended_3ed7125a9fc8, and the run says how many.
Way back: the columns are set aside and taken back; what was mended is as it was, unless somebody changed it since.

Revision ID: 3ed7125a9fc8
Revises: c06f5d8137be
Create Date: 2026-11-21 10:18:00+00:00
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3ed7125a9fc8"
down_revision = "c06f5d8137be"
branch_labels = None
depends_on = None

TABLE = "student_assignments"
KEPT = "retired.student_assignments_mended_3ed7125a9fc8"
MENDED = {
    "extended_due_date": "case when {0}.extended_due_date < {0}.due_date then null else {0}.extended_due_date end",
    "points_earned": "case when {0}.points_earned < 0 and {0}.points_earned > '-Infinity' then 0"
    " when {0}.points_earned >= 0 and {0}.points_earned < 'Infinity' then {0}.points_earned end",
    "percentage_grade": "case when {0}.percentage_grade < 0 and {0}.percentage_grade > '-Infinity' then 0"
    " when {0}.percentage_grade >= 0 and {0}.percentage_grade < 'Infinity' then {0}.percentage_grade end",
}
TYPES = {"due_date": "date", "extended_due_date": "date", "points_earned": "numeric", "percentage_grade": "numeric"}
CHECKS = {
    "extended_due_date": "extended_due_date >= due_date",
    "points_earned": "points_earned >= 0 and points_earned < 'Infinity'",
    "percentage_grade": "percentage_grade >= 0 and percentage_grade < 'Infinity'",
}
GRADED = "status <> 'graded' or graded_at is not null"
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
KEEP_GRADED_AT = """
create or replace function keep_graded_at() returns trigger
language plpgsql
as $$
begin
    -- what only an application that does not know graded_at leaves to us
    new.graded_at := coalesce(new.graded_date::timestamp at time zone 'UTC', new.graded_at, now());
    return new;
end
$$
"""
TRIGGERS = (
    """
create or replace trigger student_assignments_graded before insert on student_assignments
for each row when (new.status = 'graded' and new.graded_at is null)
execute function keep_graded_at()
""",
    """
create or replace trigger student_assignments_regraded before update of status, graded_date on student_assignments
for each row when (
    new.status = 'graded'
    and new.graded_at is not distinct from old.graded_at
    and (old.status <> 'graded' or new.graded_date is distinct from old.graded_date)
)
execute function keep_graded_at()
""",
)


def upgrade() -> None:
    for added in columns():
        if not op.restore_column(TABLE, added.name):
            op.add_column(TABLE, added, if_not_exists=True)
    op.execute(KEEP_GRADED_AT)
    for trigger in TRIGGERS:
        op.execute(trigger)
    op.backfill(
        TABLE,
        {"graded_at": "coalesce(graded_date::timestamp at time zone 'UTC', updated_at)"},
        "graded_at is null and (graded_date is not null or is_graded or status = 'graded')",
    )
    with op.get_context().autocommit_block():
        op.execute(MEND)
    for column, rule in CHECKS.items():
        op.add_check_online(f"{TABLE}_{column}_check", TABLE, rule)
    op.add_check_online(f"{TABLE}_graded_at_check", TABLE, GRADED)
    op.add_check_online(f"{TABLE}_artifacts_check", TABLE, "jsonb_typeof(artifacts) = 'array'")
    op.add_check_online(f"{TABLE}_submission_method_check", TABLE, "submission_method in ('online', 'paper')")


def downgrade() -> None:
    for column in (*CHECKS, "graded_at", "artifacts", "submission_method"):
        op.drop_constraint_online(f"{TABLE}_{column}_check", TABLE)
    op.execute("drop trigger if exists student_assignments_graded on student_assignments")
    op.execute("drop trigger if exists student_assignments_regraded on student_assignments")
    op.execute("drop function if exists keep_graded_at()")
    for column in ("submission_method", "artifacts", "graded_at"):
        op.retire_column(TABLE, column)
    # lint: backfill-in-one-statement only the few rows that broke a rule
    # lint: loses-data what is deleted from what was kept has just been given back; the table goes where it is empty
    op.execute(GIVE_BACK)


def columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("graded_at", sa.DateTime(timezone=True), comment="known to the day alone where it is midnight UTC"),
        sa.Column(
            "artifacts",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="what the student handed in, a list of links and files",
        ),
        sa.Column("submission_method", sa.Text(), comment="online or paper; NULL: not known"),
    )
