"""names of those who did something are kept

Why: a teacher who leaves could never be deleted, and once they can be, who gave a grade must stay readable.
Locks: ACCESS EXCLUSIVE on one table at a time for milliseconds, for the columns and triggers, the catalogue alone; rows
while their batch is filled.
Data: beside each key of who did something stands the name, filled for the rows that are there. The key may be NULL from
here on; it becomes so only when that user is deleted.
Way back: the names are set aside and taken back. Where the key is NULL by then, which the old tables could not hold, a
user deleted-9c2f7be1a846 who is not active and has no password stands in; the way up takes them out again.

Revision ID: 9c2f7be1a846
Revises: d7a91c34e0b2
Create Date: 2026-11-21 10:04:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "9c2f7be1a846"
down_revision = "d7a91c34e0b2"
branch_labels = None
depends_on = None

# table, key, name
NAMES = (
    ("terms", "created_by", "created_by_name"),
    ("assignment_templates", "created_by", "created_by_name"),
    ("student_assignments", "assigned_by", "assigned_by_name"),
    ("student_assignments", "graded_by", "graded_by_name"),
    ("student_term_grades", "finalized_by", "finalized_by_name"),
    ("grade_history", "changed_by", "changed_by_name"),
    ("journal_entries", "author_id", "author_name"),
)
NEVER_NULL_BEFORE = (
    ("terms", "created_by"),
    ("assignment_templates", "created_by"),
    ("student_assignments", "assigned_by"),
    ("grade_history", "changed_by"),
    ("journal_entries", "author_id"),
)
TRIGGERS = (
    """
create or replace trigger {table}_{name}d before insert on {table}
for each row when (new.{key} is not null and new.{name} is null)
execute function keep_name('{key}', '{name}')
""",
    """
create or replace trigger {table}_{key}_renamed before update of {key} on {table}
for each row when (
    new.{key} is not null
    and new.{key} is distinct from old.{key}
    and (new.{name} is null or new.{name} is not distinct from old.{name})
)
execute function keep_name('{key}', '{name}')
""",
)
NAME = "(select btrim(concat_ws(' ', first_name, last_name)) from users as named where named.id = {table}.{key})"
STAND_IN = "deleted-9c2f7be1a846"
STANDS_IN = f"(select id from users where username = '{STAND_IN}')"
LET_STAND_IN = f"""
    insert into users (email, username, hashed_password, first_name, last_name, role, is_active)
    select '{STAND_IN}@ourschool.invalid', '{STAND_IN}', '!', 'Deleted', 'user', 'admin', false
     where {{needed}}
        on conflict (username) do nothing
"""
# Whoever has come to need them meanwhile keeps them.
TAKE_OUT = f"""
do $$
begin
    if not exists (select from attendance_records where student_id = {STANDS_IN}) then
        delete from users where username = '{STAND_IN}';
    end if;
exception when foreign_key_violation then
    null;
end
$$
"""


def upgrade() -> None:
    for table, key, name in NAMES:
        if not op.restore_column(table, name):
            op.add_column(
                table, sa.Column(name, sa.Text(), comment="kept when the user is deleted"), if_not_exists=True
            )
        for trigger in TRIGGERS:
            op.execute(trigger.format(table=table, key=key, name=name))
        named = f"{name} is null and {key} in (select id from users where username <> '{STAND_IN}')"
        op.backfill(table, {name: NAME.format(table=table, key=key)}, named)
    for table, key in NEVER_NULL_BEFORE:
        op.drop_not_null_online(table, key)
        op.backfill(table, {key: "null"}, f"{key} = {STANDS_IN}")
    # lint: loses-data the one user whom the way back has made, where nothing points to them
    op.execute(TAKE_OUT)


def downgrade() -> None:
    for table, key, name in NAMES:
        op.execute(f"drop trigger if exists {table}_{name}d on {table}")
        op.execute(f"drop trigger if exists {table}_{key}_renamed on {table}")
        op.retire_column(table, name)
    needed = " or ".join(f"exists (select from {table} where {key} is null)" for table, key in NEVER_NULL_BEFORE)
    op.execute(LET_STAND_IN.format(needed=needed))
    for table, key in NEVER_NULL_BEFORE:
        op.backfill(table, {key: STANDS_IN}, f"{key} is null")
        op.set_not_null_online(table, key)
