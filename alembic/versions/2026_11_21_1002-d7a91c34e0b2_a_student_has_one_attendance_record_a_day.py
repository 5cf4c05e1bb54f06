"""a student has one attendance record a day

Why: two rows for one student and day were counted as two days, and every list showed another one of them.
Locks: the repeated rows while they are moved; ACCESS EXCLUSIVE on attendance_records for milliseconds for the
constraint, whose index is built before while the table is read and written.
Data: of several rows for one student and day the last changed stays, of those changed at the same time the one that was
added last; the others are set aside in schema retired.
Way back: the constraint goes, the index that it made needless is built again, and the rows come back.

Revision ID: d7a91c34e0b2
Revises: 3c09407b2405
Create Date: 2026-11-21 10:02:00+00:00
"""

from alembic import op

revision = "d7a91c34e0b2"
down_revision = "3c09407b2405"
branch_labels = None
depends_on = None

UNIQUE = "attendance_records_student_id_date_key"
# A row that was never changed has as updated_at the time at which it was made.
REPEATED = """
    exists (
        select from attendance_records as later
         where later.student_id = attendance_records.student_id
           and later.date = attendance_records.date
           and (later.updated_at, later.id) > (attendance_records.updated_at, attendance_records.id)
    )
"""


def upgrade() -> None:
    op.retire_rows("attendance_records", REPEATED, reason="a later row says where the student was on that day")
    op.add_unique_online(UNIQUE, "attendance_records", ["student_id", "date"])
    op.drop_index_online("ix_attendance_records_student_id", "attendance_records")


def downgrade() -> None:
    op.create_index_online("ix_attendance_records_student_id", "attendance_records", ["student_id"])
    op.drop_constraint_online(UNIQUE, "attendance_records")
    op.restore_rows("attendance_records")
