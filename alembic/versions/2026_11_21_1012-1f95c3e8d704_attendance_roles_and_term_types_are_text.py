"""attendance, roles and term types are text

Why: a label never leaves an enum type, and a new one cannot be used in the transaction that adds it. Text with a CHECK
says the same and can be changed while people work. A user may be a teacher or a guardian from here on.
Locks: ACCESS EXCLUSIVE on each of the three tables for milliseconds, at the beginning and when the new column takes the
old one's place; rows while their batch is filled.
Data: every value stays as it is. Whoever is an admin stays one, parents too: nobody loses a right by an upgrade. Who is
a guardian and nothing else is for the school to say:
update users set role = 'guardian' where role = 'admin' and id in (select parent_id from users) and ...
Way back: teachers and guardians are admins again, as all of them were; the way up takes their roles back.

Revision ID: 1f95c3e8d704
Revises: 62d0b7f4a93e
Create Date: 2026-11-21 10:12:00+00:00
"""

from alembic import op

revision = "1f95c3e8d704"
down_revision = "62d0b7f4a93e"
branch_labels = None
depends_on = None

AS_ADMIN = "(case when role in ('teacher', 'guardian') then 'admin' else role end)::userrole"
# table, column, enum type, its labels, how a value becomes one of them again, the states from here on
STATES = (
    (
        "attendance_records",
        "status",
        "attendancestatus",
        ("present", "absent", "late", "excused"),
        "status::attendancestatus",
        "status in ('present', 'absent', 'late', 'excused')",
    ),
    (
        "users",
        "role",
        "userrole",
        ("admin", "student"),
        AS_ADMIN,
        "role in ('admin', 'teacher', 'guardian', 'student')",
    ),
    (
        "terms",
        "term_type",
        "termtype",
        ("semester", "quarter", "trimester", "custom"),
        "term_type::termtype",
        "term_type in ('semester', 'quarter', 'trimester', 'custom')",
    ),
)


def upgrade() -> None:
    for table, column, enum, _, back, states in STATES:
        op.change_types_online(table, {column: ("text", f"{column}::text", back)})
        op.add_check_online(f"{table}_{column}_check", table, states)
        op.retire_enum(enum)


def downgrade() -> None:
    for table, column, enum, labels, back, _ in reversed(STATES):
        op.create_enum(enum, labels)
        op.drop_constraint_online(f"{table}_{column}_check", table)
        op.change_types_online(table, {column: (enum, back, f"{column}::text")})
